"""The archive for those who read: servers, commands, the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runreel.events import LOGS, METRICS, PROGRESS
from runreel_consumers.archive import lines as line_slices
from runreel_consumers.archive import points as point_columns
from runreel_consumers.archive.columns import KINDS, STRUCTURE, Row, rows_of
from runreel_consumers.archive.dedupe import once, repeats
from runreel_consumers.archive.layout import contiguous, partitions
from runreel_consumers.archive.lines import Line, Slice
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.stamps import in_stamp_order
from runreel_consumers.store import Store

_STRUCTURE: Final = (STRUCTURE, KINDS["runreel.heartbeat"])
_ALL: Final = tuple(range(len(KINDS) + 1))


class Reader:
    """Reads runs from the archive. Safe to use from several threads. Makes no request before the first question.

    Where a run is not known, answers are empty: the archive does not tell what was never said from what is still to
    come.

    Args:
        store: where the archive lies.
    """

    def __init__(self, store: Store) -> None:
        self._log = Log(store)

    def structure(self, run: str, *, beyond: Position | None = None) -> list[Row]:
        """A run's structure and heartbeats: all but metrics, lines and progress. In the log's order, each event once.

        Args:
            run: the run's id.
            beyond: only what lies after this position of the log.
        """
        return self._log.again(lambda: self._rows(run, _STRUCTURE, beyond))

    def progress(self, run: str, *, beyond: Position | None = None) -> list[Row]:
        """A run's progress events, in the log's order, each event once."""
        return self._log.again(lambda: self._rows(run, (KINDS[PROGRESS],), beyond))

    def rows(self, run: str, types: frozenset[str] | None = None, *, beyond: Position | None = None) -> Iterator[Row]:
        """All events of a run (of these types, where given) in the order of their stamps: time, session, seq.

        Memory follows the number of events that overlap in time between segments, not the run's length.
        """
        kinds = _ALL if types is None else sorted({KINDS.get(kind, STRUCTURE) for kind in types})
        for row in in_stamp_order(self._log, run, kinds, beyond):
            if types is None or row.event.type in types:
                yield row

    def series(self, run: str) -> dict[Key, int]:
        """The series of a run and how many points each has."""
        counts: dict[Key, int] = {}
        for found in self._log.again(lambda: self._tables(run, METRICS, ("execution", "name", "rows"))):
            summed = found.group_by(["execution", "name"]).aggregate([("rows", "sum")])
            for one in summed.to_pylist():
                if one["name"] is not None:
                    key = (one["execution"], one["name"])
                    counts[key] = counts.get(key, 0) + one["rows_sum"]
        return counts

    def points(
        self, run: str, keys: Iterable[Key] | None = None, *, beyond: Position | None = None
    ) -> dict[Key, PointColumns]:
        """The points of a run's series, by (execution, name); of those in `keys`, where given."""
        wanted = None if keys is None else frozenset(keys)
        found = self._log.again(lambda: self._tables(run, METRICS, point_columns.COLUMNS, beyond, wanted))
        collected = point_columns.collect(found, wanted)
        return {key: point_columns.finish([part]) for key, part in collected.items()}

    def lines(
        self,
        run: str,
        *,
        steps: frozenset[str | None] | None = None,
        after: str | None = None,
        before: str | None = None,
        until: int | None = None,
        levels: frozenset[str] | None = None,
        q: str | None = None,
        limit: int = 200,
        scan: int = line_slices.SCAN,
    ) -> Slice:
        """A slice of a run's log: what follows the cursor `after`, what precedes `before`, or its end.

        Args:
            run: the run's id.
            steps: only lines of these paths; None among them is the run itself.
            after: a cursor of an earlier slice.
            before: a cursor of an earlier slice.
            until: only lines up to this time, microseconds since 1970.
            levels: only these levels.
            q: only lines that hold this text, whatever its case.
            limit: the most lines to answer.
            scan: the most lines to look at: a search goes on from the cursor that it answers.

        Raises:
            ValueError: a cursor is none.
        """
        needle = None if q is None else q.casefold()

        def matches(line: Line) -> bool:
            if levels is not None and line.level not in levels:
                return False
            return needle is None or needle in line.text.casefold()

        return self._log.again(
            lambda: line_slices.cut(
                self._lines(run, steps),
                after=after,
                before=before,
                until=until,
                matches=matches,
                limit=limit,
                scan=scan,
            )
        )

    def end(self, topic_ids: Mapping[str, str] | None = None) -> dict[tuple[str, int], Position]:
        """For each (topic, partition) the first position that is not in the archive: where Kafka's tail begins.

        All before it is in the archive without a gap, holes that are recorded aside.

        Args:
            topic_ids: each topic's present id. A topic whose id the archive has not met is left out: nothing of it is
                stored yet. None: the newest epoch of each topic.
        """
        epochs = {epoch.topic: epoch for epoch in self._log.epochs.all()}
        if topic_ids is not None:
            by_id = {epoch.id: epoch for epoch in self._log.epochs.all()}
            epochs = {topic: by_id[name] for topic, name in topic_ids.items() if name in by_id}
        ends = {}
        for topic, epoch in epochs.items():
            for number in range(epoch.partitions):
                end = contiguous(self._log.cover(epoch, number))
                ends[topic, number] = Position(epoch.ordinal, number, end or 0)
        return ends

    def find(self, suffix: str) -> list[str]:
        """The runs whose id ends so, sorted. It reads every index: the catalog answers faster what it knows."""
        suffix = suffix.lower()
        return sorted(run for run in self.runs() if run.replace("-", "").endswith(suffix.replace("-", "")))

    def runs(self) -> dict[str, str]:
        """All runs of the archive, each with its workspace."""
        return self._log.again(self._runs)

    def _runs(self) -> dict[str, str]:
        found = {}
        for epoch in self._log.epochs.all():
            for number in partitions(self._log.store, epoch.ordinal):
                for index in self._log.indexes(self._log.cover(epoch, number)):
                    found.update({run: span.workspace for run, span in index.runs.items()})
        return found

    def _rows(self, run: str, kinds: Sequence[int], beyond: Position | None) -> list[Row]:
        pieces = self._log.pieces(run, beyond)
        return list(once(row for found in self._log.read(pieces, kinds) for row in rows_of(found)))

    def _tables(
        self,
        run: str,
        kind: str,
        columns: Sequence[str],
        beyond: Position | None = None,
        keys: frozenset[Key] | None = None,
    ) -> list[pa.Table]:
        """The stream rows of one kind, each event once; metrics of `keys` alone, where given."""
        pieces = self._log.pieces(run, beyond)
        found = self._log.read(pieces, (KINDS[kind],), [*columns, "session", "seq"])
        masks = self._firsts(pieces, found, kind)
        return [_of_series(each.filter(mask), keys) for each, mask in zip(found, masks, strict=True)]

    def _lines(self, run: str, steps: frozenset[str | None] | None) -> line_slices.Events:
        kind = (KINDS[LOGS],)
        pieces = [piece for piece in self._log.pieces(run) if piece.span.counts[kind[0]]]
        found = self._log.read(pieces, kind, line_slices.COLUMNS)
        masks = self._firsts(pieces, found, LOGS)
        sources = []
        for piece, rows, mask in zip(pieces, found, masks, strict=True):
            since = pc.coalesce(rows.column("since"), rows.column("time"))
            rows = rows.set_column(rows.schema.get_field_index("since"), "since", since)
            if steps is not None:
                mask &= np.array([subject in steps for subject in rows.column("subject").to_pylist()], np.bool_)
            sources.append(line_slices.Source(rows, self._data(piece, kind)))
        return line_slices.Events(sources, masks)

    def _data(self, piece: Piece, kinds: Sequence[int]) -> Callable[[], list[str]]:
        def fetch() -> list[str]:
            answer: list[str] = self._log.table(piece, kinds, ("data",)).column("data").to_pylist()
            return answer

        return fetch

    def _firsts(self, pieces: Sequence[Piece], found: Sequence[pa.Table], kind: str) -> list[npt.NDArray[np.bool_]]:
        """For each table which of its rows count: not those whose event stands elsewhere already."""
        masks, doubles = repeats(found)
        if doubles:  # rare: only then are whole rows read, to tell copies from conflicts
            whole = self._log.read(pieces, (KINDS[kind],))
            kept = {(r.position.epoch, r.position.offset) for r in once(r for t in whole for r in rows_of(t))}
            for mask, piece, rows in zip(masks, pieces, found, strict=True):
                offsets = rows.column("offset").to_pylist()
                mask[:] = [(piece.segment.epoch, offset) in kept for offset in offsets]
        return masks


def _of_series(found: pa.Table, keys: frozenset[Key] | None) -> pa.Table:
    if keys is None:
        return found
    return found.filter(pc.is_in(found.column("name"), pa.array([name for _, name in keys], pa.string())))
