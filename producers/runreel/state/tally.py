"""The fold of streams: for each series its count, last, least and greatest value; progress; lines by level.

Beside `RunState`, under the same laws: a function of the set of events, cut at a moment row by row. Its size is that of
the names, never that of the points.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from runreel import events as ev
from runreel.codec import spell_one
from runreel.errors import CodecError
from runreel.events import Event
from runreel.ids import joined_execution
from runreel.state.branches import Branching
from runreel.state.intervals import Intervals, add
from runreel.state.records import FORMAT
from runreel.state.registers import Offsets, Register, Stamp, latest, put_latest, stamp
from runreel.state.sums import Broken, Done, LogSum, MetricSum, ProgressSum, Sum, Value, summed
from runreel.state.touched import RUN, Touched


class Points(msgspec.Struct, array_like=True, gc=False):
    """One session's points of a series: how many have a value, the least and greatest number, the last one said."""

    count: int = 0
    least: float | None = None
    greatest: float | None = None
    last: tuple[int, int, Value] | None = None
    """(time, seq, value)"""


class Lines(msgspec.Struct, array_like=True, gc=False):
    """The lines of one execution: how many of each level, and each session's last error."""

    levels: dict[str, int] = msgspec.field(default_factory=dict)
    errors: Register[str] = msgspec.field(default_factory=dict)


_Series = dict[str, dict[str, dict[str, Points]]]


class _Kept(msgspec.Struct, array_like=True):
    """All that is remembered. `series` by path, execution, name, session; `progress` and `lines` by path, execution."""

    run: str
    until: int | None = None
    offsets: dict[str, int] = msgspec.field(default_factory=dict)
    seen: dict[str, Intervals] = msgspec.field(default_factory=dict)
    series: dict[str, _Series] = msgspec.field(default_factory=dict)
    progress: dict[str, dict[str, Register[Done]]] = msgspec.field(default_factory=dict)
    lines: dict[str, dict[str, Lines]] = msgspec.field(default_factory=dict)
    problems: int = 0


def _copied_series(executions: _Series) -> _Series:
    return {
        execution: {name: {sid: replace(points) for sid, points in one.items()} for name, one in names.items()}
        for execution, names in executions.items()
    }


def _copied_progress(executions: dict[str, Register[Done]]) -> dict[str, Register[Done]]:
    return {execution: register.copy() for execution, register in executions.items()}


def _copied_lines(executions: dict[str, Lines]) -> dict[str, Lines]:
    return {execution: Lines(one.levels.copy(), one.errors.copy()) for execution, one in executions.items()}


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
        self._hold(_Kept(run=run, until=until, offsets=known))

    def _hold(self, kept: _Kept) -> None:
        self._kept = kept
        self._seen = Branching(kept.seen, Intervals.copy)
        self._series = Branching(kept.series, _copied_series)
        self._progress = Branching(kept.progress, _copied_progress)
        self._lines = Branching(kept.lines, _copied_lines)

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
        if not self._new(event):
            return ()
        if event.type in ev.STREAMS:
            kept = self._kept
            limit = None if kept.until is None else kept.until - kept.offsets.get(event.session or "", 0)
            return self._add(event, summed(event, limit))
        if event.type == ev.SESSION_OFFSET:  # whose word is the last one follows from it: this is rare
            kept = self._kept
            steps = ((("step", path) if path else RUN) for path in (*kept.progress, *kept.lines))
            return {*steps, *(("series", path) for path in kept.series)}
        return ()

    def take(self, event: Event, adds: Sum | None) -> Touched:
        """Take in one event of a stream by what it adds (`sums.summed`); its data are not looked at.

        Returns:
            As `apply`.

        Raises:
            ValueError: the event is of another run.
        """
        return self._add(event, adds) if self._new(event) else ()

    def _add(self, event: Event, adds: Sum | None) -> Touched:
        if adds is None:
            return ()
        if isinstance(adds, Broken):
            self._kept.problems += 1
            return ()
        path, sid, seq = event.subject or "", event.session or "", event.seq or 0
        execution = event.execution or (joined_execution(event.run, path) if path else "")
        if isinstance(adds, MetricSum):
            self._add_points(path, execution, sid, seq, adds)
            return (("series", path),)
        if isinstance(adds, ProgressSum):
            done = self._progress.get(path)
            if done is None:
                done = self._progress.put(path, {})
            put_latest(done.setdefault(execution, {}), sid, adds.time, seq, adds.done)
        else:
            self._add_lines(path, execution, sid, seq, adds)
        return (("step", path) if path else RUN,)

    def _new(self, event: Event) -> bool:
        if event.run != self._kept.run:
            raise ValueError(f"event {event.id} is of run {event.run}, this is {self._kept.run}")
        sid, seq = event.session, event.seq
        if sid is None or seq is None:
            return False
        seen = self._seen.get(sid)
        return add(self._seen.put(sid, []) if seen is None else seen, seq)

    def _add_points(self, path: str, execution: str, sid: str, seq: int, adds: MetricSum) -> None:
        series = self._series.get(path)
        if series is None:
            series = self._series.put(path, {})
        points = series.setdefault(execution, {}).setdefault(adds.name, {}).setdefault(sid, Points())
        points.count += adds.count
        least, greatest = adds.least, adds.greatest
        if least is not None and (points.least is None or least < points.least):
            points.least = least
        if greatest is not None and (points.greatest is None or greatest > points.greatest):
            points.greatest = greatest
        if points.last is None or (adds.time, seq) > points.last[:2]:
            points.last = (adds.time, seq, adds.last)

    def _add_lines(self, path: str, execution: str, sid: str, seq: int, adds: LogSum) -> None:
        executions = self._lines.get(path)
        if executions is None:
            executions = self._lines.put(path, {})
        lines = executions.setdefault(execution, Lines())
        for level, count in adds.levels.items():
            lines.levels[level] = lines.levels.get(level, 0) + count
        if adds.error is not None:
            put_latest(lines.errors, sid, adds.error[0], seq, adds.error[1])

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

    def line_count(self, paths: Collection[str] | None = None) -> int:
        """How many lines these steps have (the run's own is the empty path); None: all."""
        kept = self._kept.lines
        chosen = kept.values() if paths is None else [kept[path] for path in paths if path in kept]
        return sum(sum(one.levels.values()) for executions in chosen for one in executions.values())

    def level_count(self, levels: Collection[str]) -> int:
        """How many lines of these levels there are."""
        every = (one for executions in self._kept.lines.values() for one in executions.values())
        return sum(one.levels.get(level, 0) for one in every for level in levels)

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
        tally._hold(found)
        return tally

    def copy(self) -> Tally:
        """A tally that grows on its own, and shares what neither of the two changes."""
        other = Tally.__new__(Tally)
        other._seen, other._series = self._seen.branch(), self._series.branch()
        other._progress, other._lines = self._progress.branch(), self._lines.branch()
        other._kept = replace(
            self._kept,
            seen=other._seen.kept,
            series=other._series.kept,
            progress=other._progress.kept,
            lines=other._lines.kept,
        )
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows


def _latest_point(names: dict[str, dict[str, Points]], offsets: Offsets) -> Stamp:
    return max(
        stamp(offsets, sid, points.last)
        for by_session in names.values()
        for sid, points in by_session.items()
        if points.last is not None
    )


def _summary(by_session: dict[str, Points], offsets: Offsets) -> dict[str, Any]:
    if len(by_session) == 1:  # nearly always
        (one,) = by_session.values()
        last = None if one.last is None else one.last[2]
        found = one.count, last, one.least, one.greatest
    else:
        many = by_session.values()
        least = min((points.least for points in many if points.least is not None), default=None)
        greatest = max((points.greatest for points in many if points.greatest is not None), default=None)
        lasts = {sid: points.last for sid, points in by_session.items() if points.last is not None}
        found = sum(points.count for points in many), latest(lasts, offsets)[1], least, greatest
    return {"count": found[0], **{name: _spelled(one) for name, one in zip(_EDGES, found[1:], strict=True)}}


_EDGES: Final = ("last", "min", "max")


def _spelled(value: Value | None) -> ev.Number:
    return spell_one(value) if isinstance(value, float) else value
