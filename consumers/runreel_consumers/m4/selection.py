"""The choice itself: which ranks of a series draw it on given columns."""

from __future__ import annotations

import numpy as np

from runreel_consumers.distinct import distinct
from runreel_consumers.m4.pyramid import Floats, Integers, Pyramid


def select(values: Floats, pyramid: Pyramid, broken: Integers, bounds: Integers, budget: int) -> Integers:
    """First, least, greatest and last of each range between two `bounds`, cut where the line breaks; in no order.

    Args:
        values: the values of the series, in the order of x.
        pyramid: of these values.
        broken: the ranks of those that are not finite.
        bounds: the first rank of each column, and the rank after the last one.
        budget: up to so many points that are not finite are all kept, and each stretch between them is drawn as a line
            of its own; beyond that a column keeps its first and its last such point, and the stretch between these is
            drawn as one line.
    """
    inside = broken[np.searchsorted(broken, bounds[0]) : np.searchsorted(broken, bounds[-1])]
    if len(inside) > budget:
        column = np.searchsorted(bounds, inside, side="right")
        turns = np.flatnonzero(column[1:] != column[:-1])
        inside = inside[distinct(np.concatenate(([0], turns, turns + 1, [len(inside) - 1])))]
    cuts = distinct(np.concatenate((bounds, inside, inside + 1)))
    starts, ends = cuts[:-1], cuts[1:]
    low, high = pyramid.extents(values, starts, ends)
    return np.concatenate((starts, ends - 1, low[low >= 0], high[high >= 0]))
