"""A moment of a run, as people write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from runreel.codec import micros, moment
from runreel.parsers import span

FORMS: Final = (
    "a time like 2026-11-22T09:00:00Z, a clock's like 17:07 or 17:07:30, 90 or 15 min after the run's start, "
    "or -30 or -2 min before its end"
)
"""What `moment_of` reads, for helps and errors."""

_MICROS: Final = 1_000_000
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?(Z?)")


def moment_of(text: str, first: int, last: int) -> int:
    """A moment, microseconds since 1970.

    Args:
        text: a time in ISO 8601 or a clock's, in this machine's zone unless it says one; or a span, in seconds unless
            it says otherwise: after the run's start, with a minus before its end. A clock's time is that of the run's
            days at which the run was nearest.
        first: the run's start, microseconds since 1970.
        last: its end, or now.

    Raises:
        ValueError: it is none of these; says which there are.
    """
    text = text.strip()
    try:
        if (clock := _CLOCK.fullmatch(text)) is not None:
            return _of_day(clock, first, last)
        if text.startswith("-"):
            return last - _span(text[1:])
        if not re.match(r"\d{4}-", text):
            return first + _span(text)
        return micros(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no moment: write {FORMS}") from None


def _span(text: str) -> int:
    try:
        seconds = float(text)
    except ValueError:
        seconds = span(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return int(seconds * _MICROS)


def _of_day(clock: re.Match[str], first: int, last: int) -> int:
    zone = UTC if clock[4] else None
    seconds = float(clock[3] or 0)
    at = time(int(clock[1]), int(clock[2]), int(seconds), round(seconds % 1 * _MICROS) % _MICROS)
    begin, end = (moment(when).astimezone(zone) for when in (first, last))
    days = (begin.date() + timedelta(days=i) for i in range(-1, (end - begin).days + 3))
    found = [micros(datetime.combine(day, at, zone).astimezone(UTC)) for day in days]
    return min(found, key=lambda when: max(first - when, when - last, 0))
