"""A long series that lies in the store: any view of it at the cost of its pixels, and no more is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from runreel_consumers import m4
from runreel_consumers.archive.stored_series import Columns, StoredSeries, joined

from .axes import Axis
from .columns import Order
from .cuts import Slice, edges_of
from .tiles import Tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runreel_consumers.archive.stored_points import Level

FEW: Final = 4 * 65_536
"""A view of so many points is cut from the points themselves."""


class StoredTiles:
    """One stored series, and M4 slices of it. Safe for threads.

    A view of many points is cut from the coarsest level whose cells are no wider than a pixel: its columns are cells of
    a width of 2^k, between a half and a whole pixel, and for each of them the answer is that of all points. What the
    edges of the view, or the moment that it ends at, leave of a cell is made from finer levels and from the points.

    Args:
        series: in the store.
    """

    def __init__(self, series: StoredSeries) -> None:
        self._series = series

    def __len__(self) -> int:
        return len(self._series)

    def serves(self, x: Axis) -> bool:
        """Whether this axis can be drawn: where indices fall in the order of time, theirs needs all points."""
        return x != "at" or self._series.rises

    def points(self, first: int, last: int) -> Columns:
        """The points of rank `first` to `last`, this one not included, in the order of their stamps."""
        return self._series.points(first, last)

    def indices_repeat(self) -> bool:
        """Whether any index occurs twice, or is not a number: then a chart over it says little."""
        return self._series.repeats

    def slice(
        self,
        x: Axis = "time",
        start: float | None = None,
        stop: float | None = None,
        width: int = 800,
        *,
        until: int | None = None,
        origin: int | None = None,
    ) -> Slice:
        """The points that draw this series; the arguments are those of `Tiles.slice`.

        Raises:
            ValueError: an unknown axis, a width below 1, or an edge that is not finite.
            NotFound: the objects were removed meanwhile: newer ones are there.
        """
        series = self._series
        axis: Order = "at" if x == "at" else "time"
        low, high = edges_of(x, start, stop, width, limits=series.limits(axis), origin=origin)
        end = len(series) if until is None else series.rank("time", until, "right")
        first = min(end, series.rank(axis, _inside(axis, low, math.ceil), "left"))
        last = min(end, max(first, series.rank(axis, _inside(axis, high, math.floor), "right")))
        count = last - first
        level = None if count <= FEW else _level(series.levels(axis), (high - low) / width)
        if level is None:
            near = series.points(max(0, first - 1), min(end, last + 1))
            tiles = Tiles()
            tiles.append(near["at"], near["time"], near["value"], seq=np.arange(len(near["rank"])))
            return tiles.slice(axis, low, high, width)
        finest = series.levels(axis)[0]
        inside = joined(_gathered(series, [level, finest], first, last))
        chosen = m4.thin(inside[axis], inside["value"], _cell((high - low) / width))
        found = joined(
            [
                series.points(max(0, first - 1), first),
                {name: column[chosen] for name, column in inside.items()},
                series.points(last, min(end, last + 1)),
            ]
        )
        return Slice(
            found["at"],
            found["time"],
            found["value"],
            bucketed=len(found["rank"]) < count,
            count=count,
            nonfinite=series.broken(first, last),
        )


def _inside(axis: Order, edge: float, whole: Callable[[float], int]) -> float:
    """Times are whole numbers, and are compared with such."""
    return whole(edge) if axis == "time" else edge


def _cell(pixel: float) -> int:
    """The binary logarithm of the widest cell that is no wider than a pixel."""
    return math.frexp(pixel)[1] - 1


def _level(levels: Sequence[Level], pixel: float) -> Level | None:
    """The coarsest level whose cells are no wider than a pixel; None where there is none."""
    return max(
        (one for one in levels if pixel > 0 and one.cell <= _cell(pixel)), key=lambda one: one.cell, default=None
    )


def _gathered(series: StoredSeries, levels: Sequence[Level], first: int, last: int) -> list[Columns]:
    """The ranks from `first` to `last`, this one not included, thinned: whole cells from the first level that has any,
    what is left at either side from the next one, in the end from the points."""
    if first >= last:
        return []
    if not levels:
        return [series.points(first, last)]
    rows = series.rows(levels[0], first, last)
    if not len(rows["rank"]):
        return _gathered(series, levels[1:], first, last)
    begin, end = int(rows["rank"][0]), int(rows["rank"][-1]) + 1
    return [*_gathered(series, levels[1:], first, begin), rows, *_gathered(series, levels[1:], end, last)]
