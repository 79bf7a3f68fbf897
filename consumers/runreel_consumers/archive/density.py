"""How many log lines fall into each bucket of time, where most of them need not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from runreel.state.sums import ERRORS
from runreel_consumers.archive.lines import Look, Source, Times
from runreel_consumers.archive.matching import Match

Of = Literal["lines", "errors"]
"""What is counted: log lines, or those of them that are errors."""

MATCHES: Final[dict[Of, Match]] = {"lines": Match(), "errors": Match(ERRORS)}
"""What each of them means."""


class Buckets:
    """`width` equal buckets of time from `start` to `stop`, in microseconds since 1970.

    A bucket holds its left edge, the last one `stop` too; what lies outside is not counted.

    Raises:
        ValueError: a width below 1, or `stop` before `start`.
    """

    def __init__(self, start: int, stop: int, width: int) -> None:
        if width < 1:
            raise ValueError(f"width is {width}: give the number of buckets, 1 or more")
        if stop < start:
            raise ValueError(f"to is {stop}, before from, {start}: give a moment after it")
        self.start, self.stop, self.width = start, stop, width
        self._edges = np.ceil(start + (stop - start) * np.arange(1, width) / width).astype(np.int64)

    def of(self, times: Times) -> npt.NDArray[np.int64]:
        """The bucket of each of these times, which lie inside."""
        return np.searchsorted(self._edges, times, side="right")

    def counts(self, times: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """How many of these times lie in each bucket."""
        inside = np.asarray(times, np.int64)
        inside = inside[(inside >= self.start) & (inside <= self.stop)]
        counted: npt.NDArray[np.int64] = np.bincount(self.of(inside), minlength=self.width)
        return counted


def line_counts(source: Source, buckets: Buckets) -> npt.NDArray[np.int64]:
    """How many lines of a source lie in each bucket: read are only the blocks that lie in several ones."""
    since, until, _, rows = source.blocks()
    whole = (since >= buckets.start) & (until <= buckets.stop)
    first = buckets.of(since)
    whole &= first == buckets.of(until)
    counted = np.bincount(first[whole], rows[whole], buckets.width).astype(np.int64)
    parted = np.flatnonzero(~whole & (until >= buckets.start) & (since <= buckets.stop))
    return counted + buckets.counts(source.read(parted.tolist(), _all("lines")).times)


def error_times(source: Source) -> Times:
    """When the error lines of a source were said."""
    blocks: Sequence[int] = range(len(source.blocks().rows))
    return source.read(blocks, _all("errors")).hits


def _all(of: Of) -> Look:
    return Look(None, False, None, MATCHES[of], most=0)
