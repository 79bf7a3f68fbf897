"""A run as it was: all its events by their times, and the folds that move along them."""

from __future__ import annotations

import itertools
import threading
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
import numpy as np

from runreel import events as ev
from runreel.events import Event
from runreel.state import RUN, Offset, Part, RunState, Tally, corrected, offsets_of
from runreel.state.intervals import Intervals, add
from runreel.state.sums import Broken, Sum, summed
from runreel_server.queries.cursors import Cursor, Cursors, Entry
from runreel_server.queries.fragments import Fragments
from runreel_server.queries.spill import Spill
from runreel_server.queries.tails import Heard

MOST_BYTES: Final = 256 << 20
"""A run whose story takes more memory than this is read anew for each moment, so that memory stays bounded."""

MOST_DATA: Final = 16 << 20
"""Bytes of its streams' data that are held in memory; what is more lies in a file."""

MOST_WAITING: Final = 50_000
"""How many events of the tail wait for somebody to ask."""

_OVERHEAD: Final = 1_000  # bytes of an entry beside its data, and of its part in the folds

_time = attrgetter("time")
_versions = itertools.count()


class Then(NamedTuple):
    """A run at a moment: its fold, the cursor that made it, and the events of streams that end later, with what their
    rows up to then add."""

    state: RunState
    tally: Tally
    cursor: Cursor
    cut: list[tuple[Event, Sum]]

    def cut_parts(self) -> set[Part]:
        """The parts of the view in which the events that end later show."""
        parts: set[Part] = set()
        for event, _ in self.cut:
            path = event.subject or ""
            parts |= {("step", path) if path else RUN, ("series", path)}
        return parts


class Story:
    """The events of one run in the order of their times. Grows by `hear`. Safe for threads: hold `lock` while using
    anything but `hear`.

    Args:
        run: the run's id.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.lock = threading.RLock()
        self.loaded = False
        """Whether it has all events that were said before `hear` was to be told of those after."""
        self.large = False
        """Whether they are too many to be kept: then it has none."""
        self.version = next(_versions)
        """Another number whenever something has changed it; no two stories have the same."""
        self._waiting: deque[Heard] = deque()
        self._clear()

    def _clear(self) -> None:
        self.entries: list[Entry] = []
        self.fragments = Fragments()
        """Its parts at moments that were looked at."""
        self.offsets: dict[str, Offset] = {}
        self._size = self._streamed = 0
        self._since = array("q")
        self._seen: dict[str, Intervals] = {}
        self._beats: set[str] = set()
        self._spill: Spill | None = None
        self._cursors = Cursors(self.run, self.offsets, self._seen)

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        return self._size + len(self.entries) * _OVERHEAD + self.fragments.size

    def load(self, heard: Iterable[Heard]) -> None:
        """Take in the events that were said before, in any order; anew where it has some already."""
        self._clear()
        take, add = self._taken, self.entries.append
        try:
            for event, received in heard:
                if self._new(event):
                    add(take(event, received))
                    if self._size + len(self.entries) * _OVERHEAD > MOST_BYTES:
                        return self.let_go()
        except OSError:  # the disk is full
            return self.let_go()
        self._order()
        self.loaded = True
        return None

    def let_go(self) -> None:
        """Forget all that it has, because it is too much."""
        self._clear()
        self._waiting.clear()
        self.loaded = self.large = True

    def hear(self, event: Event, received: int | None) -> None:
        """Note an event of the tail, and when the broker received it; it takes its place when the story is next asked.
        Never waits."""
        if self.loaded and len(self._waiting) >= MOST_WAITING:  # nobody asks: who does next loads all anew
            self._waiting.clear()
            self.loaded = False
        self._waiting.append((event, received))

    def settle(self) -> None:
        """Put in place what was heard."""
        end = least = len(self.entries)
        moved = False
        while self._waiting:
            event, received = self._waiting.popleft()
            if event.run != self.run or not self._new(event):
                continue
            entry = self._corrected(self._taken(event, received))
            index = bisect_right(self.entries, entry.time, key=_time)
            least = min(least, index)
            self.entries.insert(index, entry)
            self._since.insert(index, entry.since)
            self.version = next(_versions)
            moved = moved or event.type == ev.SESSION_OFFSET
        if moved:  # its session's times move: rare, so all is put in order again
            self._order()
        elif least < end:
            self._cursors.forget(least)
            self.fragments.forget(least)

    def _order(self) -> None:
        self.offsets = offsets_of(entry.event for entry in self.entries if entry.event.type == ev.SESSION_OFFSET)
        if self.offsets:
            self.entries = list(map(self._corrected, self.entries))
        self.entries.sort(key=_time)
        self._since = array("q", (entry.since for entry in self.entries))
        self._cursors, self.fragments = Cursors(self.run, self.offsets, self._seen), Fragments()
        self.version = next(_versions)

    def _new(self, event: Event) -> bool:
        if event.session is None:
            return False
        if event.seq is not None:
            seen = self._seen.get(event.session)
            return add(self._seen.setdefault(event.session, []) if seen is None else seen, event.seq)
        if event.id in self._beats:
            return False
        self._beats.add(event.id)
        return True

    def _taken(self, event: Event, received: int | None) -> Entry:
        """The entry of an event, with its times by its session's clock."""
        adds = place = None
        since = event.time
        if event.type in ev.STREAMS:
            adds = summed(event)
            if adds is not None and not isinstance(adds, Broken) and adds.since < since:
                since = adds.since
            self._streamed += len(event.data)
            if self._streamed > MOST_DATA:
                self._spill = self._spill or Spill()
                place = self._spill.put(event.data)
                event = msgspec.structs.replace(event, data=b"")
        self._size += len(event.data)
        return Entry(event.time, since, event, received, adds, place)

    def _corrected(self, entry: Entry) -> Entry:
        """An entry with its times by the broker's clock."""
        session, adds = entry.event.session or "", entry.adds
        time = corrected(self.offsets, session, entry.event.time)
        since = time
        if adds is not None and not isinstance(adds, Broken):
            since = min(time, corrected(self.offsets, session, adds.since))
        if (time, since) == (entry.time, entry.since):
            return entry
        return msgspec.structs.replace(entry, time=time, since=since)

    def upto(self, until: int) -> int:
        """How many events were said up to `until`."""
        return bisect_right(self.entries, until, key=_time)

    def streams(self, start: int, end: int) -> Iterator[tuple[Event, int]]:
        """The points and lines that may have rows after `start` and up to `end`, and what to add to the times of each
        for the broker's clock, in µs."""
        index = self.upto(start)
        for number in np.flatnonzero(np.frombuffer(self._since, np.int64)[index:] <= end).tolist():
            entry = self.entries[index + number]
            if entry.event.type in (ev.METRICS, ev.LOGS):
                offset = self.offsets.get(entry.event.session or "")
                yield _whole(entry, self._spill), 0 if offset is None else offset.micros

    def at(self, until: int) -> Then:
        """The fold of what was at `until`: valid until the next call."""
        self.settle()
        return self._then(until, None)

    def toward(self, until: int) -> bool:
        """Do a part of the work that the fold at `until` takes; answers whether there is more of it."""
        self.settle()
        return self._cursors.toward(self.entries, self.upto(until))

    def both(self, early: int, late: int) -> tuple[Then, Then, set[Part]]:
        """The folds at two moments, and the parts of the view that events between them touch."""
        self.settle()
        first = self._then(early, None)
        second = self._then(late, first.cursor)
        touched = second.cursor.touched.items()
        parts = {part for part, last in touched if last >= first.cursor.index}
        return first, second, parts | first.cut_parts() | second.cut_parts()

    def _then(self, until: int, busy: Cursor | None) -> Then:
        index = self.upto(until)
        cursor = self._cursors.at(self.entries, index, busy)
        cut = list(self._straddling(until, index))
        tally = cursor.tally
        if cut:  # events that end later count with their rows that do not
            tally = tally.copy()
            for event, adds in cut:
                tally.take(event, adds)
        return Then(cursor.state, tally, cursor, cut)

    def _straddling(self, until: int, index: int) -> Iterator[tuple[Event, Sum]]:
        """The events of streams from `index` on that have rows up to `until`, with what those rows add."""
        if index == len(self.entries):
            return
        for number in np.flatnonzero(np.frombuffer(self._since, np.int64)[index:] <= until).tolist():
            entry = self.entries[index + number]
            offset = self.offsets.get(entry.event.session or "")
            adds = summed(_whole(entry, self._spill), until - (0 if offset is None else offset.micros))
            if adds is not None:
                yield entry.event, adds

    def events(self, types: frozenset[str]) -> Iterator[Event]:
        """The events of these types in the order of their times, as of now: to be gone through without the lock."""
        found = [entry for entry in self.entries if entry.event.type in types]
        spill = self._spill
        return (_whole(entry, spill) for entry in found)


def _whole(entry: Entry, spill: Spill | None) -> Event:
    if entry.place is None or spill is None:
        return entry.event
    return msgspec.structs.replace(entry.event, data=spill.get(entry.place))


def passed(run: str, heard: Iterable[Heard], offsets: dict[str, Offset], until: int) -> tuple[RunState, Tally]:
    """The fold of what was at `until`, of a run that is too large to be kept: holds nothing of it.

    Args:
        run: its id.
        heard: all its events.
        offsets: the clock offsets that the whole of it tells.
        until: the moment.
    """
    known: dict[str, Intervals] = {}
    state, tally = RunState(run, offsets=offsets, known=known), Tally(run, until=until, offsets=offsets)
    for event, received in heard:
        if event.session is not None and event.seq is not None:
            add(known.setdefault(event.session, []), event.seq)
        when = corrected(offsets, event.session or "", event.time)
        if when <= until:
            state.apply(event, when if received is None else received)
        tally.apply(event)
    return state, tally
