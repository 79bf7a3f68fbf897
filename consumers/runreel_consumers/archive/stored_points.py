"""The points of a run in a file of their own, by series in the order of their stamps, and the levels of the long ones.

A chart of a long series reads the level whose cells are no wider than its pixels (`stored_series`), so that it costs
pixels and not points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from runreel.events import METRICS
from runreel_consumers import m4
from runreel_consumers.archive import points as point_columns
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.rows import stream_tables

Axis = Literal["at", "time"]
"""What a level is made along: the index, or the time in microseconds since 1970."""

FILE: Final = "points.parquet"
LEVELS_FILE: Final = "levels.parquet"

LONG: Final = 200_000
"""A series of more points than these has levels; a shorter one is read as a whole."""

GROUP: Final = 65_536
"""Points in a row group of `points.parquet`; each series begins with a row group of its own."""

_LEVEL_GROUP: Final = 16_384
_POINTS_AT_ONCE: Final = 4_000_000
_INSTANT: Final = pa.timestamp("us", "UTC")

POINTS: Final = pa.schema(
    [
        pa.field("execution", pa.string()),
        pa.field("name", pa.string(), False),
        pa.field("at", pa.float64(), False),
        pa.field("time", _INSTANT, False),
        pa.field("value", pa.float64()),
        pa.field("session", pa.string(), False),
        pa.field("seq", pa.int64(), False),
        pa.field("row", pa.int32(), False),
        pa.field("counted", pa.bool_(), False),
    ]
)
"""`points.parquet`: a row a point, by series, in the order of their stamps. `counted`: no index was said, so that `at`
is the point's number among such points of its session. `value` is null where there is none; NaN is a value."""

LEVELS: Final = pa.schema(
    [
        pa.field("execution", pa.string()),
        pa.field("name", pa.string(), False),
        pa.field("axis", pa.string(), False),
        pa.field("cell", pa.int16(), False),
        pa.field("rank", pa.int64(), False),
        pa.field("at", pa.float64(), False),
        pa.field("time", _INSTANT, False),
        pa.field("value", pa.float64()),
    ]
)
"""`levels.parquet`: the points that draw a series on cells of width 2^`cell` along `axis`, by series, axis and cell;
`rank` is the point's number in its series. A value that is not finite is where the line breaks."""


class Level(msgspec.Struct, frozen=True, array_like=True):
    """Where one level lies in `levels.parquet`: `count` rows from row `start`."""

    axis: Axis
    cell: int
    start: int
    count: int


class Shape(msgspec.Struct, array_like=True):
    """What is known of a long series.

    Attributes:
        rises: whether its indices are numbers that never fall in the order of time: only then are there levels along
            them.
        repeats: whether an index occurs twice, or is none.
        broken: how many values of each of its row groups are not finite.
        levels: its levels, by axis, the finest first.
    """

    rises: bool
    repeats: bool
    broken: list[int]
    levels: list[Level]


class SeriesSpan(msgspec.Struct, array_like=True):
    """Where a series lies in `points.parquet`: `count` rows from row `start`; a long one has a shape."""

    execution: str | None
    name: str
    start: int
    count: int
    shape: Shape | None


def write_points(log: Log, pieces: Sequence[Piece], folder: Path) -> list[SeriesSpan]:
    """Write the points of a run's rows and their levels as files in `folder`; answers where each series lies."""
    counts: dict[Key, int] = {}
    for found in stream_tables(log, pieces, METRICS, ("execution", "name", "rows")):
        for execution, name, rows in zip(
            *(found.column(c).to_pylist() for c in ("execution", "name", "rows")), strict=True
        ):
            if name is not None:
                counts[execution, name] = counts.get((execution, name), 0) + rows
    with SeriesWriter(folder) as writer:
        for keys in _parcels(counts):
            tables = stream_tables(log, pieces, METRICS, point_columns.COLUMNS)
            collected = point_columns.collect(tables, keys)
            for key in keys:
                if key in collected:
                    writer.write(key, collected[key])
    return writer.spans


class SeriesWriter:
    """Writes series one after the other. A context manager: the files are whole when it ends.

    Args:
        folder: where the files are made.

    Attributes:
        spans: where the series lie that were written.
    """

    def __init__(self, folder: Path) -> None:
        self.spans: list[SeriesSpan] = []
        self._points = pq.ParquetWriter(folder / FILE, POINTS, compression="zstd")
        self._levels = pq.ParquetWriter(folder / LEVELS_FILE, LEVELS, compression="zstd")
        self._rows = self._level_rows = 0

    def __enter__(self) -> SeriesWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._points.close()
        self._levels.close()

    def write(self, key: Key, part: PointColumns) -> None:
        """Write one series: its points in any order, as `points.collect` answers them."""
        part = part.take(point_columns.stamps(part))
        counted = np.isnan(part.at)
        point_columns.count(part)
        self._points.write_table(_table(key, part, counted), row_group_size=GROUP)
        shape = self._shape(key, part) if len(part) > LONG else None
        self.spans.append(SeriesSpan(*key, self._rows, len(part), shape))
        self._rows += len(part)

    def _shape(self, key: Key, part: PointColumns) -> Shape:
        at = part.at
        rises = bool(np.isfinite(at).all() and (at[1:] >= at[:-1]).all())
        ordered = at if rises else np.sort(at)
        repeats = bool((ordered[1:] == ordered[:-1]).any() or not np.isfinite(at).all())
        starts = np.arange(0, len(part), GROUP)
        broken = np.add.reduceat(~np.isfinite(part.value), starts, dtype=np.int64).tolist()
        axes: list[tuple[Axis, npt.NDArray[Any]]] = [("time", part.time), *([("at", at)] if rises else [])]  # type: ignore[list-item]
        found = []
        for axis, x in axes:
            for cell, ranks in m4.levels(x, part.value):
                table = _level_table(key, axis, cell, ranks, part)
                self._levels.write_table(table, row_group_size=_LEVEL_GROUP)
                found.append(Level(axis, cell, self._level_rows, len(ranks)))
                self._level_rows += len(ranks)
        return Shape(rises, repeats, broken, found)


def points_of(table: pa.Table) -> PointColumns:
    """The points in rows of `points.parquet`; not finished (`points.finish`): what was counted is to be counted again,
    for more may have come."""
    session = table.column("session").combine_chunks().dictionary_encode()
    value = table.column("value")
    return PointColumns(
        at=np.where(table.column("counted").to_numpy(), np.nan, table.column("at").to_numpy()),
        time=table.column("time").cast(pa.int64()).to_numpy(),
        value=value.fill_null(np.nan).to_numpy(),
        valid=value.is_valid().to_numpy(),
        session=session.indices.to_numpy().astype(np.int32),
        seq=table.column("seq").to_numpy(),
        row=table.column("row").to_numpy(),
        sessions=session.dictionary.to_pylist(),
    )


def _parcels(counts: dict[Key, int]) -> Iterator[list[Key]]:
    """Series in order, in parcels whose points fit into memory."""
    parcel: list[Key] = []
    size = 0
    for key in sorted(counts, key=lambda key: (key[0] or "", key[1])):
        if parcel and size + counts[key] > _POINTS_AT_ONCE:
            yield parcel
            parcel, size = [], 0
        parcel.append(key)
        size += counts[key]
    if parcel:
        yield parcel


def _table(key: Key, part: PointColumns, counted: npt.NDArray[np.bool_]) -> pa.Table:
    names = pa.DictionaryArray.from_arrays(pa.array(part.session), pa.array(part.sessions, pa.string()))
    return pa.table(
        [
            *_named(key, len(part)),
            pa.array(part.at),
            pa.array(part.time).cast(_INSTANT),
            pa.array(part.value, mask=~part.valid),
            names.cast(pa.string()),
            pa.array(part.seq),
            pa.array(part.row),
            pa.array(counted),
        ],
        schema=POINTS,
    )


def _level_table(key: Key, axis: str, cell: int, ranks: m4.Integers, part: PointColumns) -> pa.Table:
    return pa.table(
        [
            *_named(key, len(ranks)),
            pa.repeat(pa.scalar(axis), len(ranks)),
            pa.repeat(pa.scalar(cell, pa.int16()), len(ranks)),
            pa.array(ranks),
            pa.array(part.at[ranks]),
            pa.array(part.time[ranks]).cast(_INSTANT),
            pa.array(part.value[ranks], mask=~part.valid[ranks]),
        ],
        schema=LEVELS,
    )


def _named(key: Key, count: int) -> list[pa.Array]:
    return [pa.repeat(pa.scalar(name, pa.string()), count) for name in key]
