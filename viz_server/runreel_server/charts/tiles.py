"""The tiles of one series: any view of it at the cost of its pixels, not of its points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .axes import AXES, Axis
from .columns import FIELDS, Columns, Floats, Integers, Order
from .tracks import Track


@dataclass(frozen=True, slots=True)
class Slice:
    """A view of a series: the points that draw the line of all points, in the order of x.

    `time` is µs since 1970. `count` is how many points are in view, `nonfinite` how many of them are NaN or infinite,
    `bucketed` whether points were left out. The nearest point on either side of the view comes with it, uncounted, so
    that the line reaches the edges.
    """

    at: Floats
    time: Integers
    value: Floats
    bucketed: bool
    count: int
    nonfinite: int


class Tiles:
    """One series: points appended as they come, late ones too, and M4 slices of it.

    Follows Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.
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
        if x not in AXES:
            raise ValueError(f"x is {x!r}: give one of {', '.join(AXES)}")
        if width < 1:
            raise ValueError(f"width is {width}: give the number of pixels, 1 or more")
        for name, edge in (("from", start), ("to", stop)):
            if edge is not None and not math.isfinite(edge):
                raise ValueError(f"{name} is {edge}: give a finite number, or leave it out")
        by: Order = "at" if x == "at" else "time"
        track = self._track(by)
        low, high = _limits(track.x(by))
        if x == "elapsed":
            zero = low if origin is None else origin
            start = None if start is None else zero + start * 1e6
            stop = None if stop is None else zero + stop * 1e6
        low = low if start is None else start
        high = high if stop is None else stop
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

    def to_bytes(self) -> bytes:
        """The series as a Parquet file that any engine reads: the columns of `FIELDS`, in the order of the stamps.

        The pyramid is not in it: it is made again faster than it would be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(self.columns.table()).replace_schema_metadata({"runreel": "series 1"})
        sink = pa.BufferOutputStream()
        packed = dict.fromkeys(("time", "session", "seq", "row"), "DELTA_BINARY_PACKED")
        pq.write_table(
            table, sink, compression="zstd", use_dictionary=False, column_encoding=packed, write_statistics=True
        )
        data: bytes = sink.getvalue().to_pybytes()
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Tiles:
        """The series that `to_bytes` wrote.

        Raises:
            ValueError: these bytes are not such a series.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(data))
        except pa.ArrowInvalid as error:
            raise ValueError(f"not a stored series: {error}") from error
        if (table.schema.metadata or {}).get(b"runreel") != b"series 1":
            raise ValueError('not a stored series: the key "runreel" of the Parquet file is not "series 1"')
        columns: dict[str, npt.NDArray[Any]] = {name: table[name].to_numpy() for name in FIELDS}
        tiles = cls()
        tiles.append(**columns)
        return tiles

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
