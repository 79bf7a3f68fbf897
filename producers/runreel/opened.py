"""What a session has in one process, and what stands in its place before its first word and after its last."""

from __future__ import annotations

import logging
import weakref
from functools import cache
from typing import Any, Final, Protocol

import msgspec

from runreel.codec import encode_data
from runreel.deadline import Deadline
from runreel.errors import SettingError
from runreel.events import SESSION_OPENED, SessionOpened
from runreel.settings import Settings
from runreel.spool.batch import Structure
from runreel.spool.folder import Folder, Meta, create
from runreel.spool.shipper import Shipper
from runreel.spool.slots import EVENT
from runreel.spool.writer import Writer
from runreel.transports.base import Transport
from runreel.worker import Worker, warn_unreachable, worker_of

_SLICE: Final = 0.1

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger("runreel")


class Opener(Protocol):
    """A session as its stand-ins see it."""

    def opened(self) -> Opened:
        """This process's spool, made where there is none yet."""

    def started(self) -> Writer | Later | Gone:
        """The writer, its worker running."""

    def silence(self) -> None:
        """Say nothing from now on."""


class Opened:
    """What a session has in one process."""

    def __init__(self, settings: Settings, who: Meta, transport: Transport | None) -> None:
        self.folder: Folder = create(settings.spool_dir, who)
        self.started = False
        try:
            self.writer = Writer(
                self.folder, limit=settings.spool_limit, on_full=settings.on_full, sealed=self._sealed_bytes
            )
            self.shipper = Shipper(self.folder, self.writer)
        except OSError as error:
            self.folder.remove()
            raise SettingError(
                "RUNREEL_SPOOL_DIR",
                str(settings.spool_dir),
                f"takes no files ({error.strerror}): free some space there",
            ) from None
        self.worker: Worker = worker_of(settings, transport)
        if not who.one_shot:
            opened = SessionOpened(role=who.role, parent=who.parent, host=who.host, pid=who.pid, sdk=_sdk())
            record = Structure(SESSION_OPENED, None, None, False, encode_data(opened))
            self.writer.record(EVENT, 0, None, _encode(record))

    def _sealed_bytes(self) -> int:
        shipper: Shipper | None = getattr(self, "shipper", None)
        return shipper.ledger.size() if shipper else 0

    def discard(self) -> None:
        """It is one too many."""
        self.shipper.ledger.close()
        self.folder.remove()

    def let_go(self) -> None:
        """In a forked child: unmap the parent's segments, so that their space is free when the parent is done."""
        for segment in self.writer.segments():
            segment.forget()

    def flush(self, slot: int, deadline: Deadline, *, patient: bool) -> bool:
        """Wait; where not `patient`, only while there is hope."""
        self.started = True
        wait = self.worker.flush(self.shipper, slot)
        while not wait(deadline.left(_SLICE)):
            if deadline.expired or (not patient and self.worker.hopeless):
                return False
        return True

    def say_left(self, settings: Settings) -> None:
        """One line that says what stays in the spool."""
        if self.worker.hopeless:
            warn_unreachable(self.worker.transport, settings)
            return
        _log.warning(
            "runreel: not all of run %s is delivered to %s; what is left waits in %s: `runreel sync` ships it",
            self.folder.meta.run,
            self.worker.transport.where,
            self.folder.path,
        )


class Later:
    """In place of a writer before a child's first word: opens its spool and hands on."""

    def __init__(self, session: Opener) -> None:
        self._session = weakref.ref(session)

    def _writer(self) -> Writer | Gone:
        session = self._session()
        if session is None:
            return GONE
        try:
            session.opened()
        except (OSError, SettingError) as error:
            _log.warning("runreel: this process says nothing: %s", error)
            session.silence()
            return GONE
        writer = session.started()
        return GONE if isinstance(writer, Later) else writer

    def point(self, handle: int, at: float | None, value: float, when: int | None) -> None:
        """See Writer."""
        self._writer().point(handle, at, value, when)

    def record(self, kind: int, handle: int, when: int | None, payload: bytes, **how: Any) -> bool:
        """See Writer."""
        return self._writer().record(kind, handle, when, payload, **how)

    def lost(self, reason: str, count: int = 1) -> None:
        """See Writer."""
        self._writer().lost(reason, count)


class Gone:
    """In place of a writer after the last word."""

    def point(self, *_: Any) -> None:
        """Nothing."""

    def record(self, *_: Any, **__: Any) -> bool:
        """Nothing."""
        return True

    lost = point


GONE: Final = Gone()


@cache
def _sdk() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and needed once

    try:
        return f"runreel-python/{version('runreel')}"
    except PackageNotFoundError:
        return "runreel-python"
