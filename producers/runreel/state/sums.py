"""What one event of a stream adds to a tally: of the size of a name, however many rows the event has."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from runreel import events as ev
from runreel import traces
from runreel.codec import payload, read
from runreel.errors import CodecError
from runreel.events import Event

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


class Done(msgspec.Struct, array_like=True, gc=False):
    """How far a step is."""

    done: float
    total: float | None = None
    unit: str | None = None
    message: str | None = None


class MetricSum(msgspec.Struct, frozen=True, gc=False):
    """Points of a series: how many have a value, the least and greatest number, the last one's time and value.

    `since` is the time of the first row that counts, here as in the others.
    """

    since: int
    name: str
    count: int
    least: float | None
    greatest: float | None
    time: int
    last: Value


class ProgressSum(msgspec.Struct, frozen=True, gc=False):
    """The last word on how far a step is."""

    since: int
    time: int
    done: Done


class LogSum(msgspec.Struct, frozen=True, gc=False):
    """Lines: how many of each level, and the time and text of the last error."""

    since: int
    levels: dict[str, int]
    error: tuple[int, str] | None


class Broken(msgspec.Struct, frozen=True, gc=False):
    """Data that are not what the type says."""


Sum = MetricSum | ProgressSum | LogSum | Broken


def summed(event: Event, until: int | None = None) -> Sum | None:
    """What an event of a stream adds; None where nothing of it counts.

    Args:
        event: of type metrics, progress or logs.
        until: only rows up to this moment count, in microseconds since 1970 by the session's own clock; None: all.
    """
    try:
        data = payload(event)
    except CodecError:
        return Broken()
    if event.type == ev.METRICS:
        return _metrics(data, until)
    return _progress(data, until) if event.type == ev.PROGRESS else _logs(data, until)


def _metrics(data: ev.Metrics, until: int | None) -> MetricSum | None:
    time, value = data.time, data.value
    if until is not None and time and max(time) > until:
        kept = [i for i, when in enumerate(time) if when <= until]
        time, value = [time[i] for i in kept], [value[i] for i in kept]
    try:
        least, greatest = min(value), max(value)  # type: ignore[type-var]
        if isinstance(least, int | float) and isinstance(greatest, int | float):
            at = _last(time)
            last = value[at]
            assert isinstance(last, int | float)
            return MetricSum(min(time), data.name, len(value), _float(least), _float(greatest), time[at], _small(last))
    except (TypeError, ValueError):  # strings and nulls among numbers, or nothing at all
        pass
    rows = {i: _small(one) for i, one in enumerate(read(value)) if one is not None}
    if not rows:
        return None
    numbers = [one for one in rows.values() if not math.isnan(one)]
    at = max(rows, key=lambda row: (time[row], row))
    return MetricSum(
        since=min(time),
        name=data.name,
        count=len(rows),
        least=_float(min(numbers)) if numbers else None,
        greatest=_float(max(numbers)) if numbers else None,
        time=time[at],
        last=rows[at],
    )


def _progress(data: ev.Progress, until: int | None) -> ProgressSum | None:
    time = data.time if until is None else [when for when in data.time if when <= until]
    if not time:
        return None
    latest = max(time)
    at = len(data.time) - 1 - data.time[::-1].index(latest)
    return ProgressSum(min(time), latest, Done(data.done[at], data.total, data.unit, data.message))


def _logs(data: ev.Logs, until: int | None) -> LogSum | None:
    levels: dict[str, int] = {}
    since: int | None = None
    error: int | None = None
    final = len(data.time) - 1 if data.more else -1  # a text in pieces counts where its last piece is
    for row, when in enumerate(data.time):
        if until is not None and when > until:
            continue
        if since is None or when < since:
            since = when
        level = _LEVELS.get(data.level[row]) or _LEVELS.get(data.level[row].upper(), "OTHER")
        if row != final:
            levels[level] = levels.get(level, 0) + 1
        if level in ERRORS and (error is None or when >= data.time[error]):
            error = row
    if since is None:
        return None
    return LogSum(since, levels, None if error is None else (data.time[error], _kept(data.text[error])))


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


def _last(time: list[int]) -> int:
    """The row with the greatest (time, row)."""
    latest = max(time)
    end = len(time) - 1
    return end if time[end] == latest else end - time[::-1].index(latest)


def _kept(text: str) -> str:
    """An error's text, cut where it is long; of a long traceback the line that says what went wrong."""
    if len(text) > ERROR_TEXT and traces.begins(text):
        text = traces.point(text)
    return text[:ERROR_TEXT]
