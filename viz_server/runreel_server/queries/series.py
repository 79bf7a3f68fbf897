"""Points of series: the keys that name them, and their slices from the tiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from runreel import ids
from runreel.codec import parse_time
from runreel.state import RUN
from runreel_consumers.archive.points import Key
from runreel_server.charts import HEAD, View, csv_rows
from runreel_server.feed import Feed, LiveRun
from runreel_server.feed.series import Series

WIDEST: Final = 20_000
_KEY: Final = re.compile(r"(?P<path>[^#:]*)(#(?P<attempt>[1-9][0-9]*))?:(?P<name>.+)", re.DOTALL)

Json = dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """A series as an address names it: step, attempt (None: the last one), name. The run's own has the path `""`."""

    path: str
    attempt: int | None
    name: str


def parse(key: str) -> Named:
    """The series behind `STEP[#n]:NAME`, both percent-encoded.

    Raises:
        ValueError: it is none.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f"key={key!r} names no series: write STEP:NAME or STEP#2:NAME, as `train/fold-3:loss`")
    attempt = found["attempt"]
    return Named(found["path"], None if attempt is None else int(attempt), found["name"])


class SeriesQuery:
    """Answers slices of series. Safe for threads.

    Args:
        feed: keeps the series that are looked at.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def slices(self, lives: Sequence[LiveRun], keys: Iterable[str], view: View) -> Json:
        """Key -> columns. The first run's keys stand as they were asked for, those of the others as `RUN:KEY`.

        A series that is not there (yet) is empty. Each has what `series_json` answers, and: `origin`, the run's start
        in µs, from which elapsed time counts; `repeats`, whether an index occurs twice, so that elapsed time is the
        better axis.

        Raises:
            ValueError: a key is none, or the view is none.
        """
        wanted = [(key, parse(key)) for key in dict.fromkeys(keys)]
        answer: Json = {}
        for number, live in enumerate(lives):
            prefix = f"{live.run}:" if number else ""
            found = self._of(live, wanted, view)
            answer |= {prefix + key: columns for key, columns in found.items()}
        return answer

    def table(self, live: LiveRun, keys: Iterable[str]) -> Iterator[str]:
        """All points of series as CSV, some lines at a time: `series,at,time,value`, a series after the other, each in
        the order of its stamps. One that is not there (yet) has no line.

        Raises:
            ValueError: a key is none.
            NotReachable: the store does not answer, or is slow.
        """
        places = {key: self._place(live, parse(key)) for key in dict.fromkeys(keys)}
        cache = self._feed.series(live.run)
        cache.get([place for place in places.values() if place is not None], "time")  # a store that is away is said now

        def lines() -> Iterator[str]:
            yield HEAD
            for key, place in places.items():
                for points in () if place is None else cache.table(place):
                    yield csv_rows(key, points)

        return lines()

    def _of(self, live: LiveRun, wanted: Sequence[tuple[str, Named]], view: View) -> Json:
        places = {key: self._place(live, named) for key, named in wanted}
        with live.lock:
            started = (live.state.view_part(RUN) or {}).get("started")
        origin = None if started is None else parse_time(started)
        cache = self._feed.series(live.run)
        found = cache.answers([place for place in places.values() if place is not None], view, origin)
        return {
            key: {**(Series().answer(view, origin) if place is None else found[place]), "origin": origin}
            for key, place in places.items()
        }

    def _place(self, live: LiveRun, named: Named) -> Key | None:
        """Where a series is stored; None where its step or attempt is not there (yet)."""
        with live.lock:
            name = self._name(live, named)
            if not named.path:
                return None, name
            step = live.state.view_part(("step", named.path))
            attempts = step["attempts"] if step is not None else []
            number = len(attempts) if named.attempt is None else named.attempt
            return (attempts[number - 1]["execution"], name) if 0 < number <= len(attempts) else None

    def _name(self, live: LiveRun, named: Named) -> str:
        """The series' name: decoded, unless one with just these letters is there."""
        known = live.state.view_part(("series", named.path), tally=live.tally) or {}
        return named.name if named.name in known else ids.decode_segment(named.name)
