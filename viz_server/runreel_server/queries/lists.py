"""The list of runs, filtered, sorted and paged; the experiments."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from runreel.codec import iso, parse_time
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.listing import SORTS, STATES, Query, moment
from runreel_consumers.store import Store
from runreel_server.estimates import Medians, pace, remaining
from runreel_server.feed import LiveRuns
from runreel_server.graph import Pace

FRESH_SECONDS: Final = 3.0
"""How old the stored catalog may be in an answer; what runs is told by notifications, at once."""

MOST: Final = 500
DEFAULT: Final = 50
RECENT: Final = 24
__all__ = ["DEFAULT", "MOST", "SORTS", "STATES", "ListQuery", "Query", "asked", "limit", "since", "state"]

_DAY: Final = 86_400_000_000
_MANY: Final = frozenset({"state", "tag", "id"})

Json = dict[str, Any]
Jsons = list[Json]  # `list` is a method's name in the class below
Ids = list[str]


def state(text: str) -> str:
    """A state of a run, in whatever case.

    Raises:
        ValueError: it is none.
    """
    if text.upper() not in STATES:
        raise ValueError(f"give one of {', '.join(STATES)}")
    return text.upper()


def since(text: str) -> int:
    """A moment, or how long ago; see `moment`."""
    return moment(text, _now())


def limit(text: str) -> int:
    """How many runs a page may have.

    Raises:
        ValueError: it is no whole number, or too great.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise ValueError(f"give a whole number from 1 to {MOST}")
    return int(text)


_READ: Final[Mapping[str, Callable[[str], Any]]] = {"state": state, "since": since, "until": since, "limit": limit}


def asked(given: Mapping[str, Sequence[str]]) -> Query:
    """The query that the parameters of an address mean; what is empty is not there.

    Raises:
        ValueError: one is none; names it, its value and the way out.
    """
    found: Json = {}
    for name in given.keys() & set(Query.__struct_fields__):
        values = []
        for text in filter(None, given[name]):
            try:
                values.append(_READ.get(name, str)(text))
            except ValueError as error:
                raise ValueError(f"{name}={text[:100]!r}: {error}") from None
        if values:
            found[name] = tuple(values) if name in _MANY else values[0]
    return Query(**found)


class ListQuery:
    """Answers lists from the stored catalog and from what the tail says of runs. Safe for threads.

    Args:
        store: has the catalog.
        settings: name the folder of the index.
        live: the newest summaries.
        medians: what earlier runs took.
    """

    def __init__(self, store: Store, settings: Settings, live: LiveRuns, medians: Medians) -> None:
        self._store, self._settings, self._live, self._medians = store, settings, live, medians
        self._lock = threading.Lock()
        self._kept: Index | None = None
        self._read = float("-inf")
        self._told: dict[str, str] = {}

    def list(self, query: Query) -> Json:
        """`{"runs": [summary], "next": cursor or None, "total": n, "first": n, "today": {STATE: n}}`.

        `total` counts all that the filters let through, `first` says which of these the first one here is, `today` how
        many runs ended in the last 24 hours. A summary has besides what the catalog keeps: `eta`, `median` (seconds),
        of each bar its step's `expected` seconds, `failure` (`{step, message, time}`) and `recent`, the pipeline's last
        runs, oldest first.

        Raises:
            ValueError: the sort or the cursor is none.
        """
        index, now = self._index(), _now()
        page = index.list(now, query)
        pasts: dict[tuple[str, str], Jsons] = {}
        for one in page.runs:
            key = (one["workspace"], one["pipeline"])
            if key not in pasts:
                pasts[key] = index.past(*key, RECENT)
        return {
            "runs": [self._shown(one, pasts[one["workspace"], one["pipeline"]], now) for one in page.runs],
            "next": page.next,
            "total": page.total,
            "first": page.first,
            "today": index.ended(now - _DAY),
        }

    def count(self) -> int:
        """How many runs there are."""
        return self._index().list(_now(), Query(limit=1)).total

    def experiments(self, workspace: str | None = None) -> Json:
        """`{"experiments": [{name, workspace, runs, recent: [{id, state, duration}]}]}`, the last active ones first."""
        found = self._index().experiments(workspace, recent=RECENT)
        return {"experiments": [one for one in found if one["name"]]}

    def links(self, role: str, what: Collection[str], limit: int) -> Jsons:
        """The runs that are linked to an id or a uri (`Index.links`): `[{run, pipeline, state, who}]`."""
        index, now = self._index(), _now()
        found = [(index.get(run, now), who) for run, who in index.links(role, what, limit)]
        return [
            {"run": one["id"], "pipeline": one["pipeline"], "state": one["state"], "who": who}
            for one, who in found
            if one is not None
        ]

    def before(self, workspace: str, pipeline: str, started: int, limit: int) -> Ids:
        """The ids of a pipeline's runs that started before a moment, in µs since 1970, the newest first."""
        query = Query(workspace=workspace, pipeline=pipeline, until=started, limit=limit)
        return [one["id"] for one in self._index().list(_now(), query).runs]

    def ending(self, end: str) -> Ids:
        """The runs whose id ends so."""
        return self._index().find(end)

    def newest(self) -> Iterator[str]:
        """The ids of all runs, the newest first."""
        index, cursor = self._index(), None
        while True:
            page = index.list(_now(), Query(limit=MOST, cursor=cursor))
            yield from (one["id"] for one in page.runs)
            cursor = page.next
            if cursor is None:
                return

    def _index(self) -> Index:
        """The index, with all that is known now. Where the store is away, it answers what it knew."""
        with self._lock:
            if self._kept is None:
                self._kept = _opened(self._store, self._settings)
            if time.monotonic() - self._read > FRESH_SECONDS:
                try:
                    self._kept.refresh()
                except NotReachable:
                    if self._read < 0:
                        raise
                self._read = time.monotonic()
            for run in self._live.gone():
                self._kept.drop(run)
                self._told.pop(run, None)
            for one in self._live.all():
                if self._told.get(one["id"]) != one["position"]:
                    self._kept.put(one)
                    self._told[one["id"]] = one["position"]
            return self._kept

    def _shown(self, one: Json, past: Jsons, now: int) -> Json:
        medians = self._medians.of(one)
        median, expected = medians.get("run"), medians.get("steps", {})
        eta = None
        if one["finished"] is None and one["started"] is not None and one["state"] != "STALLED":
            if median is not None:
                end = parse_time(one["started"]) + round(median * 1e6)
                eta = iso(end) if end > now else None
            elif one["steps"]["total"] <= len(one["bars"]):  # the first run of its pipeline: its steps' progress tells
                eta = remaining({bar["step"]: _pace(bar) for bar in one["bars"]}, {}, now)
        failing = one.get("failing")
        failure = failing and {"step": failing["step"], "message": failing["line"], "time": one["finished"]}
        bars = [{**bar, "expected": expected.get(bar["step"])} for bar in one["bars"]]
        return {**one, "eta": eta, "median": median, "bars": bars, "failure": failure, "recent": past}


def _pace(bar: Json) -> Pace:
    return pace(bar["step"], {"progress": None, "parents": (), **bar})


def _opened(store: Store, settings: Settings) -> Index:
    name = sha256(settings.store.encode()).hexdigest()[:16]
    try:
        return Index(store, settings.state_dir / "catalog" / f"{name}.sqlite")
    except (OSError, sqlite3.Error):
        return Index(store)  # the folder cannot be written: it is only a cache


def _now() -> int:
    return time.time_ns() // 1000
