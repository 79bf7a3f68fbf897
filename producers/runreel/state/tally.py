"""The fold of streams: for each series its count, last, least and greatest value; progress; lines by level.

Beside `RunState`, under the same laws: a function of the set of events, cut at a moment row by row. Its size is that of
the names, never that of the points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from runreel import events as ev
from runreel.codec import payload, read, spell_one
from runreel.errors import CodecError
from runreel.events import Event
from runreel.ids import joined_execution
from runreel.state.intervals import Intervals, add
from runreel.state.records import FORMAT
from runreel.state.registers import Offsets, Register, Stamp, latest, put_latest, stamp
from runreel.state.touched import RUN, Part, Touched

ERROR_TEXT: Final = 1000
"""How many characters of the last error line are kept here; the line itself is in the log, whole."""

ERRORS: Final = frozenset({"ERROR", "CRITICAL"})
_LEVELS: Final = {
    "TRACE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "CRITICAL": "CRITICAL",
    "FATAL": "CRITICAL",
}

Value = int | float


class Points(msgspec.Struct, array_like=True):
    """One session's points of a series: how many have a value, the least and greatest number, the last one said."""

    count: int = 0
    least: float | None = None
    greatest: float | None = None
    last: tuple[int, int, Value] | None = None
    """(time, seq, value)"""


class Done(msgspec.Struct, array_like=True):
    """How far a step is."""

    done: float
    total: float | None = None
    unit: str | None = None
    message: str | None = None


class Lines(msgspec.Struct, array_like=True):
    """The lines of one execution: how many of each level, and each session's last error."""

    levels: dict[str, int] = msgspec.field(default_factory=dict)
    errors: Register[str] = msgspec.field(default_factory=dict)


class _Kept(msgspec.Struct, array_like=True):
    """All that is remembered. `series` by path, execution, name, session; `progress` and `lines` by path, execution."""

    run: str
    until: int | None = None
    offsets: dict[str, int] = msgspec.field(default_factory=dict)
    seen: dict[str, Intervals] = msgspec.field(default_factory=dict)
    series: dict[str, dict[str, dict[str, dict[str, Points]]]] = msgspec.field(default_factory=dict)
    progress: dict[str, dict[str, Register[Done]]] = msgspec.field(default_factory=dict)
    lines: dict[str, dict[str, Lines]] = msgspec.field(default_factory=dict)
    problems: int = 0


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(tuple[int, _Kept])


class Tally:
    """The summary of one run's streams. Grows by `apply`; the order of events and their repetition do not matter.

    Args:
        run: the run's id.
        until: only rows up to this moment count, in microseconds since 1970 by the broker's clock; None: all.
        offsets: the sessions' clock offsets (`offsets_of`), which `until` goes by.
    """

    def __init__(self, run: str, *, until: int | None = None, offsets: Offsets | None = None) -> None:
        known = {} if until is None else {sid: offset.micros for sid, offset in (offsets or {}).items()}
        self._kept = _Kept(run=run, until=until, offsets=known)

    @property
    def problems(self) -> int:
        """How many events of streams had data that could not be read."""
        return self._kept.problems

    def apply(self, event: Event) -> Touched:
        """Take one event in; what is no stream only counts as seen, so that its seq is no gap here.

        Returns:
            The parts of the view that may have changed: series by path, the steps whose progress or lines did.

        Raises:
            ValueError: the event is of another run.
        """
        kept = self._kept
        if event.run != kept.run:
            raise ValueError(f"event {event.id} is of run {event.run}, this is {kept.run}")
        sid, seq = event.session, event.seq
        if sid is None or seq is None or not add(kept.seen.setdefault(sid, []), seq):
            return ()
        if event.type == ev.SESSION_OFFSET:  # whose word is the last one follows from it: this is rare
            steps = ((("step", path) if path else RUN) for path in (*kept.progress, *kept.lines))
            return {*steps, *(("series", path) for path in kept.series)}
        if event.type not in ev.STREAMS:
            return ()
        path = event.subject or ""
        execution = event.execution or (joined_execution(event.run, path) if path else "")
        limit = None if kept.until is None else kept.until - kept.offsets.get(sid, 0)
        part: Part = ("step", path) if path else RUN
        try:
            data = payload(event)
            if event.type == ev.METRICS:
                changed = self._metrics(path, execution, sid, seq, limit, data)
                part = ("series", path)
            elif event.type == ev.PROGRESS:
                changed = self._progress(path, execution, sid, seq, limit, data)
            else:
                changed = self._logs(path, execution, sid, seq, limit, data)
        except CodecError:
            kept.problems += 1
            return ()
        return (part,) if changed else ()

    def _metrics(self, path: str, execution: str, sid: str, seq: int, limit: int | None, data: ev.Metrics) -> bool:
        time, value = data.time, data.value
        if limit is not None and time and max(time) > limit:
            kept = [i for i, when in enumerate(time) if when <= limit]
            time, value = [time[i] for i in kept], [value[i] for i in kept]
        numbers, least, greatest = _bounds(value)
        if not numbers:
            return False
        names = self._kept.series.setdefault(path, {}).setdefault(execution, {})
        points = names.setdefault(data.name, {}).setdefault(sid, Points())
        points.count += len(numbers)
        if least is not None and (points.least is None or least < points.least):
            points.least = least
        if greatest is not None and (points.greatest is None or greatest > points.greatest):
            points.greatest = greatest
        at = _last(time, numbers)
        if points.last is None or (time[at], seq) > points.last[:2]:
            points.last = (time[at], seq, numbers[at])
        return True

    def _progress(self, path: str, execution: str, sid: str, seq: int, limit: int | None, data: ev.Progress) -> bool:
        rows = {i: when for i, when in enumerate(data.time) if limit is None or when <= limit}
        if not rows:
            return False
        at = _last(data.time, rows)
        register = self._kept.progress.setdefault(path, {}).setdefault(execution, {})
        put_latest(register, sid, data.time[at], seq, Done(data.done[at], data.total, data.unit, data.message))
        return True

    def _logs(self, path: str, execution: str, sid: str, seq: int, limit: int | None, data: ev.Logs) -> bool:
        rows = [i for i, when in enumerate(data.time) if limit is None or when <= limit]
        if not rows:
            return False
        lines = self._kept.lines.setdefault(path, {}).setdefault(execution, Lines())
        levels = [_LEVELS.get(level.upper(), "OTHER") for level in data.level]
        final = len(data.time) - 1
        for i in rows:
            if not (data.more and i == final):  # a text in pieces counts where its last piece is
                lines.levels[levels[i]] = lines.levels.get(levels[i], 0) + 1
        errors = {i: data.time[i] for i in rows if levels[i] in ERRORS}
        if errors:
            at = _last(data.time, errors)
            put_latest(lines.errors, sid, data.time[at], seq, data.text[at][:ERROR_TEXT])
        return True

    # -- reading

    def paths(self) -> Iterable[str]:
        """The steps that have series; the run's own is the empty path."""
        return self._kept.series.keys()

    def series(self, path: str, execution: str | None, offsets: Offsets) -> dict[str, dict[str, Any]]:
        """Name -> `{count, last, min, max}` of a step's execution; None: of the one that spoke last."""
        executions = self._kept.series.get(path, {})
        key = execution if path else ""
        if key is None:
            key = max(executions, key=lambda one: (_latest_point(executions[one], offsets), one), default="")
        return {name: _summary(by_session, offsets) for name, by_session in sorted(executions.get(key, {}).items())}

    def count(self, event: Event, name: str) -> int:
        """How many points of the series `name` the session of `event` has said before: where implicit indices go on."""
        path = event.subject or ""
        execution = event.execution or (joined_execution(event.run, path) if path else "")
        names = self._kept.series.get(path, {}).get(execution, {})
        points = names.get(name, {}).get(event.session or "")
        return 0 if points is None else points.count

    def progress(self, path: str, execution: str | None, offsets: Offsets) -> Done | None:
        """How far a step's execution is; None where it has said nothing, and for no execution."""
        return latest(self._kept.progress.get(path, {}).get(execution or "", {}), offsets)[1]

    def lines(self, path: str, execution: str | None, offsets: Offsets) -> dict[str, Any]:
        """`{total, levels, error}`: the lines of all attempts of a step, and the last error line of one of them."""
        executions = self._kept.lines.get(path, {})
        levels: dict[str, int] = {}
        for lines in executions.values():
            for level, count in lines.levels.items():
                levels[level] = levels.get(level, 0) + count
        mine = executions.get(execution or "")
        error = None if mine is None else latest(mine.errors, offsets)[1]
        return {"total": sum(levels.values()), "levels": dict(sorted(levels.items())), "error": error}

    # -- keeping

    def to_bytes(self) -> bytes:
        """The tally as bytes; equal ones give equal bytes."""
        return _encoder.encode((FORMAT, self._kept))

    @classmethod
    def from_bytes(cls, kept: bytes) -> Tally:
        """The tally that `to_bytes` kept.

        Raises:
            CodecError: the bytes are none, or of another format: fold the events anew.
        """
        try:
            number, found = _decoder.decode(kept)
        except msgspec.DecodeError as error:
            raise CodecError(f"not a kept tally: {error}") from None
        if number != FORMAT:
            raise CodecError(f"a tally kept in format {number}, this reads {FORMAT}: fold the events anew")
        tally = cls.__new__(cls)
        tally._kept = found
        return tally

    def copy(self) -> Tally:
        """A tally that grows on its own."""
        return self.from_bytes(self.to_bytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows


def _bounds(column: list[ev.Number]) -> tuple[Mapping[int, Value] | list[Value], float | None, float | None]:
    """The rows that have a value, and the least and greatest number among them; NaN is a value but no number."""
    try:
        least, greatest = min(column), max(column)  # type: ignore[type-var]
        if isinstance(least, (int, float)) and isinstance(greatest, (int, float)):
            return [_small(value) for value in column], _float(least), _float(greatest)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # strings and nulls among numbers, or nothing at all
        pass
    rows = {i: _small(value) for i, value in enumerate(read(column)) if value is not None}
    numbers = [value for value in rows.values() if not math.isnan(value)]
    return rows, _float(min(numbers)) if numbers else None, _float(max(numbers)) if numbers else None


def _float(value: Value) -> float:
    return float(_small(value)) + 0.0  # 1 and 1.0 are one value, and so are 0.0 and -0.0: equal tallies, equal bytes


def _small(value: Value) -> Value:
    """A number that fits 64 bits, as a keyframe can hold it."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def _last(time: list[int], rows: Mapping[int, Any] | list[Any]) -> int:
    """The row with the greatest (time, row) of `rows`: all of a list, the keys of a mapping."""
    if isinstance(rows, list):
        latest_time = max(time)
        return len(time) - 1 - time[::-1].index(latest_time)
    return max(rows, key=lambda row: (time[row], row))


def _latest_point(names: dict[str, dict[str, Points]], offsets: Offsets) -> Stamp:
    return max(
        stamp(offsets, sid, points.last)
        for by_session in names.values()
        for sid, points in by_session.items()
        if points.last is not None
    )


def _summary(by_session: dict[str, Points], offsets: Offsets) -> dict[str, Any]:
    least = [points.least for points in by_session.values() if points.least is not None]
    greatest = [points.greatest for points in by_session.values() if points.greatest is not None]
    lasts = {sid: points.last for sid, points in by_session.items() if points.last is not None}
    _, last = latest(lasts, offsets)
    return {
        "count": sum(points.count for points in by_session.values()),
        "last": _spelled(last),
        "min": _spelled(min(least, default=None)),
        "max": _spelled(max(greatest, default=None)),
    }


def _spelled(value: Value | None) -> ev.Number:
    return spell_one(value) if isinstance(value, float) else value
