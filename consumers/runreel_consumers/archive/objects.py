"""A run's own objects: structure, points by series, lines in order. A cache of the log, made when the run has ended."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runreel.errors import NotFound
from runreel.events import HEARTBEAT, PROGRESS
from runreel.state.intervals import Intervals
from runreel_consumers.archive import stored_lines, stored_points
from runreel_consumers.archive.columns import KINDS, SCHEMA, STRUCTURE, Row
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.names import name_of
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.rows import found_conflicts, once_each, said_seqs
from runreel_consumers.archive.stored_lines import Footer, LineGroup, StoredLines, write_lines
from runreel_consumers.archive.stored_points import SeriesSpan, write_points
from runreel_consumers.store import Store

RUNS: Final = "runs/"
MANIFEST: Final = "manifest.json"

_SMALL: Final = (STRUCTURE, KINDS[HEARTBEAT], KINDS[PROGRESS])


class Manifest(msgspec.Struct):
    """What a run's objects hold; written last, so that they are whole where it is.

    Attributes:
        run: the run.
        workspace: its workspace.
        upto: all of the run up to this position of the log is in here.
        seqs: the seqs of each session that are in here: whatever bears another one came later.
        series: where each series lies.
        lines: how many lines each step has; the run's own under the empty path. Groups name steps by their number here.
        groups: the row groups of the lines.
    """

    run: str
    workspace: str
    upto: str
    seqs: dict[str, Intervals]
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
        with self._open(stored_points.FILE) as file:
            starts = _starts(file)
            for one in wanted:
                table = _slice(file, starts, one.start, one.start + one.count)
                found[one.execution, one.name] = stored_points.points_of(table)
        return found

    def said(self) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """The sessions and seqs of all points."""
        with self._open(stored_points.FILE) as file:
            table = file.read(columns=["session", "seq"])
        return table.column("session"), table.column("seq")

    def lines(self, only: frozenset[str | None] | None, offsets: Mapping[str, int], footer: Footer) -> StoredLines:
        """The lines of these steps, of all where None, by row groups."""
        held, key = self.manifest, self.folder + stored_lines.FILE
        return StoredLines(self.store, key, footer, list(held.lines), held.groups, only, offsets)

    @contextmanager
    def _open(self, name: str) -> Iterator[pq.ParquetFile]:
        with self.store.open(self.folder + name) as source, pq.ParquetFile(source) as file:
            yield file


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
            except (NotFound, msgspec.ValidationError):
                continue  # removed a moment ago, or of another version: the log has all of it
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
            series = write_points(log, pieces, place)
            lines, groups = write_lines(log, pieces, place / stored_lines.FILE)
            for path in sorted(place.iterdir()):
                self._store.put_file(folder + path.name, path)
        self._store.put(f"{folder}state", keyframe)
        self._store.put(f"{folder}summary.json", summary)
        manifest = Manifest(run, workspace, str(upto), said_seqs(log, pieces), series, lines, groups)
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


def _starts(file: pq.ParquetFile) -> list[int]:
    counts = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    return [0, *np.cumsum(counts).tolist()]


def _slice(file: pq.ParquetFile, starts: Sequence[int], start: int, end: int) -> pa.Table:
    groups = [number for number in range(len(starts) - 1) if starts[number] < end and starts[number + 1] > start]
    found = file.read_row_groups(groups, use_threads=False)
    return found.slice(start - starts[groups[0]], end - start) if groups else found
