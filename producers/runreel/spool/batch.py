"""Records -> what the events of one round will say: points of a series, lines of a step, in columns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from runreel.codec import MAX_EVENT, encode_data, escape
from runreel.events import LOGS, METRICS, PROGRESS, RUN_FINISHED, SESSION_CLOSED, STEP_FINISHED, Logs, Metrics, Progress
from runreel.split import encoded_size, split
from runreel.spool.slots import CLOSE, COLUMNS, EVENT, LINE, NAME, First
from runreel.spool.slots import PROGRESS as PROGRESS_RECORD
from runreel.spool.writer import big_file

POINTS: Final = 3000
"""Points of one event, at most: about 150 KB."""

LINES_SIZE: Final = 120 << 10
"""Bytes of lines in one event, about: two fit into what may be under way to an `up`. A longer line has its own."""

PACE: Final = 200_000
"""Microseconds between two values of a step's progress, at least."""

_ROOM: Final = 4096  # bytes of an envelope, its subject aside
_HELD: Final = 2000  # values of progress that may be held back, at most


class Name(msgspec.Struct, frozen=True, array_like=True):
    """What a handle stands for: a series (its name), lines (`stream` and `level`) or progress of a step."""

    handle: int
    subject: str | None
    execution: str | None
    name: str = ""
    stream: Literal["stdout", "stderr", "log"] = "log"
    level: str = "INFO"


class Structure(msgspec.Struct, frozen=True, array_like=True):
    """A structural event as its record holds it, `data` in JSON."""

    type: str
    subject: str | None
    execution: str | None
    final: bool
    data: bytes


class Many(msgspec.Struct, frozen=True, array_like=True):
    """Many points of one series."""

    at: list[float] | None
    time: list[int]
    value: list[float]


Key = tuple[str | None, str | None]
"""Whose: a step's path and execution."""

Step = tuple[float, float | None, str | None, str | None]
"""One value of a step's progress: done, total, unit, message."""


class Said(msgspec.Struct, frozen=True):
    """An event that has no seq yet. Of `runreel.session.closed`, `data` is how it ended."""

    type: str
    subject: str | None
    execution: str | None
    time: int
    data: bytes
    final: bool = False


class Batch:
    """Takes the records of one round (`runreel.spool.reader.Sink`) and makes `events` of them, in order.

    Args:
        folder: where the files lie that slots name.
        names: what handles stand for; a round's own are in `learnt`.
        progress: whose -> when its progress was last said; what this round adds is in `progress`.
        now: microseconds since 1970.
        whole: nothing is held back: the session ends, or somebody waits for it.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[int, Name],
        progress: Mapping[Key, int],
        *,
        now: int,
        whole: bool,
    ) -> None:
        self.events: list[Said] = []
        self.learnt: dict[int, Name] = {}
        self.progress: dict[Key, int] = {}
        self.held: set[int] = set()
        self.files: list[str] = []
        self.closed = False
        self.size = 0
        self._folder, self._names, self._said, self._now, self._whole = folder, names, progress, now, whole
        self._series: dict[tuple[int, bool], tuple[list[float], list[int], list[float]]] = {}
        self._lines: dict[tuple[str | None, str | None, str, bool], _Lines] = {}
        self._values: dict[Key, list[_Value]] = {}

    # -- the sink of a reader

    def points(self, handle: int, at: list[int] | list[float] | None, time: list[int], value: list[float]) -> None:
        """Points of one series, in order, columns of the same length."""
        if self.closed:
            return
        group = self._series.setdefault((handle, at is not None), ([], [], []))
        if at is not None:
            group[0].extend(at)
        group[1].extend(time)
        group[2].extend(value)
        self.size += 50 * len(time)
        if len(group[1]) >= POINTS:
            self._cut_points(handle, at is not None)

    def record(self, slot: int, record: First) -> None:
        """A longer record."""
        if self.closed:
            return
        payload = record.payload
        if record.in_file:
            name = payload.decode()
            found = big_file(self._folder, name)
            if found is None:
                return
            payload = found
            self.files.append(name)
        self.size += len(payload)
        if record.kind == LINE:
            self._line(record, payload)
        elif record.kind == PROGRESS_RECORD:
            whose = self.name(record.handle)
            if whose is not None:
                value = _Value(slot, record.time, msgspec.msgpack.decode(payload, type=Step))
                self._values.setdefault((whose.subject, whose.execution), []).append(value)
        elif record.kind == NAME:
            known = msgspec.msgpack.decode(payload, type=Name)
            self.learnt[known.handle] = known
        elif record.kind == COLUMNS:
            many = msgspec.msgpack.decode(payload, type=Many)
            for start in range(0, len(many.time), POINTS):
                piece = slice(start, start + POINTS)
                at = None if many.at is None else many.at[piece]
                self.points(record.handle, at, many.time[piece], many.value[piece])
        elif record.kind in (EVENT, CLOSE):
            self._structure(record, payload)

    def finish(self) -> list[Said]:
        """All events, in order. `held`: slots of progress that wait for a later round."""
        self._cut()
        for key in list(self._values):
            self._cut_progress(key, whole=self._whole)
        return self.events

    def name(self, handle: int) -> Name | None:
        """What a handle stands for."""
        return self.learnt.get(handle) or self._names.get(handle)

    # -- structure

    def _structure(self, record: First, payload: bytes) -> None:
        self._cut()
        if record.kind == CLOSE:
            self._cut_all_progress()
            self.closed = True
            self.events.append(Said(SESSION_CLOSED, None, None, record.time, payload))
            return
        said = msgspec.msgpack.decode(payload, type=Structure)
        key = (said.subject, said.execution)
        if said.type == STEP_FINISHED and key in self._values:
            self._cut_progress(key, whole=True)
        elif said.type == RUN_FINISHED:
            self._cut_all_progress()
        self.events.append(Said(said.type, *key, record.time, said.data, said.final))

    def _cut_all_progress(self) -> None:
        for key in list(self._values):
            self._cut_progress(key, whole=True)

    def _cut(self) -> None:
        for handle, indexed in list(self._series):
            self._cut_points(handle, indexed)
        for key in list(self._lines):
            self._cut_lines(key)

    # -- points

    def _cut_points(self, handle: int, indexed: bool) -> None:
        at, time, value = self._series.pop((handle, indexed))
        name = self.name(handle)
        if name is None:
            return
        for start in range(0, len(time), POINTS):
            piece = slice(start, start + POINTS)
            data = Metrics(name=name.name, time=time[piece], value=list(value[piece]), at=list(at[piece]) or None)
            when = time[piece][-1]
            self.events.append(Said(METRICS, name.subject, name.execution, when, encode_data(data)))

    # -- lines

    def _line(self, record: First, payload: bytes) -> None:
        name = self.name(record.handle)
        if name is None:
            return
        text, escaped = escape(payload)
        size = encoded_size(text)
        key = (name.subject, name.execution, name.stream, escaped)
        lines = self._lines.get(key)
        if lines is not None and lines.size + size > LINES_SIZE:
            self._cut_lines(key)
            lines = None
        most = MAX_EVENT - _ROOM - encoded_size(name.subject or "")
        if size <= most:
            if lines is None:
                lines = self._lines[key] = _Lines()
            lines.add(record.time, name.level, text, size)
            return
        pieces = list(split(text, most))
        for i, piece in enumerate(pieces):
            lines = self._lines[key] = _Lines()
            lines.add(record.time, name.level, piece, 0)
            self._cut_lines(key, more=i + 1 < len(pieces))

    def _cut_lines(self, key: tuple[str | None, str | None, str, bool], *, more: bool = False) -> None:
        subject, execution, stream, escaped = key
        lines = self._lines.pop(key)
        data = Logs(
            time=lines.time,
            level=lines.level,
            text=lines.text,
            stream=stream,  # type: ignore[arg-type]  # it comes from a Name
            escaped=escaped,
            more=more,
        )
        self.events.append(Said(LOGS, subject, execution, lines.time[-1], encode_data(data)))

    # -- progress

    def _cut_progress(self, key: Key, *, whole: bool) -> None:
        """At most five values a second, and the last one always: it is held back while it comes too soon."""
        values = self._values.pop(key)
        last = self.progress.get(key, self._said.get(key))
        kept: list[_Value] = []
        for value in values:
            if last is None or value.time - last >= PACE:
                kept.append(value)
                last = value.time
        newest = values[-1]
        if last is not None and (not kept or kept[-1] is not newest):
            if whole or self._now - last >= PACE or len(self.held) >= _HELD:
                kept.append(newest)
                last = max(newest.time, last + PACE)
            else:
                self.held.add(newest.slot)
        if last is not None:
            self.progress[key] = last
        for (total, unit, message), alike in itertools.groupby(kept, lambda one: one.step[1:]):
            same = list(alike)
            data = Progress(
                time=[one.time for one in same],
                done=[one.step[0] for one in same],
                total=total,
                unit=unit,
                message=message,
            )
            self.events.append(Said(PROGRESS, *key, same[-1].time, encode_data(data)))


class _Value(NamedTuple):
    """One value of a step's progress: `step` is (done, total, unit, message)."""

    slot: int
    time: int
    step: Step


class _Lines:
    """Lines of one step and stream that go into one event."""

    def __init__(self) -> None:
        self.time: list[int] = []
        self.level: list[str] = []
        self.text: list[str] = []
        self.size = 0

    def add(self, time: int, level: str, text: str, size: int) -> None:
        """One more."""
        self.time.append(time)
        self.level.append(level)
        self.text.append(text)
        self.size += size + len(level) + 22
