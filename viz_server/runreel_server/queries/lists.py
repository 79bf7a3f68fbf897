"""The list of runs, filtered, sorted and paged; the experiments."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec

from runreel.codec import iso, parse_time
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.catalog.index import SORTS, Index
from runreel_consumers.store import Store
from runreel_server.estimates.medians import Medians
from runreel_server.feed import LiveRuns

FRESH_SECONDS: Final = 3.0
"""How old the stored catalog may be in an answer; what runs is told by notifications, at once."""

MOST: Final = 500
DEFAULT: Final = 50
RECENT: Final = 24
__all__ = ["DEFAULT", "MOST", "SORTS", "ListQuery", "Query"]

_DAY: Final = 86_400_000_000

Json = dict[str, Any]
Jsons = list[Json]  # `list` is a method's name in the class below
Ids = list[str]


class Query(msgspec.Struct, frozen=True):
    """Which runs: every filter that is given must hold; see `Index.list`."""

    workspace: str | None = None
    experiment: str | None = None
    pipeline: str | None = None
    state: str | None = None
    tag: tuple[str, ...] = ()
    q: str | None = None
    sort: str = "-started"
    limit: int = DEFAULT
    cursor: str | None = None


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
        """`{"runs": [summary], "next": cursor or None, "total": n, "today": {STATE: n}}`.

        `total` counts all that the filters let through, `today` the runs that ended in the last 24 hours, the newest
        500 of them. A summary has besides what the catalog keeps: `eta`, `median` (seconds), `failure`
        (`{step, message, time}`) and `recent`, the pipeline's last runs, oldest first.

        Raises:
            ValueError: the sort or the cursor is none.
        """
        index, now = self._index(), _now()
        page = index.list(
            now,
            workspace=query.workspace,
            experiment=query.experiment,
            pipeline=query.pipeline,
            state=query.state,
            tags=query.tag,
            q=query.q,
            sort=query.sort,
            limit=query.limit,
            cursor=query.cursor,
        )
        pasts: dict[tuple[str, str], Jsons] = {}
        for one in page.runs:
            key = (one["workspace"], one["pipeline"])
            if key not in pasts:
                pasts[key] = self._past(index, *key, now)
        return {
            "runs": [self._shown(one, pasts[one["workspace"], one["pipeline"]], now) for one in page.runs],
            "next": page.next,
            "total": page.total,
            "today": self._today(index, now),
        }

    def experiments(self, workspace: str | None = None) -> Json:
        """`{"experiments": [{name, workspace, runs, recent: [{id, state, duration}]}]}`, the last active ones first."""
        found = self._index().experiments(workspace, recent=RECENT)
        return {"experiments": [one for one in found if one["name"]]}

    def ending(self, end: str) -> Ids:
        """The runs whose id ends so."""
        return self._index().find(end)

    def newest(self) -> Iterator[str]:
        """The ids of all runs, the newest first."""
        index, cursor = self._index(), None
        while True:
            page = index.list(_now(), limit=MOST, cursor=cursor)
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
            for one in self._live.all():
                if self._told.get(one["id"]) != one["position"]:
                    self._kept.put(one)
                    self._told[one["id"]] = one["position"]
            return self._kept

    def _past(self, index: Index, workspace: str, pipeline: str, now: int) -> Jsons:
        page = index.list(now, workspace=workspace, pipeline=pipeline, limit=RECENT)
        return [{"id": one["id"], "state": one["state"], "duration": _duration(one)} for one in reversed(page.runs)]

    def _today(self, index: Index, now: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in index.list(now, sort="-finished", limit=MOST).runs:
            if one["finished"] is None or now - parse_time(one["finished"]) > _DAY:
                break
            counts[one["state"]] = counts.get(one["state"], 0) + 1
        return counts

    def _shown(self, one: Json, past: Jsons, now: int) -> Json:
        median = self._medians.of(one).get("run")
        eta = None
        if one["finished"] is None and one["started"] is not None and median is not None:
            end = parse_time(one["started"]) + round(median * 1e6)
            eta = iso(end) if end > now else None
        failing = one.get("failing")
        failure = failing and {"step": failing["step"], "message": failing["line"], "time": one["finished"]}
        return {**one, "eta": eta, "median": median, "failure": failure, "recent": past}


def _opened(store: Store, settings: Settings) -> Index:
    name = sha256(settings.store.encode()).hexdigest()[:16]
    try:
        return Index(store, settings.state_dir / "catalog" / f"{name}.sqlite")
    except (OSError, sqlite3.Error):
        return Index(store)  # the folder cannot be written: it is only a cache


def _now() -> int:
    return time.time_ns() // 1000


def _duration(one: Json) -> float | None:
    if one["started"] is None or one["finished"] is None:
        return None
    return (parse_time(one["finished"]) - parse_time(one["started"])) / 1e6
