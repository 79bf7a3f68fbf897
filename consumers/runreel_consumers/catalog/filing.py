"""Writes the stored catalog: days and pipelines, each object by the owner of one partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runreel_consumers.catalog import pipelines
from runreel_consumers.catalog.days import Day, day_of, days, read
from runreel_consumers.catalog.live import Live
from runreel_consumers.catalog.pipelines import LAST, Took
from runreel_consumers.store import Store


class Filing:
    """Keeps what one partition's owner writes in memory and stores it when told to.

    Args:
        store: where the catalog lies.
        writer: the name of the partition, `TOPIC-NUMBER`.
        load: folds a run anew from the archive; asked in rare cases.
    """

    def __init__(self, store: Store, writer: str, load: Callable[[str], Live]) -> None:
        self._store, self._writer, self._load = store, writer, load
        self._days: dict[tuple[str, str], Day] = {}
        self._pipelines: dict[tuple[str, str], list[Took]] = {}
        self._changed: set[tuple[str, str]] = set()

    def file(self, live: Live, summary: dict[str, Any]) -> None:
        """Take in a run's newest summary."""
        filed = (summary["workspace"], summary["pipeline"])
        if live.filed is not None and live.filed != filed:  # the owner spoke late: the run stands elsewhere now
            self._day(live.filed[0], live.run).drop(live.run)
            self._time(live.filed, live.run, None)
        self._day(filed[0], live.run).put(summary)
        self._time(filed, live.run, pipelines.took(live))
        live.filed = filed

    def drop(self, run: str, filed: tuple[str, str]) -> None:
        """Let go of a pruned run."""
        self._day(filed[0], run).drop(run)
        self._time(filed, run, None)

    def write(self) -> None:
        """Store what has changed.

        Raises:
            NotReachable: the store did not take all of it; the next call does the rest.
        """
        for where in sorted(self._changed):  # first: a day that still has a run that goes is what finds it again
            pipelines.write(self._store, self._key(where), self._pipelines[where])
            self._changed.discard(where)
        self._pipelines = {}
        for day in self._days.values():
            day.write()
        self._days = {}

    def _day(self, workspace: str, run: str) -> Day:
        key = (workspace, day_of(run))
        if key not in self._days:
            self._days[key] = Day(self._store, *key, self._writer)
        return self._days[key]

    def _time(self, where: tuple[str, str], run: str, took: Took | None) -> None:
        known = self._pipelines.get(where)
        if known is None:
            known = self._pipelines[where] = pipelines.read(self._store, self._key(where))
        others = [one for one in known if one.run != run]
        if took is None and len(known) == LAST > len(others):
            others = self._again(where, run)
        now = pipelines.newest(others if took is None else [*others, took])
        if now != known:
            self._pipelines[where] = now
            self._changed.add(where)

    def _again(self, where: tuple[str, str], but: str) -> list[Took]:
        """The last runs of a pipeline by the catalog: one of twenty is none of them any more, so an older one is."""
        workspace, pipeline = where
        ended = [
            (summary["finished"], summary["id"])
            for info in days(self._store, workspace)
            if info.key.endswith(f"/{self._writer}.parquet")
            for summary in read(self._store.get(info.key))
            if summary["pipeline"] == pipeline and summary["state"] == "SUCCEEDED" and summary["id"] != but
        ]
        again = (pipelines.took(self._load(run)) for _, run in sorted(ended)[-LAST:])
        return [took for took in again if took is not None]

    def _key(self, where: tuple[str, str]) -> str:
        return f"{pipelines.folder(*where)}{self._writer}.json"
