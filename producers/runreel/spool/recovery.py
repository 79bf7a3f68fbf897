"""What ended processes left: found, taken by one process at a time, shipped."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from runreel.deadline import Deadline
from runreel.settings import Settings
from runreel.spool.budget import size_of
from runreel.spool.folder import Folder, folders, read_meta, take
from runreel.spool.shipper import Shipper
from runreel.transports.base import Transport
from runreel.transports.choice import choose, destination

_log = logging.getLogger("runreel")


class Waiting(msgspec.Struct, frozen=True):
    """What waits in the spool of this machine: sessions of ended processes and of living ones, and their bytes."""

    sessions: int
    bytes: int
    alive: int = 0


class Recovered(msgspec.Struct, frozen=True):
    """What a recovery came to: sessions that were taken, and those of them that are delivered whole."""

    taken: int
    delivered: int


def waiting(settings: Settings) -> Waiting:
    """What waits in the spool. `sessions` and `bytes` are those of ended processes; artifact copies count."""
    sessions = size = alive = 0
    for path in folders(settings.spool_dir):
        folder = take(path)
        if folder is None:
            alive += 1
            continue
        sessions += 1
        size += size_of(path) + size_of(folder.files)
        folder.release()
    return Waiting(sessions, size, alive)


def dead(settings: Settings, *, unaddressed: bool, everywhere: bool = False) -> Iterator[Folder]:
    """The spools of ended processes, each taken: locked by this process as it is answered.

    Args:
        settings: name the spool, and where events go: what was meant to go elsewhere is left.
        unaddressed: take also what was said where nobody had said where to.
        everywhere: take also what was meant to go elsewhere.
    """
    known = {destination(settings), ""} if unaddressed else {destination(settings)}
    for path in folders(settings.spool_dir):
        meta = read_meta(path)
        if meta is None or not (everywhere or meta.destination in known):
            continue
        if (folder := take(path)) is not None:
            yield folder


def elsewhere(settings: Settings) -> dict[str, int]:
    """Where the spools that wait here were meant to go, if not where events go now: address -> how many."""
    here = {destination(settings), ""}
    metas = (read_meta(path) for path in folders(settings.spool_dir))
    return dict(Counter(meta.destination for meta in metas if meta is not None and meta.destination not in here))


def adopt(folder: Folder, *, how: Literal["recovered", "killed"] = "recovered") -> Shipper | None:
    """A shipper of a spool that was taken; None, and a line that says so, where it cannot be read."""
    try:
        return Shipper(folder, how=how)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        _log.warning("runreel: the spool %s cannot be read: %s", folder.path, error)
        folder.release()
        return None


def recover(
    settings: Settings,
    *,
    timeout: float | None = None,
    how: Literal["recovered", "killed"] = "recovered",
    transport: Transport | None = None,
    session: str | None = None,
    everywhere: bool = False,
) -> Recovered:
    """Ship what ended processes of this machine left in the spool: sealed events as they are, then what was not sealed.

    Any number of processes may recover at once: each spool is taken by one of them.

    Args:
        settings: name the spool and the way out.
        timeout: seconds; None: RUNREEL_EXIT_WAIT. What is left then stays.
        how: what `session.closed` says of a session that did not say it itself.
        transport: the way out, instead of what the settings say.
        session: only what this session and its children left; None: all.
        everywhere: also what was meant to go elsewhere.
    """
    from runreel.worker import Worker  # it ships on its own what this module finds

    way = transport or choose(settings)
    worker = Worker(settings, way, recover=False)
    taken: list[Path] = []
    for folder in dead(settings, unaddressed=True, everywhere=everywhere):
        if session is not None and session not in (folder.meta.session, folder.meta.parent):
            folder.release()
        elif (shipper := adopt(folder, how=how)) is not None:
            taken.append(folder.path)
            worker.add(shipper)
    if taken:
        deadline = Deadline(settings.exit_wait if timeout is None else timeout)
        worker.pump(deadline, lambda: worker.idle or worker.hopeless)
        worker.let_go()
        if transport is None:
            with contextlib.suppress(Exception):
                way.close(deadline.left(1.0))
    return Recovered(len(taken), sum(not path.exists() for path in taken))
