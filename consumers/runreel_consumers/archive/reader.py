"""The archive for those who read: servers, commands, the catalog."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runreel.events import METRICS, PROGRESS, Event
from runreel.state.intervals import Intervals, holds
from runreel_consumers.archive import density
from runreel_consumers.archive import points as point_columns
from runreel_consumers.archive.cache import Cache
from runreel_consumers.archive.columns import KINDS, STRUCTURE, Row, rows_of
from runreel_consumers.archive.dedupe import once
from runreel_consumers.archive.density import Buckets, Of
from runreel_consumers.archive.event_lines import EventLines
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.layout import contiguous, partitions
from runreel_consumers.archive.lines import Slice, Source, Span, Times, cut
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.objects import Objects, RunObjects
from runreel_consumers.archive.points import Key, PointColumns
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.rows import Said, counted_lines, envelopes, line_sources, said_seqs, stream_tables
from runreel_consumers.archive.stamps import as_they_lie, events_in_order, in_stamp_order
from runreel_consumers.archive.stored_lines import StoredLines
from runreel_consumers.archive.stored_series import Groups, StoredSeries
from runreel_consumers.archive.walk import Walk
from runreel_consumers.store import Store

_STRUCTURE: Final = (STRUCTURE, KINDS["runreel.heartbeat"])
_ALL: Final = tuple(range(len(KINDS) + 1))
_GROUP_BYTES: Final = 64 << 20  # of stored series, kept in memory
_ERROR_BYTES: Final = 16 << 20  # of the times of error lines
_ENTRY_BYTES: Final = 1_000


class Stored(msgspec.Struct):
    """Series of a run's own objects.

    Attributes:
        series: those that are long.
        seqs: what of each session is in the objects; an event with another seq came later.
    """

    series: dict[Key, StoredSeries]
    seqs: Mapping[str, Intervals]


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
        self._groups = Groups(store, _GROUP_BYTES)
        self._errors = Cache[Hashable, Times](_ERROR_BYTES, lambda times: times.nbytes + _ENTRY_BYTES)

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
        for row in in_stamp_order(self._log, run, _kinds(types), beyond):
            if types is None or row.event.type in types:
                yield row

    def events(self, run: str) -> Iterator[Event]:
        """All events of a run in the order of their stamps: as `rows`, for whoever does not ask where they lie."""
        return events_in_order(self._log, run, _ALL)

    def heard(self, run: str, types: frozenset[str] | None = None) -> Iterator[tuple[Event, int]]:
        """The same events in no order, each with when the broker received it (microseconds since 1970): the quickest
        way to all of them. Where segments are merged meanwhile, some come twice."""
        for event, received in as_they_lie(self._log, run, _kinds(types)):
            if types is None or event.type in types:
                yield event, received

    def said(self, run: str) -> dict[str, Intervals]:
        """The seqs that each session of a run has said."""
        return self._log.again(lambda: said_seqs(self._log, self._log.pieces(run)))

    def envelopes(self, run: str) -> pa.Table:
        """When each event of a run was said, by whom and of which step, without what it says; see `rows.ENVELOPE`."""
        return self._log.again(lambda: envelopes(self._log, self._log.pieces(run)))

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

    def stored_series(self, run: str, keys: Iterable[Key]) -> Stored:
        """Those of `keys` that are long and wholly in the run's own objects: a view of one is read at its own cost.

        What came after the objects were made is in none of them: such a series is left out.
        """
        wanted = frozenset(keys)
        return self._log.again(lambda: self._stored_series(run, wanted))

    def lines(
        self,
        run: str,
        span: Span,
        match: Match | None = None,
        *,
        steps: frozenset[str | None] | None = None,
        offsets: Mapping[str, int] | None = None,
    ) -> Slice:
        """A slice of a run's log.

        Args:
            run: the run's id.
            span: which slice.
            match: only lines that match.
            steps: only lines of these paths; None among them is the run itself.
            offsets: clock offsets by session, microseconds: times are corrected by them.

        Raises:
            ValueError: a cursor is none, or an expression takes too long.
        """
        return self._log.again(lambda: cut(self._walk(run, steps, offsets or {}), span, match or Match()))

    def line_counts(
        self, run: str, of: Of, buckets: Buckets, *, offsets: Mapping[str, int] | None = None
    ) -> npt.NDArray[np.int64]:
        """How many of a run's lines, or error lines, were said in each bucket of time.

        Args:
            run: the run's id.
            of: what is counted.
            buckets: of time.
            offsets: clock offsets by session, microseconds: times are corrected by them.
        """
        return self._log.again(lambda: self._line_counts(run, of, buckets, offsets or {}))

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

    def topic_id(self, ordinal: int) -> str | None:
        """The id of the topic whose epoch has this number, None where no such epoch is registered."""
        return next((epoch.id for epoch in self._log.epochs.all() if epoch.ordinal == ordinal), None)

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
        known = self._known(objects, pieces)
        for found in stream_tables(self._log, pieces, METRICS, ("execution", "name", "rows"), known):
            for one in found.group_by(["execution", "name"]).aggregate([("rows", "sum")]).to_pylist():
                if one["name"] is not None:
                    key = (one["execution"], one["name"])
                    counts[key] = counts.get(key, 0) + one["rows_sum"]
        return counts

    def _points(self, run: str, keys: frozenset[Key] | None, beyond: Position | None) -> dict[Key, list[PointColumns]]:
        objects = self._stored(run, beyond)
        pieces = self._log.pieces(run, beyond if objects is None else objects.upto)
        known = self._known(objects, pieces)
        tables = stream_tables(self._log, pieces, METRICS, point_columns.COLUMNS, known)
        stored = {} if objects is None else objects.points(keys)
        newer = point_columns.collect(tables, keys)
        return {
            key: [part for part in (stored.get(key), newer.get(key)) if part is not None] for key in {**stored, **newer}
        }

    def _stored_series(self, run: str, keys: frozenset[Key]) -> Stored:
        objects = self._stored(run, None)
        if objects is None:
            return Stored({}, {})
        seqs, later = objects.manifest.seqs, set[Key]()
        columns = ("execution", "name", "session", "seq")
        for found in stream_tables(self._log, self._log.pieces(run, objects.upto), METRICS, columns):
            for execution, name, session, seq in zip(*(found.column(c).to_pylist() for c in columns), strict=True):
                if not holds(seqs.get(session, []), seq):
                    later.add((execution, name))
        spans = [span for span in objects.manifest.series if (span.execution, span.name) in keys - later]
        series = {
            (span.execution, span.name): StoredSeries(self._groups, objects, span, span.shape)
            for span in spans
            if span.shape is not None
        }
        return Stored(series, seqs)

    def _line_counts(self, run: str, of: Of, buckets: Buckets, offsets: Mapping[str, int]) -> npt.NDArray[np.int64]:
        objects = self._stored(run, None)
        pieces = self._log.pieces(run, None if objects is None else objects.upto)
        seqs = {} if objects is None else objects.manifest.seqs
        sources: list[StoredLines | EventLines] = [*counted_lines(self._log, pieces, offsets, seqs)]
        if objects is not None:
            sources.append(objects.lines(None, offsets, self._groups.footer))
        total = np.zeros(buckets.width, np.int64)
        for source in sources:
            if of == "lines":
                total += density.line_counts(source, buckets)
            elif isinstance(source, StoredLines) or not seqs:
                total += buckets.counts(self._errors.get(source.key, partial(density.error_times, source)))
            else:
                total += buckets.counts(density.error_times(source))
            source.release()
        return total

    def _walk(self, run: str, steps: frozenset[str | None] | None, offsets: Mapping[str, int]) -> Walk:
        objects = self._stored(run, None)
        pieces = self._log.pieces(run, None if objects is None else objects.upto)
        seqs = {} if objects is None else objects.manifest.seqs
        sources: list[Source] = [*line_sources(self._log, pieces, steps, offsets, seqs)]
        if objects is not None and objects.manifest.groups:
            sources.append(objects.lines(steps, offsets, self._groups.footer))
        return Walk(sources)

    def _known(self, objects: Objects | None, pieces: Sequence[Piece]) -> Said | None:
        """Which points the objects have already; None where none came after they were made."""
        if objects is None or not any(piece.span.counts[KINDS[METRICS]] for piece in pieces):
            return None
        return objects.said()


def _kinds(types: frozenset[str] | None) -> Sequence[int]:
    """The kinds of rows in which events of these types lie."""
    return _ALL if types is None else sorted({KINDS.get(kind, STRUCTURE) for kind in types})
