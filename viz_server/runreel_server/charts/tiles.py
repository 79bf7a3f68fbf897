"""The tiles of one series: any view of it at the cost of its pixels, not of its points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .axes import Axis
from .columns import Columns, Floats, Integers, Order
from .cuts import Slice, edges_of
from .tracks import Track


class Tiles:
    """One series: points appended as they come, late ones too, and M4 slices of it.

    The points lie in the order of their stamps; where x is the index, and the index does not rise with time, a second
    order is made when it is first asked for. Not safe for threads: hold one lock a series.
    """

    def __init__(self) -> None:
        self._stamped = Track("time")
        self._indexed: Track | None = None

    def __len__(self) -> int:
        return len(self._stamped.columns)

    def append(
        self,
        at: npt.ArrayLike,
        time: npt.ArrayLike,
        value: npt.ArrayLike,
        *,
        session: npt.ArrayLike = 0,
        seq: npt.ArrayLike = 0,
        row: npt.ArrayLike | None = None,
    ) -> None:
        """Add a batch of points, in any order; the arguments are those of `Columns.append`.

        Raises:
            ValueError: the columns differ in length.
        """
        self._stamped.columns.append(at, time, value, session=session, seq=seq, row=row)
        if self._indexed is not None:
            self._indexed.columns.append(at, time, value, session=session, seq=seq, row=row)

    @property
    def columns(self) -> Columns:
        """All points in the order of their stamps."""
        self._stamped.sync()
        return self._stamped.columns

    def indices_repeat(self) -> bool:
        """Whether any index occurs twice, or is not a number: then a chart over it says little."""
        self._stamped.sync()
        if self._stamped.indices_repeat or self._stamped.indices_rise:
            return self._stamped.indices_repeat
        return self._by_index().indices_repeat

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
        """The points that draw this series from x = `start` to x = `stop`, both included, on `width` pixels.

        `start` and `stop` are indices, seconds since `origin`, or µs since 1970, as `x` says; absent: from the first,
        to the last point. `until` is a moment in µs: later points are not there. `origin`, in µs, is the first point's
        time if it is absent. A pixel column holds the x from its left edge up to, not including, its right one; the
        last column holds `stop` too.

        Raises:
            ValueError: an unknown axis, a width below 1, or an edge that is not finite.
        """
        by: Order = "at" if x == "at" else "time"
        track = self._track(by)
        low, high = edges_of(x, start, stop, width, limits=_limits(track.x(by)), origin=origin)
        window = track.window(by, low, high, until)
        bucketed = window.count > 4 * width
        if bucketed:
            edges = low + (high - low) * np.arange(1, width) / width
            column = track.x(by)
            if by == "time":  # whole numbers are compared with whole numbers, or the column would be copied as floats
                edges = np.ceil(edges).astype(np.int64)
            ranks = track.select(window, np.searchsorted(column, edges, side="left"), width)
        else:
            ranks = window.ranks
        held = track.columns
        return Slice(
            held.at[ranks],
            held.time[ranks],
            held.value[ranks],
            bucketed=bucketed and len(ranks) < window.count,
            count=window.count,
            nonfinite=track.nonfinite(window),
        )

    def _track(self, by: Order) -> Track:
        self._stamped.sync()
        if by == "time" or self._stamped.indices_rise:
            return self._stamped
        return self._by_index()

    def _by_index(self) -> Track:
        if self._indexed is None:
            self._indexed = Track("at")
            self._indexed.columns.append(**self._stamped.columns.table())
        self._indexed.sync()
        return self._indexed


def _limits(column: Floats | Integers) -> tuple[float, float]:
    """The least and greatest finite x of a sorted column; (0, 0) where there is none."""
    if column.dtype.kind == "f" and len(column) and not (np.isfinite(column[0]) and np.isfinite(column[-1])):
        column = column[np.isfinite(column)]
    return (column[0].item(), column[-1].item()) if len(column) else (0, 0)
