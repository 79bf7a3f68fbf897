"""The archive for those who read: servers, commands, the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from runreel.events import LOGS, METRICS, PROGRESS
from runreel_consumers.archive import density
from runreel_consumers.archive import lines as line_slices
from runreel_consumers.archive import points as point_columns
from runreel_consumers.archive.columns import KINDS, STRUCTURE, Row, rows_of
from runreel_consumers.archive.dedupe import once
from runreel_consumers.archive.density import Moments, Of
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.layout import contiguous, partitions
from runreel_consumers.archive.lines import Line, Slice, Walk
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.objects import Objects, RunObjects
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.rows import Said, line_sources, once_by_key, stream_tables
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
        self._objects = RunObjects(store)
        self._keyframes = Keyframes(store)

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
        return self._log.again(lambda: self._series(run))

    def points(
        self,
        run: str,
        keys: Iterable[Key] | None = None,
        *,
        beyond: Position | None = None,
        offsets: Mapping[str, int] | None = None,
    ) -> dict[Key, PointColumns]:
        """The points of a run's series, by (execution, name).

        Args:
            run: the run's id.
            keys: only these series.
            beyond: only what lies after this position of the log; an `at` that was not said then counts from there.
            offsets: clock offsets by session, microseconds: times are corrected by them.
        """
        wanted = None if keys is None else frozenset(keys)
        found = self._log.again(lambda: self._points(run, wanted, beyond))
        return {key: point_columns.finish(parts, offsets or {}) for key, parts in found.items()}

    def lines(
        self,
        run: str,
        *,
        steps: frozenset[str | None] | None = None,
        after: str | None = None,
        before: str | None = None,
        until: int | None = None,
        offsets: Mapping[str, int] | None = None,
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
            offsets: clock offsets by session, microseconds: times are corrected by them.
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
                self._walk(run, steps, dict(offsets or {})),
                after=after,
                before=before,
                until=until,
                matches=matches,
                limit=limit,
                scan=scan,
            )
        )

    def moments(self, run: str, of: Of = "events", *, offsets: Mapping[str, int] | None = None) -> Moments:
        """When a run's events, lines or error lines were said: to be counted in buckets.

        Args:
            run: the run's id.
            of: what is counted.
            offsets: clock offsets by session, microseconds: times are corrected by them.
        """
        return self._log.again(lambda: self._moments(run, of, offsets or {}))

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
            for number in range(epoch.count):
                end = contiguous(self._log.cover(epoch, number))
                ends[topic, number] = Position(epoch.ordinal, number, end or 0)
        return ends

    def keyframe(self, run: str) -> tuple[Position, bytes] | None:
        """The newest kept fold of a run (`catalog.live.Live`), and up to where it goes; None where there is none."""
        pruned = self._log.tombstones.of(run)
        found = [one for one in (self._keyframes.find(run), self._objects.keyframe(run)) if one is not None]
        found = [one for one in found if pruned is None or one[0] > pruned]
        return max(found, default=None, key=lambda one: one[0])

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
        objects = self._stored(run, beyond)
        tables = [] if objects is None else [objects.rows(kinds)]
        pieces = self._log.pieces(run, beyond if objects is None else objects.upto)
        return list(once(row for found in [*tables, *self._log.read(pieces, kinds)] for row in rows_of(found)))

    def _stored(self, run: str, beyond: Position | None) -> Objects | None:
        """The run's own objects, where they are to be read: all of the run is asked for, and none of it was pruned."""
        if beyond is not None or self._log.tombstones.of(run) is not None:
            return None
        return self._objects.find(run)

    def _series(self, run: str) -> dict[Key, int]:
        objects = self._stored(run, None)
        counts = {} if objects is None else objects.series()
        pieces = self._log.pieces(run, None if objects is None else objects.upto)
        known = self._known(objects, pieces, METRICS)
        for found in stream_tables(self._log, pieces, METRICS, ("execution", "name", "rows"), known):
            for one in found.group_by(["execution", "name"]).aggregate([("rows", "sum")]).to_pylist():
                if one["name"] is not None:
                    key = (one["execution"], one["name"])
                    counts[key] = counts.get(key, 0) + one["rows_sum"]
        return counts

    def _points(self, run: str, keys: frozenset[Key] | None, beyond: Position | None) -> dict[Key, list[PointColumns]]:
        objects = self._stored(run, beyond)
        pieces = self._log.pieces(run, beyond if objects is None else objects.upto)
        known = self._known(objects, pieces, METRICS)
        tables = stream_tables(self._log, pieces, METRICS, point_columns.COLUMNS, known)
        stored = {} if objects is None else objects.points(keys)
        newer = point_columns.collect(tables, keys)
        return {
            key: [part for part in (stored.get(key), newer.get(key)) if part is not None] for key in {**stored, **newer}
        }

    def _moments(self, run: str, of: Of, offsets: Mapping[str, int]) -> Moments:
        found = density.Gathering(offsets)
        if of == "events":
            pieces = self._log.pieces(run)
            for table in once_by_key(self._log, pieces, _ALL, ("time", "subject", "session")):
                found.of_rows(table)
            return found.moments()
        objects = self._stored(run, None)
        if objects is not None:
            found.of_rows(density.errors_of(objects.line_columns(("time", "subject", "session", "level")), of))
        pieces = self._log.pieces(run, None if objects is None else objects.upto)
        known = self._known(objects, pieces, LOGS)
        for table in stream_tables(self._log, pieces, LOGS, density.COLUMNS, known):
            found.of_lines(table, of)
        return found.moments()

    def _walk(self, run: str, steps: frozenset[str | None] | None, offsets: dict[str, int]) -> Walk:
        objects = self._stored(run, None)
        pieces = self._log.pieces(run, None if objects is None else objects.upto)
        sources = line_sources(self._log, pieces, steps, offsets, self._known(objects, pieces, LOGS))
        return Walk([*([] if objects is None else [objects.lines(steps, offsets)]), *sources])

    def _known(self, objects: Objects | None, pieces: Sequence[Piece], kind: str) -> Said | None:
        """What the objects have already of a stream; None where nothing came after they were made."""
        if objects is None or not any(piece.span.counts[KINDS[kind]] for piece in pieces):
            return None
        return objects.said(kind)
