"""A run's own objects: structure, points by series, lines in order. A cache of the log, made when the run has ended."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runreel.errors import NotFound
from runreel.events import HEARTBEAT, METRICS, PROGRESS
from runreel_consumers.archive import points as point_columns
from runreel_consumers.archive.columns import KINDS, SCHEMA, STRUCTURE, Row
from runreel_consumers.archive.lines import Line, Walk
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.names import name_of
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.rows import found_conflicts, line_sources, once_each, stream_tables
from runreel_consumers.store import Store

RUNS: Final = "runs/"
MANIFEST: Final = "manifest.json"

_POINTS_AT_ONCE: Final = 4_000_000
_LINES_A_GROUP: Final = 10_000
_POINTS_A_GROUP: Final = 65_536
_SMALL: Final = (STRUCTURE, KINDS[HEARTBEAT], KINDS[PROGRESS])

POINTS: Final = pa.schema(
    [
        pa.field("execution", pa.string()),
        pa.field("name", pa.string(), False),
        pa.field("at", pa.float64()),
        pa.field("time", pa.timestamp("us", "UTC"), False),
        pa.field("value", pa.float64()),
        pa.field("session", pa.string(), False),
        pa.field("seq", pa.int64(), False),
        pa.field("row", pa.int32(), False),
    ]
)
"""`points.parquet`: a row a point, by series, in the order of their stamps. `at` is null where none was said, `value`
where there is none; NaN is a value."""

LINES: Final = pa.schema(
    [
        pa.field("time", pa.timestamp("us", "UTC"), False),
        pa.field("level", pa.string(), False),
        pa.field("text", pa.string(), False),
        pa.field("stream", pa.string(), False),
        pa.field("subject", pa.string()),
        pa.field("execution", pa.string()),
        pa.field("session", pa.string(), False),
        pa.field("seq", pa.int64(), False),
        pa.field("row", pa.int32(), False),
        pa.field("escaped", pa.bool_(), False),
        pa.field("more", pa.bool_(), False),
    ]
)
"""`lines.parquet`: a row a line, in the order of their stamps."""


class SeriesSpan(msgspec.Struct, array_like=True):
    """Where a series lies in `points.parquet`: `count` rows from row `start`."""

    execution: str | None
    name: str
    start: int
    count: int


class LineGroup(msgspec.Struct, array_like=True):
    """One row group of `lines.parquet`: its rows' least and greatest time, and how many it has."""

    since: int
    until: int
    count: int


class Manifest(msgspec.Struct):
    """What a run's objects hold; written last, so that they are whole where it is.

    Attributes:
        run: the run.
        workspace: its workspace.
        upto: all of the run up to this position of the log is in here.
        series: where each series lies.
        lines: how many lines each step has; the run's own under the empty path.
        groups: the row groups of the lines.
    """

    run: str
    workspace: str
    upto: str
    series: list[SeriesSpan]
    lines: dict[str, int]
    groups: list[LineGroup]


_manifest = msgspec.json.Decoder(Manifest)


class Objects:
    """The objects of one run in one folder.

    Args:
        store: where they lie.
        folder: their folder.
        manifest: its manifest.
    """

    def __init__(self, store: Store, folder: str, manifest: Manifest) -> None:
        self.store, self.folder, self.manifest = store, folder, manifest
        self.upto = Position.parse(manifest.upto)

    def rows(self, kinds: Sequence[int]) -> pa.Table:
        """The rows of structure, heartbeats or progress, with all columns of the log."""
        data = pa.BufferReader(self.store.get(f"{self.folder}structure.parquet"))
        return pq.read_table(data, filters=[("kind", "in", list(kinds))]).cast(SCHEMA)

    def series(self) -> dict[Key, int]:
        """The series and how many points each has."""
        return {(one.execution, one.name): one.count for one in self.manifest.series}

    def points(self, keys: frozenset[Key] | None) -> dict[Key, PointColumns]:
        """The points of `keys`, of all series where None; not finished (`points.finish`)."""
        wanted = [one for one in self.manifest.series if keys is None or (one.execution, one.name) in keys]
        if not wanted:
            return {}
        found = {}
        with self.store.open(f"{self.folder}points.parquet") as source, pq.ParquetFile(source) as file:
            starts = _starts(file)
            for one in wanted:
                table = _slice(file, starts, one.start, one.start + one.count)
                found[one.execution, one.name] = _points(table)
        return found

    def said(self, kind: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """The sessions and seqs of all points or lines."""
        name = "points" if kind == METRICS else "lines"
        with self.store.open(f"{self.folder}{name}.parquet") as source, pq.ParquetFile(source) as file:
            table = file.read(columns=["session", "seq"])
        return table.column("session"), table.column("seq")

    def line_columns(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of all lines."""
        with self.store.open(f"{self.folder}lines.parquet") as source, pq.ParquetFile(source) as file:
            return file.read(columns=list(columns))

    def lines(self, steps: frozenset[str | None] | None, offsets: dict[str, int]) -> StoredLines:
        """The lines, by row groups."""
        return StoredLines(self, steps, offsets)


class StoredLines:
    """The lines of a run's own objects: a source of `lines.Walk`."""

    def __init__(self, objects: Objects, steps: frozenset[str | None] | None, offsets: dict[str, int]) -> None:
        self._objects, self._steps, self._offsets = objects, steps, offsets
        groups = objects.manifest.groups
        slack = (min([0, *offsets.values()]), max([0, *offsets.values()]))
        self.since = np.array([group.since + slack[0] for group in groups], np.int64)
        self.until = np.array([group.until + slack[1] for group in groups], np.int64)
        counts = objects.manifest.lines.items()
        self.total = sum(count for path, count in counts if steps is None or (path or None) in steps)
        self._source: BinaryIO | None = None
        self._file: pq.ParquetFile | None = None

    def lines(self, block: int) -> list[Line]:
        """The lines of one row group."""
        if self._file is None:
            self._source = self._objects.store.open(f"{self._objects.folder}lines.parquet")
            self._file = pq.ParquetFile(self._source)
        found = self._file.read_row_group(block)
        time = found.column("time").cast(pa.int64()).to_pylist()
        rest = (found.column(name).to_pylist() for name in LINES.names[1:])
        lines = (Line(*values) for values in zip(time, *rest, strict=True))
        kept = (line for line in lines if self._steps is None or line.subject in self._steps)
        if not self._offsets:
            return list(kept)
        return [msgspec.structs.replace(line, time=line.time + self._offsets.get(line.session, 0)) for line in kept]

    def release(self) -> None:
        """Close the file."""
        if self._source is not None:
            self._source.close()
        self._source = self._file = None


class RunObjects:
    """Makes and finds runs' own objects: `runs/WORKSPACE/RUN/POSITION-UUID/`.

    Args:
        store: where they lie.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, run: str) -> Objects | None:
        """The objects with the greatest position; None where there are none."""
        for folder in sorted(self._folders(run), key=lambda folder: folder.rsplit("/", 2)[1], reverse=True):
            try:
                manifest = _manifest.decode(self._store.get(f"{folder}{MANIFEST}"))
            except NotFound:
                continue
            return Objects(self._store, folder, manifest)
        return None

    def keyframe(self, run: str) -> tuple[Position, bytes] | None:
        """The fold that was kept with the objects; None where there are none."""
        found = self.find(run)
        try:
            return None if found is None else (found.upto, self._store.get(f"{found.folder}state"))
        except NotFound:
            return None

    def make(
        self, log: Log, run: str, workspace: str, upto: Position, keyframe: bytes, summary: bytes
    ) -> list[tuple[Row, Row]]:
        """Make a run's objects from its rows up to a position, then remove older ones.

        Answers the conflicts among them, the earlier row of each first.

        Raises:
            NotFound: segments were merged away meanwhile; try again.
            NotReachable: the store did not take it.
        """
        pieces = log.pieces(run, upto=upto)
        folder = f"{RUNS}{name_of(workspace)}/{name_of(run)}/{upto}-{uuid.uuid4().hex}/"
        with tempfile.TemporaryDirectory(prefix="runreel-") as scratch:
            place = Path(scratch)
            pq.write_table(
                once_each(log, pieces, _SMALL), place / "structure.parquet", compression="zstd", row_group_size=16_384
            )
            series = _write_points(log, pieces, place / "points.parquet")
            lines, groups = _write_lines(log, pieces, place / "lines.parquet")
            for path in sorted(place.iterdir()):
                self._store.put_file(folder + path.name, path)
        self._store.put(f"{folder}state", keyframe)
        self._store.put(f"{folder}summary.json", summary)
        manifest = Manifest(run, workspace, str(upto), series, lines, groups)
        self._store.put(folder + MANIFEST, msgspec.json.encode(manifest))
        for other in self._folders(run):
            if other.rsplit("/", 2)[1] < folder.rsplit("/", 2)[1]:
                self.remove(other)
        return found_conflicts(log, pieces)

    def drop(self, run: str) -> None:
        """Remove all objects of a run."""
        for folder in list(self._folders(run)):
            self.remove(folder)

    def remove(self, folder: str) -> None:
        """Remove one folder of objects, its manifest first."""
        self._store.delete([folder + MANIFEST])
        self._store.delete([info.key for info in self._store.list(folder)])

    def _folders(self, run: str) -> Iterator[str]:
        for workspace in self._store.folders(RUNS):
            above = f"{RUNS}{workspace}/{name_of(run)}/"
            for name in self._store.folders(above):
                yield f"{above}{name}/"


def _write_points(log: Log, pieces: Sequence[Piece], path: Path) -> list[SeriesSpan]:
    counts: dict[Key, int] = {}
    for found in stream_tables(log, pieces, METRICS, ("execution", "name", "rows")):
        for execution, name, rows in zip(
            *(found.column(c).to_pylist() for c in ("execution", "name", "rows")), strict=True
        ):
            if name is not None:
                counts[execution, name] = counts.get((execution, name), 0) + rows
    spans: list[SeriesSpan] = []
    row = 0
    with pq.ParquetWriter(path, POINTS, compression="zstd") as writer:
        for keys in _parcels(counts):
            tables = stream_tables(log, pieces, METRICS, point_columns.COLUMNS)
            collected = point_columns.collect(tables, keys)
            for key in keys:
                if key in collected:
                    part = collected[key]
                    part = part.take(point_columns.stamps(part))
                    writer.write_table(_table(key, part), row_group_size=_POINTS_A_GROUP)
                    spans.append(SeriesSpan(*key, row, len(part)))
                    row += len(part)
    return spans


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


def _table(key: Key, part: PointColumns) -> pa.Table:
    names = pa.DictionaryArray.from_arrays(pa.array(part.session), pa.array(part.sessions, pa.string()))
    count = len(part)
    return pa.table(
        [
            pa.repeat(pa.scalar(key[0], pa.string()), count),
            pa.repeat(pa.scalar(key[1], pa.string()), count),
            pa.array(part.at, mask=np.isnan(part.at)),
            pa.array(part.time).cast(pa.timestamp("us", "UTC")),
            pa.array(part.value, mask=~part.valid),
            names.cast(pa.string()),
            pa.array(part.seq),
            pa.array(part.row),
        ],
        schema=POINTS,
    )


def _points(table: pa.Table) -> PointColumns:
    session = table.column("session").combine_chunks().dictionary_encode()
    value = table.column("value")
    valid = value.is_valid().to_numpy()
    return PointColumns(
        at=table.column("at").fill_null(np.nan).to_numpy(),
        time=table.column("time").cast(pa.int64()).to_numpy(),
        value=value.fill_null(np.nan).to_numpy(),
        valid=valid,
        session=session.indices.to_numpy().astype(np.int32),
        seq=table.column("seq").to_numpy(),
        row=table.column("row").to_numpy(),
        sessions=session.dictionary.to_pylist(),
    )


def _write_lines(log: Log, pieces: Sequence[Piece], path: Path) -> tuple[dict[str, int], list[LineGroup]]:
    counts: dict[str, int] = {}
    groups: list[LineGroup] = []
    waiting: list[Line] = []

    with pq.ParquetWriter(path, LINES, compression="zstd") as writer:

        def write(lines: Sequence[Line]) -> None:
            columns = {name: [getattr(line, name) for line in lines] for name in LINES.names}
            writer.write_table(pa.table(columns, schema=LINES), row_group_size=len(lines))
            groups.append(LineGroup(lines[0].time, lines[-1].time, len(lines)))

        for block in Walk(line_sources(log, pieces, None, {})).blocks(None, back=False):
            for line in block:
                counts[line.subject or ""] = counts.get(line.subject or "", 0) + 1
            waiting += block
            while len(waiting) >= _LINES_A_GROUP:
                write(waiting[:_LINES_A_GROUP])
                waiting = waiting[_LINES_A_GROUP:]
        if waiting:
            write(waiting)
    return dict(sorted(counts.items())), groups


def _starts(file: pq.ParquetFile) -> list[int]:
    counts = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    return [0, *np.cumsum(counts).tolist()]


def _slice(file: pq.ParquetFile, starts: Sequence[int], start: int, end: int) -> pa.Table:
    groups = [number for number in range(len(starts) - 1) if starts[number] < end and starts[number + 1] > start]
    found = file.read_row_groups(groups, use_threads=False)
    return found.slice(start - starts[groups[0]], end - start) if groups else found
