"""The series that somebody looks at: their points, read from the archive once and kept current by the tail; or, of long
ones that are stored whole, what each view needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from runreel import events as ev
from runreel.codec import payload, real
from runreel.errors import CodecError, NotFound, NotReachable
from runreel.events import Event
from runreel.state.intervals import Intervals, add, holds
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.reader import Stored
from runreel_consumers.distinct import distinct
from runreel_server.charts import Axis, StoredTiles, Tiles, View, live_pieces, series_json, stored_pieces
from runreel_server.charts.tables import Points as Table

PATIENCE: Final = 30.0

Points = Callable[[Iterable[Key]], Mapping[Key, PointColumns]]
StoredSeries = Callable[[Iterable[Key]], Stored]
Json = dict[str, Any]


class Series:
    """One series: its tiles, and which events are in them.

    Attributes:
        stored: where it is read from for each view; None: its points are here.
        outdated: more was said than is stored, so that `stored` serves no more.
        ready: set when it can answer.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tiles = Tiles()
        self.stored: StoredTiles | None = None
        self.outdated = False
        self.ready = threading.Event()
        self._waiting: list[tuple[Event, ev.Metrics, int]] | None = []
        self._seen: dict[str, Intervals] = {}
        self._stored_seqs: Mapping[str, Intervals] = {}
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
            for seq in distinct(columns.seq[mine]).tolist():
                add(self._seen.setdefault(session, []), seq)

    def refer(self, stored: StoredTiles, seqs: Mapping[str, Intervals]) -> None:
        """Answer from the store, which has these seqs of each session."""
        self.stored, self._stored_seqs = stored, seqs

    def serves(self, x: Axis) -> bool:
        """Whether this axis can be drawn, of all that was said."""
        return self.stored is None or (not self.outdated and self.stored.serves(x))

    def open(self) -> None:
        """Take what came while the archive was read, and be kept current from now on."""
        with self.lock:
            waiting, self._waiting = self._waiting or [], None
            for event, data, shift in waiting:
                self.add(event, data, shift)
        self.ready.set()

    def hear(self, event: Event, data: ev.Metrics, shift: int) -> None:
        """Take an event of the tail; never waits for the archive."""
        with self.lock:
            if self._waiting is not None:
                self._waiting.append((event, data, shift))
            else:
                self.add(event, data, shift)

    def add(self, event: Event, data: ev.Metrics, shift: int) -> None:
        """Add an event's points, unless they are there; `shift` corrects their times, in µs."""
        session = event.session or ""
        if self.stored is not None:
            self.outdated = self.outdated or not holds(self._stored_seqs.get(session, []), event.seq or 0)
            return
        if not add(self._seen.setdefault(session, []), event.seq or 0):
            return
        count = self._counts.get(session, 0)
        self._counts[session] = count + len(data.value)
        at = range(count, count + len(data.value)) if data.at is None else data.at
        self.tiles.append(
            [real(x) for x in at],
            [when + shift for when in data.time],
            [real(x) for x in data.value],
            session=self._ordinal(session),
            seq=event.seq or 0,
        )

    def answer(self, view: View, origin: int | None) -> Json:
        """What `series_json` answers, and `repeats`: whether an index occurs twice."""

        def said(tiles: Tiles | StoredTiles) -> Json:
            found = series_json(tiles, view.x, view.start, view.stop, view.width, until=view.until, origin=origin)
            return {**found, "repeats": tiles.indices_repeat()}

        if self.stored is not None:  # without the lock: the store may be slow, and the tail must not wait for it
            return said(self.stored)
        with self.lock:
            return said(self.tiles)

    def table(self) -> Iterator[Table]:
        """All points in the order of their stamps, some at a time; what comes meanwhile may be among them."""
        return live_pieces(self.tiles, self.lock) if self.stored is None else stored_pieces(self.stored)

    def _ordinal(self, session: str) -> int:
        return self._ordinals.setdefault(session, len(self._ordinals))


class SeriesCache:
    """The series of one run that are looked at. Safe for threads.

    Args:
        points: reads series from the archive, their times corrected by `clocks`.
        stored: finds those that are stored whole.
        recent: the newest events of the run, which the archive may not have yet.
        clocks: the sessions' clock offsets, in µs.
    """

    def __init__(
        self,
        points: Points,
        stored: StoredSeries,
        recent: Callable[[], Iterable[Event]],
        clocks: Callable[[], Mapping[str, int]],
    ) -> None:
        self._points, self._stored, self._recent, self._clocks = points, stored, recent, clocks
        self._lock = threading.Lock()
        self._series: dict[Key, Series] = {}

    def hear(self, event: Event, _received: int | None) -> None:
        """Take an event of the tail."""
        if event.type == ev.SESSION_OFFSET:
            with self._lock:
                self._series.clear()  # their times are others now
        for data in _points_said(event):
            with self._lock:
                series = self._series.get((event.execution, data.name))
            if series is not None:
                series.hear(event, data, self._clocks().get(event.session or "", 0))

    def answers(self, keys: Collection[Key], view: View, origin: int | None) -> dict[Key, Json]:
        """For each of these keys what `Series.answer` says; elapsed time counts from `origin`, in µs.

        Raises:
            NotReachable: the store does not answer, or is slow.
        """

        def answered() -> dict[Key, Json]:
            held = self.get(keys, view.x)
            return {key: one.answer(view, origin) for key, one in held.items()}

        try:
            return answered()
        except NotFound:
            self._forget(keys)
            return answered()

    def table(self, key: Key) -> Iterator[Table]:
        """What `Series.table` says.

        Raises:
            NotReachable: the store does not answer, or is slow.
            NotFound: the stored points were removed when some of them were read; the next call has the newer ones.
        """
        begun = False
        try:
            for piece in self.get([key], "time")[key].table():
                yield piece
                begun = True
        except NotFound:
            self._forget([key])
            if begun:
                raise
            yield from self.get([key], "time")[key].table()

    def _forget(self, keys: Iterable[Key]) -> None:
        """The run's objects were made anew, and the ones that we knew are gone."""
        with self._lock:
            for key in keys:
                self._series.pop(key, None)

    def get(self, keys: Iterable[Key], x: Axis = "at") -> dict[Key, Series]:
        """The series of these keys, for charts over `x`; what is not in memory is read."""
        wanted = list(dict.fromkeys(keys))
        with self._lock:
            held = {key: one for key in wanted if (one := self._series.get(key)) is not None and one.serves(x)}
            new = {key: Series() for key in wanted if key not in held}
            self._series.update(new)
            found = {key: self._series[key] for key in wanted}
        if new:
            try:
                self._load(new, x)
            except BaseException:
                with self._lock:
                    for key in new:
                        self._series.pop(key, None)
                raise
        for series in found.values():
            if not series.ready.wait(PATIENCE):
                raise NotReachable(f"the points could not be read in {PATIENCE:.0f} s: the store is slow")
        if not all(series.serves(x) for series in found.values()):  # another thread read them for another axis
            return self.get(wanted, x)
        return found

    def _load(self, new: Mapping[Key, Series], x: Axis) -> None:
        recent = list(self._recent())  # before the archive, so that nothing lies between the two
        said = [(event, data) for event in recent for data in _points_said(event)]
        stored, clocks = self._stored(new), self._clocks()
        lies_right = clocks.keys().isdisjoint(stored.seqs)  # the objects have the times that were said
        later = {
            (event.execution, data.name)
            for event, data in said
            if not holds(stored.seqs.get(event.session or "", []), event.seq or 0)
        }
        for key, lies in stored.series.items():
            tiles = StoredTiles(lies)
            if lies_right and key not in later and tiles.serves(x):
                new[key].refer(tiles, stored.seqs)
        whole = [key for key, series in new.items() if series.stored is None]
        if whole:
            for key, columns in self._points(whole).items():
                new[key].load(columns)
        for event, data in said:
            if (event.execution, data.name) in new:
                new[event.execution, data.name].add(event, data, clocks.get(event.session or "", 0))
        for series in new.values():
            series.open()


def _points_said(event: Event) -> Iterator[ev.Metrics]:
    """The points in an event: one batch, or none."""
    if event.type == ev.METRICS:
        try:
            yield payload(event)
        except CodecError:
            return  # the state counts it as a problem
