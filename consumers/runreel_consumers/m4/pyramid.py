"""The least and the greatest value of any range of ranks, at the logarithm of its length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runreel_consumers.m4.buffers import Buffer

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: A bucket of the lowest level has 2^4 points: the pyramid then costs 4 bytes a point, and an edge scans 15 points.
BASE = 4
_SLICE = 1 << 16  # points at a time: what the processor's cache holds


class _Level:
    """The buckets of one level: least and greatest finite value and their ranks; infinite where no value is finite."""

    def __init__(self) -> None:
        self.low = Buffer(np.float64)
        self.high = Buffer(np.float64)
        self.low_rank = Buffer(np.int64)
        self.high_rank = Buffer(np.int64)

    def __len__(self) -> int:
        return len(self.low)

    def truncate(self, size: int) -> None:
        for buffer in (self.low, self.high, self.low_rank, self.high_rank):
            buffer.truncate(size)


class _Best:
    """The best value so far for each of n ranges, and its rank (-1: none): the first one of equals."""

    def __init__(self, size: int) -> None:
        self.value: Floats = np.full(size, np.inf)
        self.rank: Integers = np.full(size, -1, np.int64)

    def offer(self, which: Integers, value: Floats, rank: Integers) -> None:
        held, held_rank = self.value[which], self.rank[which]
        better = (value < held) | ((value == held) & (rank < held_rank) & (held_rank >= 0))
        which = which[better]
        self.value[which] = value[better]
        self.rank[which] = rank[better]


class Pyramid:
    """Buckets of 2^k ranks, k = 4, 5, ..., over the values of a series; only full buckets are held.

    A bucket's first and last point are its first and last rank, so that only its least and greatest are kept. Values
    that are not finite are passed over.
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def update(self, values: Floats, changed: int) -> None:
        """Bring the buckets up to `values`, of which those from rank `changed` on may be new: a cost of these alone."""
        for k, level in enumerate(self._levels):
            level.truncate(changed >> (BASE + k))
        if len(values) >> BASE and not self._levels:
            self._levels.append(_Level())
        if self._levels:
            self._ground(values)
        k = 0
        while k < len(self._levels):
            lower = self._levels[k]
            k += 1
            if len(lower) >= 2:
                if k == len(self._levels):
                    self._levels.append(_Level())
                self._raise(lower, self._levels[k])

    def extents(self, values: Floats, starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
        """The ranks of the least and the greatest finite value in each range [start, end); -1 where there is none.

        Of equal values the first counts. `values` are those of the last `update`.
        """
        low, high = _Best(len(starts)), _Best(len(starts))
        inner = np.minimum(-(-starts >> BASE) << BASE, ends)
        outer = np.maximum(ends >> BASE << BASE, inner)
        for edge_starts, edge_ends in ((starts, inner), (outer, ends)):
            self._scan(values, edge_starts, edge_ends, low, high)
        left, right = inner >> BASE, outer >> BASE
        which: Integers = np.flatnonzero(left < right)
        left, right = left[which], right[which]
        for level in self._levels:
            if not len(which):
                break
            odd = (left & 1) == 1
            self._visit(level, which[odd], left[odd], low, high)
            left = left + odd
            odd = ((right & 1) == 1) & (left < right)
            right = right - odd
            self._visit(level, which[odd], right[odd], low, high)
            left, right = left >> 1, right >> 1
            going = left < right
            which, left, right = which[going], left[going], right[going]
        return low.rank, high.rank

    def _ground(self, values: Floats) -> None:
        """Extend the lowest level from the points."""
        level = self._levels[0]
        end = len(values) >> BASE << BASE
        for start in range(len(level) << BASE, end, _SLICE):
            points = values[start : min(start + _SLICE, end)].reshape(-1, 1 << BASE).T
            finite = np.isfinite(points)
            whole = bool(finite.all())
            ranks = start + (np.arange(points.shape[1], dtype=np.int64) << BASE)
            low, place = _least(points if whole else np.where(finite, points, np.inf))
            level.low.extend(low)
            level.low_rank.extend(ranks + place)
            low, place = _least(-points if whole else np.where(finite, -points, np.inf))
            level.high.extend(-low)
            level.high_rank.extend(ranks + place)

    @staticmethod
    def _raise(lower: _Level, upper: _Level) -> None:
        """Extend a level from the pairs of the one below."""
        start, end = 2 * len(upper), len(lower) >> 1 << 1
        first, second = slice(start, end, 2), slice(start + 1, end, 2)
        low, rank = lower.low.array, lower.low_rank.array
        less = low[second] < low[first]
        upper.low.extend(np.where(less, low[second], low[first]))
        upper.low_rank.extend(np.where(less, rank[second], rank[first]))
        high, rank = lower.high.array, lower.high_rank.array
        more = high[second] > high[first]
        upper.high.extend(np.where(more, high[second], high[first]))
        upper.high_rank.extend(np.where(more, rank[second], rank[first]))

    @staticmethod
    def _visit(level: _Level, which: Integers, buckets: Integers, low: _Best, high: _Best) -> None:
        low.offer(which, level.low.array[buckets], level.low_rank.array[buckets])
        high.offer(which, -level.high.array[buckets], level.high_rank.array[buckets])

    @staticmethod
    def _scan(values: Floats, starts: Integers, ends: Integers, low: _Best, high: _Best) -> None:
        """Offer the points of short ranges, one by one."""
        which: Integers = np.flatnonzero(starts < ends)
        if not len(which):
            return
        lengths = (ends - starts)[which]
        offsets = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(len(which)), lengths)
        ranks = np.repeat(starts[which] - offsets, lengths) + np.arange(len(owner))
        taken = values[ranks]
        finite = np.isfinite(taken)
        for best, signed in ((low, taken), (high, -taken)):
            bounded = np.where(finite, signed, np.inf)
            least = np.minimum.reduceat(bounded, offsets)
            hits = np.flatnonzero(bounded == least[owner])
            first = hits[np.searchsorted(owner[hits], np.arange(len(which)))]
            best.offer(which, least, ranks[first])


def _least(points: Floats) -> tuple[Floats, Integers]:
    """The least of each column of a matrix, and its row, the first of equals: faster than `argmin` for few rows."""
    least = points[0].copy()
    place = np.zeros(len(least), np.int64)
    for row in range(1, len(points)):
        less = points[row] < least
        np.copyto(least, points[row], where=less)
        place[less] = row
    return least, place
