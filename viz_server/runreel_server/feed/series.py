"""The points of the series that somebody looks at: read from the archive once, then kept current by the tail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from runreel import events as ev
from runreel.codec import payload, real
from runreel.errors import CodecError, NotReachable
from runreel.events import Event
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.points import Key, PointColumns
from runreel_server.charts import Tiles

PATIENCE: Final = 30.0

Points = Callable[[Iterable[Key]], Mapping[Key, PointColumns]]


class Series:
    """One series: its tiles, and which events are in them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tiles = Tiles()
        self.ready = threading.Event()
        self._waiting: list[tuple[Event, ev.Metrics]] | None = []
        self._seen: dict[str, Intervals] = {}
        self._ordinals: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def load(self, columns: PointColumns) -> None:
        """Add what the archive has; every event once, before any from the tail."""
        ordinals = np.array([self._ordinal(session) for session in columns.sessions], np.int32)
        if not len(columns):
            return
        self.tiles.append(
            columns.at,
            columns.time,
            columns.value,
            session=ordinals[columns.session],
            seq=columns.seq.astype(np.int32),
            row=columns.row,
        )
        for number, session in enumerate(columns.sessions):
            mine = columns.session == number
            self._counts[session] = int(mine.sum())
            for seq in np.unique(columns.seq[mine]).tolist():
                add(self._seen.setdefault(session, []), seq)

    def open(self) -> None:
        """Take what came while the archive was read, and be kept current from now on."""
        with self.lock:
            waiting, self._waiting = self._waiting or [], None
            for event, data in waiting:
                self.add(event, data)
        self.ready.set()

    def hear(self, event: Event, data: ev.Metrics) -> None:
        """Take an event of the tail; never waits for the archive."""
        with self.lock:
            if self._waiting is not None:
                self._waiting.append((event, data))
            else:
                self.add(event, data)

    def add(self, event: Event, data: ev.Metrics) -> None:
        """Add an event's points, unless they are there."""
        session = event.session or ""
        if not add(self._seen.setdefault(session, []), event.seq or 0):
            return
        count = self._counts.get(session, 0)
        self._counts[session] = count + len(data.value)
        at = range(count, count + len(data.value)) if data.at is None else data.at
        self.tiles.append(
            [real(x) for x in at],
            data.time,
            [real(x) for x in data.value],
            session=self._ordinal(session),
            seq=event.seq or 0,
        )

    def _ordinal(self, session: str) -> int:
        return self._ordinals.setdefault(session, len(self._ordinals))


class SeriesCache:
    """The series of one run that are looked at. Safe for threads.

    Args:
        points: reads series from the archive.
        recent: the newest events of the run, which the archive may not have yet.
    """

    def __init__(self, points: Points, recent: Callable[[], Iterable[Event]]) -> None:
        self._points, self._recent = points, recent
        self._lock = threading.Lock()
        self._series: dict[Key, Series] = {}

    def hear(self, event: Event) -> None:
        """Take an event of the tail."""
        if event.type != ev.METRICS:
            return
        try:
            data = payload(event)
        except CodecError:
            return
        with self._lock:
            series = self._series.get((event.execution, data.name))
        if series is not None:
            series.hear(event, data)

    def get(self, keys: Iterable[Key]) -> dict[Key, Series]:
        """The series of these keys; what is not in memory is read."""
        wanted = list(dict.fromkeys(keys))
        with self._lock:
            new = {key: Series() for key in wanted if key not in self._series}
            self._series.update(new)
            found = {key: self._series[key] for key in wanted}
        if new:
            try:
                self._load(new)
            except BaseException:
                with self._lock:
                    for key in new:
                        del self._series[key]
                raise
        for series in found.values():
            if not series.ready.wait(PATIENCE):
                raise NotReachable(f"the points could not be read in {PATIENCE:.0f} s: the store is slow")
        return found

    def _load(self, new: Mapping[Key, Series]) -> None:
        recent = list(self._recent())  # before the archive, so that nothing lies between the two
        for key, columns in self._points(new).items():
            new[key].load(columns)
        for event in recent:
            if event.type == ev.METRICS:
                try:
                    data = payload(event)
                except CodecError:
                    continue
                series = new.get((event.execution, data.name))
                if series is not None:
                    series.add(event, data)
        for series in new.values():
            series.open()
