"""How many events, lines or errors fall into each pixel of a strip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .columns import Integers


def density(times: npt.ArrayLike, start: int, stop: int, width: int) -> Integers:
    """Counts of `times` in `width` equal buckets from `start` to `stop`, all in µs since 1970.

    A bucket holds its left edge, the last one `stop` too; what lies outside is not counted.

    Raises:
        ValueError: a width below 1, or `stop` before `start`.
    """
    if width < 1:
        raise ValueError(f"width is {width}: give the number of buckets, 1 or more")
    if stop < start:
        raise ValueError(f"to is {stop}, before from, {start}: give a moment after it")
    inside = np.asarray(times, np.int64)
    inside = inside[(inside >= start) & (inside <= stop)]
    edges = np.ceil(start + (stop - start) * np.arange(1, width) / width).astype(np.int64)
    counts: Integers = np.bincount(np.searchsorted(edges, inside, side="right"), minlength=width)
    return counts
