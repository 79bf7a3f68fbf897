"""A run as it was: all its events by their times, and the fold that moves along them."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from runreel import events as ev
from runreel.codec import encode_data, payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state import RUN, Offset, Part, RunState, Tally, corrected, offsets_of
from runreel.state.intervals import Intervals, add
from runreel_server.queries.tails import Heard

MOST_BYTES: Final = 48 << 20
"""A run whose events are larger than this is read anew for each moment, so that memory stays bounded."""


_OVERHEAD: Final = 1_000  # bytes of an entry beside its data, and of its part in the folds
_CURSORS: Final = 2


class _Times(msgspec.Struct):
    time: list[int] = []


_times = msgspec.json.Decoder(_Times)


class Entry(msgspec.Struct, frozen=True):
    """An event in its place: `time` and `since` (of its first row) by the broker's clock, in µs."""

    time: int
    since: int
    event: Event
    received: int | None


class Cursor:
    """A fold that has taken in the first `index` entries."""

    def __init__(self, run: str, offsets: dict[str, Offset]) -> None:
        self.index = 0
        self.state = RunState(run, offsets=offsets)
        self.tally = Tally(run)

    def forward(self, entries: list[Entry], index: int) -> None:
        """Take in the entries up to `index`, which is not before the present one."""
        for entry in entries[self.index : index]:
            self.take(entry)
        self.index = index

    def take(self, entry: Entry) -> Iterable[Part]:
        """Take in one entry; answers the parts of the view that it may have changed."""
        touched = self.state.apply(entry.event, entry.time if entry.received is None else entry.received)
        if entry.event.type in ev.STREAMS:
            return (*touched, *self.tally.apply(entry.event))
        return touched


class Then(NamedTuple):
    """A run at a moment: its fold, the cursor that made it, and the events of streams that were cut."""

    state: RunState
    tally: Tally
    cursor: Cursor
    cut: list[Event]


class Story:
    """The events of one run in the order of their times. Grows by `hear`. Safe for threads: hold `lock` while using
    what `at` and `both` answer, and `entries`.

    Args:
        run: the run's id.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.lock = threading.RLock()
        self.size = 0
        """Bytes of data."""
        self.version = 0
        """Counts what changed it."""
        self.offsets: dict[str, Offset] = {}
        self.entries: list[Entry] = []
        self._keys: list[int] = []
        self._waiting: deque[Event] = deque()
        self._seen: dict[str, Intervals] = {}
        self._beats: set[str] = set()
        self._since: npt.NDArray[np.int64] | None = None
        self._cursors: list[Cursor] = []
        self._teller = Cursor(run, self.offsets)
        self._touched: list[tuple[Part, ...]] = []  # of each entry that the teller has taken in

    def load(self, heard: Iterable[Heard]) -> bool:
        """Take in many events, in any order; answers whether it did: none where they are larger than `MOST_BYTES`."""
        with self.lock:
            new: list[Heard] = []
            for event, received in heard:
                if self._new(event):
                    new.append((event, received))
                    self.size += len(event.data)
                    if self.size > MOST_BYTES:
                        return False
            whole = [(entry.event, entry.received) for entry in self.entries] + new
            self.offsets = offsets_of(event for event, _ in whole)
            self.entries = sorted((self._entry(*one) for one in whole), key=lambda entry: entry.time)
            self._keys = [entry.time for entry in self.entries]
            self._restart()
            return True

    def hear(self, event: Event) -> None:
        """Note an event of the tail; takes its place when the story is next asked. Never waits."""
        self.size += len(event.data)
        self._waiting.append(event)

    def settle(self) -> None:
        """Put in place what was heard."""
        with self.lock:
            while self._waiting:
                self._place(self._waiting.popleft())

    def _place(self, event: Event) -> None:
        if event.run != self.run or not self._new(event):
            return
        entry = self._entry(event, None)
        index = bisect_right(self._keys, entry.time)
        self.entries.insert(index, entry)
        if event.type == ev.SESSION_OFFSET:  # its session's times move: rare, so all is put in order again
            self.load(())
            return
        self._keys.insert(index, entry.time)
        self.version += 1
        self._since = None
        self._cursors = [cursor for cursor in self._cursors if cursor.index <= index]
        if index < self._teller.index:
            del self._touched[index:]
            self._teller = Cursor(self.run, self.offsets)

    def _new(self, event: Event) -> bool:
        if event.session is None:
            return False
        if event.seq is not None:
            return add(self._seen.setdefault(event.session, []), event.seq)
        if event.id in self._beats:
            return False
        self._beats.add(event.id)
        return True

    def _entry(self, event: Event, received: int | None) -> Entry:
        time = corrected(self.offsets, event.session or "", event.time)
        since = time
        if event.type in ev.STREAMS:
            first = min(row_times(event), default=event.time)
            since = min(time, corrected(self.offsets, event.session or "", first))
        return Entry(time, since, event, received)

    def _restart(self) -> None:
        self.version += 1
        self._since = None
        self._cursors = []
        self._teller = Cursor(self.run, self.offsets)
        self._touched = []

    @property
    def weight(self) -> int:
        """About how many bytes it takes in memory."""
        return self.size + len(self.entries) * _OVERHEAD if self.entries else 0

    def upto(self, until: int) -> int:
        """How many entries have their time at `until` or before."""
        return bisect_right(self._keys, until)

    def at(self, until: int) -> Then:
        """The fold of what was at `until`: valid until the next call."""
        self.settle()
        return self._then(until, None)

    def both(self, early: int, late: int) -> tuple[Then, Then, set[Part]]:
        """The folds at two moments, and the parts of the view in which they may differ."""
        self.settle()
        first = self._then(early, None)
        second = self._then(late, first.cursor)
        parts = {part for touched in self._told(second.cursor.index)[first.cursor.index :] for part in touched}
        for then in (first, second):
            for event in then.cut:
                parts |= (
                    {("step", event.subject), ("series", event.subject)} if event.subject else {RUN, ("series", "")}
                )
        for session in first.state.stalled(early) ^ second.state.stalled(late):
            parts.update(second.state.touched_by(session))
        return first, second, parts | {RUN}

    def _then(self, until: int, busy: Cursor | None) -> Then:
        cursor = self._cursor(self.upto(until), busy)
        cut = list(self.straddling(until, cursor.index))
        tally = cursor.tally
        if cut:  # events that end later count with their rows that do not
            tally = tally.copy()
            for event in cut:
                tally.apply(event)
        return Then(cursor.state, tally, cursor, cut)

    def _cursor(self, index: int, busy: Cursor | None) -> Cursor:
        """A cursor at `index`: the nearest one before it goes on, or a new one takes the place of the last."""
        free = [cursor for cursor in self._cursors if cursor is not busy]
        found = max((one for one in free if one.index <= index), key=lambda one: one.index, default=None)
        if found is None:
            if len(self._cursors) == _CURSORS:
                self._cursors.remove(max(free, key=lambda one: one.index))
            found = Cursor(self.run, self.offsets)
            self._cursors.append(found)
        found.forward(self.entries, index)
        return found

    def _told(self, index: int) -> list[tuple[Part, ...]]:
        """What each of the first `index` entries has touched."""
        self._teller.forward(self.entries, max(self._teller.index, min(len(self._touched), index)))
        for entry in self.entries[len(self._touched) : index]:
            self._touched.append(tuple(self._teller.take(entry)))
            self._teller.index += 1
        return self._touched[:index]

    def straddling(self, until: int, index: int) -> Iterator[Event]:
        """The events of streams from `index` on that have rows up to `until`, with those rows only."""
        if self._since is None:
            self._since = np.array([entry.since for entry in self.entries], np.int64)
        for number in np.flatnonzero(self._since[index:] <= until).tolist():
            event = self.entries[index + number].event
            offset = self.offsets.get(event.session or "")
            cut = until_row(event, until - (0 if offset is None else offset.micros))
            if cut is not None:
                yield cut


def passed(run: str, heard: Iterable[Heard], offsets: dict[str, Offset], until: int) -> tuple[RunState, Tally]:
    """The fold of what was at `until`, of a run that is too large to be kept: holds nothing of it.

    Args:
        run: its id.
        heard: all its events.
        offsets: the clock offsets that the whole of it tells.
        until: the moment.
    """
    state, tally = RunState(run, offsets=offsets), Tally(run, until=until, offsets=offsets)
    for event, received in heard:
        when = corrected(offsets, event.session or "", event.time)
        if when <= until:
            state.apply(event, when if received is None else received)
        tally.apply(event)
    return state, tally


def row_times(event: Event) -> list[int]:
    """The times of a stream's rows as said; none where its data cannot be read."""
    try:
        return _times.decode(event.data).time
    except msgspec.DecodeError:
        return []


def until_row(event: Event, limit: int) -> Event | None:
    """An event of columns with its rows up to `limit` (µs, by its session's clock) alone; None where it has none."""
    try:
        data: Any = payload(event)
    except CodecError:
        return None
    kept = [row for row, when in enumerate(data.time) if when <= limit]
    if not kept:
        return None
    names = {ev.METRICS: ("time", "value", "at"), ev.LOGS: ("time", "level", "text")}.get(event.type, ("time", "done"))
    columns = {name: getattr(data, name) for name in names}
    if any(column is not None and len(column) != len(data.time) for column in columns.values()):
        return None  # no data of the contract; the fold counts it as a problem where it is whole
    changed: dict[str, Any] = {
        name: None if column is None else [column[row] for row in kept] for name, column in columns.items()
    }
    if isinstance(data, ev.Logs) and kept[-1] != len(data.time) - 1:
        changed["more"] = False
    return msgspec.structs.replace(event, data=encode_data(msgspec.structs.replace(data, **changed)))
