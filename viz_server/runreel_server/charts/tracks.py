"""Points in one order with their pyramid: what a slice of a chart is cut from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from runreel_consumers.distinct import distinct
from runreel_consumers.m4 import Buffer, Pyramid, select

from .columns import Columns, Floats, Integers, Order

_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Window:
    """The ranks of a view: the ranges [start, end), single ranks `extra` between them, a neighbour on either side."""

    starts: Integers
    ends: Integers
    extra: Integers
    neighbours: Integers

    @property
    def count(self) -> int:
        """The number of points in view, neighbours not counted."""
        return int((self.ends - self.starts).sum()) + len(self.extra)

    @property
    def ranks(self) -> Integers:
        """All ranks to draw where none is left out."""
        ranges = [np.arange(start, end) for start, end in zip(self.starts, self.ends, strict=True)]
        return distinct(np.concatenate([self.neighbours, self.extra, *ranges]))


class Track:
    """One series in one order, and what is derived from it, brought up to date from the lowest rank that changed."""

    def __init__(self, order: Order) -> None:
        self.columns = Columns(order)
        self._pyramid = Pyramid()
        self._broken: Buffer[np.int64] = Buffer(np.int64)
        self._rising = 0
        self._repeats = False
        self._blocks: tuple[Integers, Integers] | None = None

    def sync(self) -> None:
        """Settle the columns and extend what is derived from them."""
        changed = self.columns.settle()
        size = len(self.columns)
        if changed == size:
            return
        values = self.columns.value
        self._pyramid.update(values, changed)
        self._broken.truncate(int(np.searchsorted(self._broken.array, changed)))
        self._broken.extend(np.flatnonzero(~np.isfinite(values[changed:])) + changed)
        self._blocks = None
        if self._rising >= changed:
            self._rise(changed)

    @property
    def indices_rise(self) -> bool:
        """Whether the index never falls (and is a number) in this order, so that this order serves x = at too."""
        return self._rising == len(self.columns)

    @property
    def indices_repeat(self) -> bool:
        """Whether two points that follow each other have one index, or one of them has none that can be drawn."""
        return self._repeats

    def x(self, by: Order) -> Floats | Integers:
        """The column to search in for x: it rises with the rank."""
        return self.columns.at if by == "at" else self.columns.time

    def window(self, by: Order, low: float, high: float, until: int | None) -> Window:
        """The ranks with low <= x <= high and, where `until` is given, time <= until."""
        column = self.x(by)
        if by == "time":  # whole numbers are compared with whole numbers, or the column would be copied as floats
            low, high = math.ceil(low), math.floor(high)
        first = int(np.searchsorted(column, low, side="left"))
        last = max(first, int(np.searchsorted(column, high, side="right")))
        starts, ends, single = self._cut(until)
        neighbours = [*(np.minimum(ends, first)[starts < first] - 1)[-1:], *single[single < first][-1:]]
        neighbours = [max(neighbours)] if neighbours else []
        after = [*np.maximum(starts, last)[ends > last][:1], *single[single >= last][:1]]
        neighbours += [min(after)] if after else []
        beside = np.array(neighbours, np.int64)
        starts, ends = np.clip(starts, first, last), np.clip(ends, first, last)
        return Window(
            starts[starts < ends],
            ends[starts < ends],
            single[(single >= first) & (single < last)],
            beside[np.isfinite(column[beside])],
        )

    def select(self, window: Window, bounds: Integers, budget: int) -> Integers:
        """The ranks to draw: of each pixel column first, least, greatest and last, and what breaks the line.

        `bounds` are the first ranks of all columns but the first. Up to `budget` points that are not finite are all
        kept, and each stretch between them is drawn as a line of its own; beyond that a column keeps its first and its
        last such point, and the stretch between these is drawn as one line.
        """
        pieces = [window.neighbours]
        bounds = np.concatenate(([0], bounds, [len(self.columns)]))
        if len(window.starts):
            edges = np.clip(bounds, window.starts[0], window.ends[-1])
            cuts = distinct(np.concatenate((edges, window.starts, window.ends)))
            chosen = select(self.columns.value, self._pyramid, self._broken.array, cuts, budget)
            begun = np.searchsorted(window.starts, chosen, side="right")
            pieces.append(chosen[begun > np.searchsorted(window.ends, chosen, side="right")])
        if len(window.extra) <= 4 * budget:
            pieces.append(window.extra)
        else:  # a stretch where time does not rise with x, and the cut goes through it: what is left of it, compacted
            values = self.columns.value[window.extra]
            pyramid = Pyramid()
            pyramid.update(values, 0)
            broken = np.flatnonzero(~np.isfinite(values))
            chosen = select(values, pyramid, broken, np.searchsorted(window.extra, bounds), budget)
            pieces.append(window.extra[chosen])
        return distinct(np.concatenate(pieces))

    def nonfinite(self, window: Window) -> int:
        """How many points in view are NaN or infinite."""
        broken = self._broken.array
        whole = np.searchsorted(broken, window.ends) - np.searchsorted(broken, window.starts)
        return int(whole.sum()) + int((~np.isfinite(self.columns.value[window.extra])).sum())

    def _cut(self, until: int | None) -> tuple[Integers, Integers, Integers]:
        """The points with time <= until: ranges by their starts and ends, and single ranks between them.

        In the order of the index time may jump; blocks of ranks are taken or left whole where their times allow it, and
        only the blocks that the cut goes through are read.
        """
        size = len(self.columns)
        time = self.columns.time
        none: Integers = np.empty(0, np.int64)
        if until is None or size == 0 or self.columns.order == "time":
            end = size if until is None else int(np.searchsorted(time, until, side="right"))
            return (np.zeros(1, np.int64), np.array([end]), none) if end else (none, none, none)
        edges = np.arange(0, size, _BLOCK)
        if self._blocks is None:
            self._blocks = np.maximum.reduceat(time, edges), np.minimum.reduceat(time, edges)
        greatest, least = self._blocks
        whole = np.concatenate(([False], greatest <= until, [False]))
        starts = np.flatnonzero(whole[1:] & ~whole[:-1]) * _BLOCK
        ends = np.minimum(np.flatnonzero(whole[:-1] & ~whole[1:]) * _BLOCK, size)
        through = np.flatnonzero((greatest > until) & (least <= until)) * _BLOCK
        ranks = (through[:, np.newaxis] + np.arange(_BLOCK)).ravel()
        ranks = ranks[: np.searchsorted(ranks, size)]
        return starts, ends, ranks[time[ranks] <= until]

    def _rise(self, changed: int) -> None:
        """Follow whether the index rises, from rank `changed` on."""
        at = self.columns.at[max(0, changed - 1) :]
        rises = (at[1:] >= at[:-1]) & np.isfinite(at[:-1])
        self._rising = len(self.columns)
        if not rises.all() or not np.isfinite(at[-1]):
            self._rising = changed
        self._repeats = self._repeats or bool((at[1:] == at[:-1]).any() or not np.isfinite(at).all())
