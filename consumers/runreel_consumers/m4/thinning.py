"""A series in coarser and coarser levels: of each cell of x the points that draw it."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from runreel_consumers.distinct import distinct
from runreel_consumers.m4.pyramid import Floats, Integers, Pyramid
from runreel_consumers.m4.selection import select

THINNED: Final = 16
"""The finest level has at most so many times fewer rows than the series has points (unless most values break it)."""

COARSEST: Final = 4_096
"""A level of so few rows is the last: nothing is gained by a coarser one."""

STEP: Final = 2
"""A level's cells are 2^2 times as wide as those of the level before."""

_FINEST_FLOAT: Final = -300  # 2^-300: finer than any index is said


def cells_of(x: npt.NDArray[Any], cell: int) -> npt.NDArray[Any]:
    """For each x the cell of width 2^`cell` that it lies in: a cell begins at a multiple of its width, wherever the
    series begins or ends, so that a cell of one level is made of whole cells of any finer one."""
    if np.issubdtype(x.dtype, np.integer):
        found: npt.NDArray[Any] = np.right_shift(x, cell)
    else:
        found = np.floor(np.ldexp(x, -cell))
    return found


def thin(x: npt.NDArray[Any], value: Floats, cell: int) -> Integers:
    """The ranks of the points that draw a series on cells of width 2^`cell`, in order.

    Of each cell: the first, the least, the greatest and the last point. Where a value is not finite, the line breaks:
    then the first and the last such point as well, and the same of each stretch between them. What is thinned already
    and is thinned again to coarser cells comes out as if it had not been.

    Args:
        x: finite, never falling.
        value: the values.
        cell: the binary logarithm of the width.
    """
    found = cells_of(x, cell)
    bounds = np.concatenate(([0], np.flatnonzero(found[1:] != found[:-1]) + 1, [len(x)]))
    pyramid = Pyramid()
    pyramid.update(value, 0)
    return distinct(select(value, pyramid, np.flatnonzero(~np.isfinite(value)), bounds, 0))


def levels(x: npt.NDArray[Any], value: Floats) -> list[tuple[int, Integers]]:
    """The levels of a series, each as the logarithm of its cells' width and the ranks of its points; finest first.

    Args:
        x: finite, never falling, not empty.
        value: the values.
    """
    cell = _finest(x)
    ranks = thin(x, value, cell)
    made = [(cell, ranks)]
    while len(ranks) > COARSEST and int(np.ptp(cells_of(x[[0, -1]], cell))) > 1:
        cell += STEP
        ranks = ranks[thin(x[ranks], value[ranks], cell)]
        made.append((cell, ranks))
    return made


def _finest(x: npt.NDArray[Any]) -> int:
    """The narrowest cells of which there are few enough."""
    most = max(1, len(x) // (4 * THINNED))
    if x.dtype.kind == "i":
        low, high = 0, 63
    else:
        largest = max(abs(float(x[0])), abs(float(x[-1])), 1.0)
        low, high = _FINEST_FLOAT, math.frexp(largest)[1] + 1
    while low < high:
        middle = (low + high) // 2
        found = cells_of(x, middle)
        if int(np.count_nonzero(found[1:] != found[:-1])) < most:
            high = middle
        else:
            low = middle + 1
    return low
