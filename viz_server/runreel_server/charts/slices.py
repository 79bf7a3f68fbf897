"""Series as the API and the stream say them: JSON-able columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from runreel_consumers.distinct import distinct
from runreel_consumers.m4 import Pyramid

from .axes import Axis
from .columns import Floats, Integers
from .stored import StoredTiles
from .tiles import Tiles


def plain(values: Floats) -> list[float | str]:
    """Numbers for JSON: the non-finite ones as the contract writes them, "NaN", "Infinity", "-Infinity"."""
    listed: list[float | str] = values.tolist()
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        number = values[place]
        listed[place] = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return listed


def series_json(
    tiles: Tiles | StoredTiles,
    x: Axis = "at",
    start: float | None = None,
    stop: float | None = None,
    width: int = 800,
    *,
    until: int | None = None,
    origin: int | None = None,
) -> dict[str, Any]:
    """The answer of `/series` for one key; the arguments are those of `Tiles.slice`.

    `{"at": [], "time": [], "value": [], "bucketed": bool, "count": n, "nonfinite": n}`, times in µs since 1970.

    Raises:
        ValueError: an unknown axis, a width below 1, or an edge that is not finite.
    """
    view = tiles.slice(x, start, stop, width, until=until, origin=origin)
    return {
        "at": plain(view.at),
        "time": view.time.tolist(),
        "value": plain(view.value),
        "bucketed": view.bucketed,
        "count": view.count,
        "nonfinite": view.nonfinite,
    }


def m4(at: npt.ArrayLike, time: npt.ArrayLike, value: npt.ArrayLike, n: int = 40) -> tuple[Floats, Integers, Floats]:
    """At most `n` of the points of a batch, for a delta: first, least, greatest and last of equal spans of time.

    Where a value is not finite, the first such one of each span is kept too, so that the line breaks there. The points
    come back in the order of time.

    Raises:
        ValueError: n is below 5, or the columns differ in length.
    """
    if n < 5:
        raise ValueError(f"n is {n}: five points are the fewest that show a span and its gap")
    indices, times, values = np.asarray(at, np.float64), np.asarray(time, np.int64), np.asarray(value, np.float64)
    if not indices.shape == times.shape == values.shape:
        raise ValueError(f"at, time and value have {len(indices)}, {len(times)} and {len(values)} points: give as many")
    order = np.argsort(times, kind="stable")
    indices, times, values = indices[order], times[order], values[order]
    if len(times) <= n:
        return indices, times, values
    broken = np.flatnonzero(~np.isfinite(values))
    spans = n // 5 if len(broken) else n // 4
    edges = np.linspace(times[0], times[-1], spans + 1)[1:-1]
    cuts = distinct(np.concatenate(([0], np.searchsorted(times, edges), [len(times)])))
    pyramid = Pyramid()
    pyramid.update(values, 0)
    low, high = pyramid.extents(values, cuts[:-1], cuts[1:])
    _, first = np.unique(np.searchsorted(cuts, broken, side="right"), return_index=True)
    ranks = distinct(np.concatenate((cuts[:-1], cuts[1:] - 1, low[low >= 0], high[high >= 0], broken[first])))
    return indices[ranks], times[ranks], values[ranks]
