"""One long series of a run's own objects, of which only what a view needs is read: row groups, not the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from runreel_consumers import m4
from runreel_consumers.archive.cache import Cache
from runreel_consumers.archive.objects import Objects
from runreel_consumers.archive.stored_points import FILE, GROUP, LEVELS_FILE, Axis, Level, SeriesSpan, Shape
from runreel_consumers.store import Store

Columns = dict[str, npt.NDArray[Any]]
"""Points in the order of their ranks: `rank`, `at`, `time` in microseconds since 1970, `value`."""

_READ: Final = ("at", "time", "value")
_EMPTY: Final[Columns] = {
    "rank": np.empty(0, np.int64),
    "at": np.empty(0),
    "time": np.empty(0, np.int64),
    "value": np.empty(0),
}


class Groups:
    """The row groups of stored files, kept in memory within bounds. Safe to use from several threads.

    Args:
        store: where the files lie.
        limit: bytes that are kept.
    """

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._feet = Cache[str, pq.FileMetaData](4 * limit, lambda found: int(found.serialized_size))
        self._kept = Cache[tuple[str, int], Columns](limit, lambda found: sum(c.nbytes for c in found.values()))

    def footer(self, key: str) -> pq.FileMetaData:
        """What a file says of its row groups."""

        def read() -> pq.FileMetaData:
            with self._store.open(key) as source:
                return pq.read_metadata(source)

        return self._feet.get(key, read)

    def get(self, key: str, group: int) -> Columns:
        """One row group of a file.

        Raises:
            NotFound: the file is gone.
        """
        return self._kept.get((key, group), lambda: self._read(key, group))

    def _read(self, key: str, group: int) -> Columns:
        footer = self.footer(key)
        names = [name for name in _EMPTY if name in footer.schema.names]
        with self._store.open(key) as source, pq.ParquetFile(source, metadata=footer) as file:
            found = file.read_row_group(group, columns=names, use_threads=False)
        columns = {name: found.column(name) for name in names}
        columns["time"] = columns["time"].cast(pa.int64())
        columns["value"] = columns["value"].fill_null(np.nan)
        return {name: column.to_numpy() for name, column in columns.items()}


class StoredSeries:
    """The points of one series by their ranks, in the order of their stamps, and its levels.

    All methods raise NotFound where the objects were removed meanwhile: newer ones are there.

    Args:
        groups: reads and keeps row groups.
        objects: of the run.
        span: where the series lies; it has a shape.
    """

    def __init__(self, groups: Groups, objects: Objects, span: SeriesSpan, shape: Shape) -> None:
        self._groups, self._shape = groups, shape
        self._points = objects.folder + FILE
        self._levels = objects.folder + LEVELS_FILE
        self._start, self._count = span.start, span.count
        self._first: int | None = None
        self._bounds: dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}
        self._level_groups: dict[Level, list[tuple[int, int, int]]] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def rises(self) -> bool:
        """Whether the indices never fall in the order of time: only then `at` is an axis here."""
        return self._shape.rises

    @property
    def repeats(self) -> bool:
        """Whether an index occurs twice, or is not a number."""
        return self._shape.repeats

    def levels(self, axis: Axis) -> list[Level]:
        """The levels along an axis, the finest first."""
        return [level for level in self._shape.levels if level.axis == axis]

    def limits(self, axis: Axis) -> tuple[float, float]:
        """The first and the last x."""
        least, greatest = self._edges(axis)
        return least[0].item(), greatest[-1].item()

    def rank(self, axis: Axis, x: float, side: Literal["left", "right"]) -> int:
        """The rank of the first point at x or beyond ("left"), or beyond x ("right"): as `numpy.searchsorted`."""
        _, greatest = self._edges(axis)
        group = int(np.searchsorted(greatest, x, side))
        if group == len(greatest):
            return self._count
        return group * GROUP + int(np.searchsorted(self._group(group)[axis], x, side))

    def broken(self, first: int, last: int) -> int:
        """How many values of rank `first` to `last`, this one not included, are not finite."""
        counts, found = self._shape.broken, 0
        for group in range(first // GROUP, -(-last // GROUP)):
            start, end = max(first - group * GROUP, 0), min(last - group * GROUP, GROUP)
            if counts[group] and end - start < GROUP:
                found += int((~np.isfinite(self._group(group)["value"][start:end])).sum())
            else:
                found += counts[group]
        return found

    def points(self, first: int, last: int) -> Columns:
        """The points of rank `first` to `last`, this one not included."""
        parts = []
        for group in range(first // GROUP, -(-last // GROUP)):
            held = self._group(group)
            start, end = max(first - group * GROUP, 0), min(last - group * GROUP, GROUP)
            parts.append({name: held[name][start:end] for name in _READ})
        return joined([{"rank": np.arange(first, last), **joined(parts, _READ)}] if parts else [])

    def rows(self, level: Level, first: int, last: int) -> Columns:
        """Of a level the cells of which all points have a rank from `first` to `last`, this one not included."""
        groups = self._ranks_of(level)
        wanted = [number for number, (_, low, high) in enumerate(groups) if high >= first and low < last]
        if not wanted:
            return _EMPTY
        # One row more on either side tells whether the outermost cell is whole.
        near = groups[max(0, wanted[0] - 1) : wanted[-1] + 2]
        found = joined([self._groups.get(self._levels, group) for group, _, _ in near])
        rank, x = found["rank"], found[level.axis]
        start, end = np.searchsorted(rank, (first, last), "left")
        cells = m4.cells_of(x, level.cell)
        while 0 < start < end and cells[start] == cells[start - 1]:
            start += 1
        while start < end < len(rank) and cells[end] == cells[end - 1]:
            end -= 1
        return {name: column[start:end] for name, column in found.items()}

    def _group(self, number: int) -> Columns:
        return self._groups.get(self._points, self._first_group() + number)

    def _first_group(self) -> int:
        if self._first is None:
            footer, row = self._groups.footer(self._points), 0
            for group in range(footer.num_row_groups):
                if row == self._start:
                    self._first = group
                row += footer.row_group(group).num_rows
            assert self._first is not None, "a series begins with a row group"
        return self._first

    def _edges(self, axis: Axis) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The least and the greatest x of each row group."""
        if axis not in self._bounds:
            footer, first = self._groups.footer(self._points), self._first_group()
            column = footer.schema.names.index(axis)
            found = [
                footer.row_group(group).column(column).statistics for group in range(first, first + self._group_count)
            ]
            self._bounds[axis] = (np.array([one.min_raw for one in found]), np.array([one.max_raw for one in found]))
        return self._bounds[axis]

    @property
    def _group_count(self) -> int:
        return -(-self._count // GROUP)

    def _ranks_of(self, level: Level) -> list[tuple[int, int, int]]:
        """The row groups of a level, each with its least and its greatest rank."""
        if level not in self._level_groups:
            footer, row, found = self._groups.footer(self._levels), 0, []
            column = footer.schema.names.index("rank")
            for group in range(footer.num_row_groups):
                about = footer.row_group(group)
                if level.start <= row < level.start + level.count:
                    ranks = about.column(column).statistics
                    found.append((group, ranks.min_raw, ranks.max_raw))
                row += about.num_rows
            self._level_groups[level] = found
        return self._level_groups[level]


def joined(parts: Sequence[Columns], names: Sequence[str] = tuple(_EMPTY)) -> Columns:
    """Columns one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([_EMPTY[name], *(part[name] for part in parts)]) for name in names}
