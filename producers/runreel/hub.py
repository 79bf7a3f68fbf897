"""The `runreel up` of this machine: where it is, and how to know that it runs."""

from __future__ import annotations

import os
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runreel.settings import Settings

if TYPE_CHECKING:
    from runreel.spool.lock import Lock  # the spool ships to the hub: it imports this module, not the other way round

FILE: Final = "hub.json"
LOCK: Final = "hub.lock"
ACKS: Final = "acks"


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """What `runreel up` tells the emitters of its machine.

    Attributes:
        id: a UUID made by each `up`: the identity of its broker's epoch.
        kafka: bootstrap servers of the built-in broker.
        url: the web server's address.
        store: where the archive lies, as RUNREEL_STORE spells it.
        acks: the folder of acknowledgements, one file a session.
        pid, host: of `up`, for people.
        started: microseconds since 1970.
    """

    id: str
    kafka: str
    url: str
    store: str
    acks: str
    pid: int = msgspec.field(default_factory=os.getpid)
    host: str = msgspec.field(default_factory=socket.gethostname)
    started: int = msgspec.field(default_factory=lambda: time.time_ns() // 1000)

    @staticmethod
    def new_id() -> str:
        """An id for a new hub."""
        return str(uuid.uuid4())

    @staticmethod
    def hold(settings: Settings) -> Lock | None:
        """Become this machine's hub: the lock that says so, or None where another `up` runs.

        Raises:
            OSError: the state folder cannot be made or written.
        """
        from runreel.spool.lock import acquire

        settings.state_dir.mkdir(parents=True, exist_ok=True)
        return acquire(settings.state_dir / LOCK, create=True)

    def write(self, settings: Settings) -> None:
        """Tell the emitters; atomic. Only whoever holds the lock may.

        Raises:
            OSError: the state folder cannot be written.
        """
        Path(self.acks).mkdir(parents=True, exist_ok=True)
        replace(settings.state_dir / FILE, msgspec.json.encode(self))

    @staticmethod
    def remove(settings: Settings) -> None:
        """It ends: the file goes (the lock goes with its process)."""
        (settings.state_dir / FILE).unlink(missing_ok=True)

    @staticmethod
    def find(settings: Settings) -> Hub | None:
        """The hub that runs on this machine now, or None."""
        from runreel.spool.lock import held_here, is_held

        lock = settings.state_dir / LOCK
        try:
            hub = msgspec.json.decode((settings.state_dir / FILE).read_bytes(), type=Hub)
        except (OSError, msgspec.DecodeError):
            return None
        return hub if held_here(lock) or is_held(lock) else None


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, whole.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns():x}")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def acknowledged(folder: Path, session: str) -> int:
    """The seq up to which all of `session` is in the archive; -1: nothing yet."""
    try:
        return int((folder / session).read_bytes())
    except (OSError, ValueError):
        return -1
