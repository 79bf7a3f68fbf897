"""One emitting process's part in one run: what it says is in the spool when the call returns."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from runreel import living
from runreel.codec import MAX_EVENT, encode_data
from runreel.deadline import Deadline
from runreel.events import Role
from runreel.ids import new_session
from runreel.opened import GONE, Gone, Later, Opened
from runreel.settings import Settings
from runreel.spool.batch import Many, Name, Structure
from runreel.spool.folder import Meta
from runreel.spool.slots import CLOSE, COLUMNS, EVENT, LINE, NAME, PROGRESS
from runreel.spool.writer import Writer
from runreel.transports.base import Transport
from runreel.transports.choice import destination
from runreel.uploads import Job, keep
from runreel.values import number

COLUMN: Final = 16 << 10
"""Points of one record, at most."""

_ROOM: Final = 4096  # bytes of an event that are not its data and subject

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger("runreel")


class Session:
    """What one process says of one run.

    Any number of threads, and signal handlers, may call it at once: no call takes a lock or waits, save `flush` and
    `close`, and save the policy of a full spool. None raises save for a wrong argument, or SpoolFull where
    RUNREEL_ON_FULL is `raise`. In a forked child it goes on as a session of its own, with the parent's as its parent.

    Args:
        settings: the settings in force.
        run: the run's id.
        workspace: whose it is.
        source: the CloudEvents source, a uri reference.
        role: the process's part in the run.
        parent: the session that started this process.
        transport: the way out; by default what the settings say, shared by all sessions of the process.
        one_shot: it says neither `opened` nor `closed`; the caller marks the last event `final`.

    Raises:
        SettingError: the spool's folder cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run: str,
        workspace: str,
        source: str,
        role: Role,
        parent: str | None = None,
        transport: Transport | None = None,
        one_shot: bool = False,
    ) -> None:
        self.settings = settings
        self._who = Meta(
            session=new_session(),
            run=run,
            workspace=workspace,
            source=source,
            role=role,
            parent=parent,
            one_shot=one_shot,
            destination=destination(settings),
        )
        self._transport = transport
        self._handles: dict[Name, int] = {}
        self._next_handle = itertools.count(1).__next__
        self._own: dict[int, Opened] = {}
        self._closed = False
        self._writer: Writer | Later | Gone = Later(self)
        living.add(self)
        self.opened()

    @property
    def id(self) -> str:
        """This process's session. After a fork it is the parent's until the child speaks."""
        opened = self._own.get(os.getpid())
        return opened.shipper.session if opened else self._who.session

    # -- saying

    def say(
        self,
        type: str,  # noqa: A002  # the contract's word
        data: msgspec.Struct | Mapping[str, Any],
        *,
        subject: str | None = None,
        execution: str | None = None,
        time: int | None = None,
        final: bool = False,
    ) -> None:
        """Say an event of structure.

        Args:
            type: of `runreel.events`, or any other.
            data: a struct of `runreel.events`, or a mapping that JSON can hold.
            subject: the step's path; None: the run itself.
            execution: the attempt.
            time: microseconds since 1970; None: now.
            final: the last word of a one-shot session.

        Raises:
            TypeError: data are not what JSON can hold.
            ValueError: they are more than an event holds.
        """
        payload = encode_data(data if isinstance(data, msgspec.Struct) else dict(data))
        if len(payload) + len(subject or "") > MAX_EVENT - _ROOM:
            raise ValueError(
                f"data of {type} are {len(payload):,} bytes, an event holds {MAX_EVENT - _ROOM:,}: "
                "say less, or make it an artifact"
            )
        record = Structure(type, subject, execution, final, payload)
        self.started().record(EVENT, 0, time, _encode(record))

    def series(self, subject: str | None, execution: str | None, name: str) -> int:
        """A handle of the series `name` of an execution, for `point` and `points`. The same at every call."""
        return self._handle(Name(0, subject, execution, name))

    def point(self, series: int, at: int | float | None, value: float | int, time: int | None = None) -> None:
        """One point of a series. About a microsecond.

        Args:
            series: its handle.
            at: its index; None: it counts.
            value: an int or a float, or what becomes one (numpy's).
            time: microseconds since 1970; None: now.

        Raises:
            TypeError: `at` or `value` is no number.
        """
        if type(value) is not float:
            value = _number("value", value)
        if at is not None and type(at) is not float:
            at = _number("at", at)
        self._writer.point(series, at, value, time)

    def points(
        self,
        series: int,
        at: Sequence[int | float] | None,
        value: Sequence[int | float],
        time: Sequence[int] | None = None,
    ) -> None:
        """Many points of a series, columns of the same length; `time` None: now.

        Raises:
            TypeError: one of them is no number.
            ValueError: the columns differ in length.
        """
        for field, column in (("at", at), ("time", time)):
            if column is not None and len(column) != len(value):
                raise ValueError(f"{field} has {len(column)} entries, value has {len(value)}: give as many of each")
        now = clock.time_ns() // 1000
        for start in range(0, len(value), COLUMN):
            piece = slice(start, start + COLUMN)
            values = [_number("value", one) for one in value[piece]]
            many = Many(
                at=None if at is None else [_number("at", one) for one in at[piece]],
                time=[now] * len(values) if time is None else list(time[piece]),
                value=values,
            )
            if not self.started().record(COLUMNS, series, now, _encode(many), stream=len(values)):
                return

    def line(
        self,
        subject: str | None,
        execution: str | None,
        text: str | bytes,
        level: str = "INFO",
        stream: Literal["stdout", "stderr", "log"] = "log",
        time: int | None = None,
    ) -> None:
        """A line of a step's log, of any length. Bytes that are not UTF-8 survive, marked."""
        handle = self._handle(Name(0, subject, execution, "", stream, level))
        self._writer.record(LINE, handle, time, text if isinstance(text, bytes) else _bytes(text), stream=1)

    def progress(
        self,
        subject: str | None,
        execution: str | None,
        done: float,
        total: float | None = None,
        unit: str | None = None,
        message: str | None = None,
        time: int | None = None,
    ) -> None:
        """How far a step is: `done` of `total` units. At most five a second are told, the last one always."""
        handle = self._handle(Name(0, subject, execution))
        self._writer.record(PROGRESS, handle, time, _encode((done, total, unit, message)), stream=1)

    def lost(self, reason: str, count: int = 1) -> None:
        """Count what could not be said; it is told as `runreel.loss`."""
        self.started().lost(reason, count)

    def _handle(self, name: Name) -> int:
        handle = self._handles.get(name)
        if handle is None:
            handle = self._next_handle()
            self._declare(self.started(), name, handle)
            handle = self._handles.setdefault(name, handle)
        return handle

    def _declare(self, writer: Writer | Later | Gone, name: Name, handle: int) -> None:
        known = msgspec.structs.replace(name, handle=handle)
        if not writer.record(NAME, handle, 0, _encode(known), quiet=True) and (opened := self._own.get(os.getpid())):
            opened.shipper.learn(known)

    # -- artifacts

    def files(self) -> Path:
        """The folder in the spool where copies of artifacts lie.

        Raises:
            OSError: it cannot be made.
        """
        folder = self.opened().folder.files
        folder.mkdir(exist_ok=True)
        return folder

    def upload(
        self, artifact: str, path: Path, by: Literal["chunks", "claim"], *, size: int, sha256: str, name: str
    ) -> None:
        """Ship a file that lies in `files()`; it is removed when it has arrived.

        Args:
            artifact: the artifact's id.
            by: `chunks` through Kafka, or a `claim` check.
            size: bytes.
            sha256: in hex.
            name: the artifact's, for messages.
        """
        opened = self.opened()
        who = opened.folder.meta
        job = Job(
            artifact=artifact, path=str(path), by=by, size=size, sha256=sha256, name=name, run=who.run,
            workspace=who.workspace,
        )  # fmt: skip
        try:
            keep(opened.folder.uploads, job)
        except OSError as error:
            _log.warning("runreel: artifact %r cannot be uploaded: %s", name, error)
            self.lost("upload")
        self.started()

    # -- the end

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all said so far, artifacts included, is acknowledged. False: not within `timeout` seconds."""
        opened = self._own.get(os.getpid())
        if opened is None:
            return True
        return opened.flush(opened.writer.mark(), Deadline(timeout), patient=True)

    def close(self, timeout: float | None = None, how: Literal["clean", "recovered", "killed"] = "clean") -> bool:
        """Say the last word, and wait for what is not acknowledged.

        Args:
            timeout: seconds; None: RUNREEL_EXIT_WAIT. What is left then stays in the spool, and one line says so.
            how: the session ended.

        Returns:
            Whether all is acknowledged.
        """
        opened = self._own.get(os.getpid())
        if self._closed or opened is None:
            self._closed = True
            return True
        self._closed = True
        self._writer = GONE
        if not opened.writer.record(CLOSE, 0, None, _encode(how), quiet=True):
            opened.shipper.end(how)
        deadline = Deadline(self.settings.exit_wait if timeout is None else timeout)
        if opened.flush(opened.writer.mark(), deadline, patient=False):
            return True
        opened.say_left(self.settings)
        return False

    # -- inside

    def started(self) -> Writer | Later | Gone:
        """What takes the words of this process, its worker running."""
        opened = self._own.get(os.getpid())
        if opened is not None and not opened.started:
            opened.started = True
            opened.worker.start()
        return self._writer

    def opened(self) -> Opened:
        """This process's spool, made at its first word. Two threads at once make two, and one is thrown away."""
        pid = os.getpid()
        opened = self._own.get(pid)
        if opened is not None:
            return opened
        made = Opened(self.settings, self._who, self._transport)
        for name, handle in list(self._handles.items()):
            self._declare(made.writer, name, handle)
        opened = self._own.setdefault(pid, made)
        if opened is not made:
            made.discard()
        else:
            made.worker.add(made.shipper)
            self._writer = GONE if self._closed else made.writer
        return opened

    def silence(self) -> None:
        """Say nothing from now on."""
        self._writer = GONE

    @property
    def over(self) -> bool:
        """Whether its last word is said."""
        return self._closed

    def forked(self) -> None:
        """In a child: the next word opens a session of its own."""
        parent = next(reversed(self._own.values())).shipper.session if self._own else self._who.session
        role: Role = "service" if self._who.role == "service" else "member"
        self._who = msgspec.structs.replace(
            self._who, session=new_session(), parent=parent, role=role, pid=os.getpid(), host=socket.gethostname()
        )
        for inherited in self._own.values():
            inherited.let_go()
        self._own = {}
        if not self._closed:
            self._writer = Later(self)
        if self._transport is not None:
            self._transport.reset()


def _number(field: str, value: Any) -> int | float:
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return value
    return number(field, value)


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
