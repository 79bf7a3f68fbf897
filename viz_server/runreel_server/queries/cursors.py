"""Folds that move along the events of a run: kept at intervals, so that every moment has one nearby."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from runreel import events as ev
from runreel.events import Event
from runreel.state import Offset, Part, RunState, Tally
from runreel.state.intervals import Intervals
from runreel.state.sums import Sum
from runreel_server.queries.spill import Place

MOST_KEPT: Final = 32
"""How many folds are kept beside those that move."""

STRIDE: Final = 1_000
"""How many entries lie between two of them at first; where that gives too many, twice as many, and so on."""

_MOVING: Final = 10  # the two ends of a patch, and where players are

BRANCHING: Final = 300
"""How many entries a fold takes in, in the time that a branch of one takes, about."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event in its place.

    Attributes:
        time: by the broker's clock, in µs.
        since: the time of its first row, likewise.
        event: the event; without its data where those lie in the spill.
        received: when the broker received it, where that is known.
        adds: what it adds to a tally, where it is of a stream and anything of it counts.
        place: where its data lie, unless they are in the event.
    """

    time: int
    since: int
    event: Event
    received: int | None
    adds: Sum | None = None
    place: Place | None = None


class Cursor:
    """A fold that has taken in the first `index` entries, and by which of them each part was touched last."""

    def __init__(self, state: RunState, tally: Tally) -> None:
        self.index = 0
        self.state, self.tally = state, tally
        self.touched: dict[Part, int] = {}

    def forward(self, entries: Sequence[Entry], index: int) -> None:
        """Take in the entries up to `index`, which is not before the present one."""
        touched, state, tally = self.touched, self.state, self.tally
        for number in range(self.index, index):
            entry = entries[number]
            event = entry.event
            for part in state.apply(event, entry.time if entry.received is None else entry.received):
                touched[part] = number
            if event.type in ev.STREAMS:
                for part in tally.take(event, entry.adds):
                    touched[part] = number
        self.index = index

    def branch(self) -> Cursor:
        """A fold at the same place that moves on its own."""
        other = Cursor(self.state.copy(), self.tally.copy())
        other.index, other.touched = self.index, self.touched.copy()
        return other


class Cursors:
    """The folds of one run. Those that move are valid until the next call.

    Args:
        run: the run's id.
        offsets: the sessions' clock offsets, which the whole of its events tells.
        known: what has come of each session; it grows.
    """

    def __init__(self, run: str, offsets: dict[str, Offset], known: Mapping[str, Intervals]) -> None:
        self._first = Cursor(RunState(run, offsets=offsets, known=known), Tally(run))
        self._kept: dict[int, Cursor] = {}
        self._stride = STRIDE
        self._moving: list[Cursor] = []

    def at(self, entries: Sequence[Entry], index: int, busy: Cursor | None = None) -> Cursor:
        """A fold of the first `index` entries: another one than `busy`."""
        free = [cursor for cursor in self._moving if cursor is not busy]
        found = _nearest(free, index)
        still = [*self._kept.values(), self._first] if busy is None else [*self._kept.values(), self._first, busy]
        kept = _nearest(still, index) or self._first
        if found is None or found.index < kept.index - BRANCHING:
            found = kept.branch()
            if len(self._moving) == _MOVING:
                self._moving.remove(free[0])
        else:
            self._moving.remove(found)
        self._moving.append(found)  # those that were used longest ago come first
        while found.index < index:
            stop = min(index, (found.index // self._stride + 1) * self._stride)
            found.forward(entries, stop)
            if stop % self._stride == 0 and stop not in self._kept:
                self._keep(found.branch())
        return found

    def toward(self, entries: Sequence[Entry], index: int) -> bool:
        """Bring a fold one stride nearer to the first `index` entries; answers whether there is more of the way."""
        near = _nearest([*self._moving, *self._kept.values(), self._first], index) or self._first
        if index - near.index > self._stride:
            self.at(entries, near.index + self._stride)
        return index - near.index > 2 * self._stride

    def forget(self, index: int) -> None:
        """Let go of the folds of more than the first `index` entries: another one has come between."""
        self._kept = {at: cursor for at, cursor in self._kept.items() if at <= index}
        self._moving = [cursor for cursor in self._moving if cursor.index <= index]

    def _keep(self, cursor: Cursor) -> None:
        self._kept[cursor.index] = cursor
        if len(self._kept) > MOST_KEPT:
            self._stride *= 2
            self._kept = {at: one for at, one in self._kept.items() if at % self._stride == 0}


def _nearest(cursors: Iterable[Cursor], index: int) -> Cursor | None:
    return max((one for one in cursors if one.index <= index), key=lambda one: one.index, default=None)
