"""How many events, lines or errors fall into each pixel of a strip."""

from __future__ import annotations

import numpy.typing as npt

from runreel_consumers.archive.density import Buckets

from .columns import Integers


def density(times: npt.ArrayLike, start: int, stop: int, width: int) -> Integers:
    """Counts of `times` in `width` equal buckets from `start` to `stop`, all in µs since 1970; see `Buckets`.

    Raises:
        ValueError: a width below 1, or `stop` before `start`.
    """
    return Buckets(start, stop, width).counts(times)
