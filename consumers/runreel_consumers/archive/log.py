"""The log as readers see it: which rows of which segments a run has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from runreel.errors import NotFound
from runreel_consumers.archive import segment
from runreel_consumers.archive.cache import Cache
from runreel_consumers.archive.columns import SCHEMA
from runreel_consumers.archive.layout import Segment, cover, segments
from runreel_consumers.archive.positions import LAST_OFFSET, Epoch, Epochs, Position
from runreel_consumers.archive.segment import Index, Span
from runreel_consumers.archive.tombstones import Tombstones
from runreel_consumers.store import Store

T = TypeVar("T")

TRIES: Final = 8
"""How often what lies in the archive is read anew where a segment was merged away meanwhile."""

_INDEXES_KEPT: Final = 20_000
_BYTES_KEPT: Final = 64 << 20
_THREADS: Final = 8


class Piece(msgspec.Struct, frozen=True):
    """The rows of one run in one segment, of offsets `low` to `high`: others are elsewhere, or not asked for."""

    segment: Segment
    span: Span
    low: int
    high: int

    @property
    def begin(self) -> Position:
        """The first position that is read here."""
        return Position(self.segment.epoch, self.segment.partition, max(self.low, self.span.first))

    @property
    def end(self) -> Position:
        """The last position that is read here."""
        return Position(self.segment.epoch, self.segment.partition, min(self.high, self.span.last))


Covers = dict[tuple[int, int], list[Segment]]
"""Listings by (epoch, partition), for several questions in a row that may share them."""


class Log:
    """Finds and reads rows. Safe to use from several threads; keeps what is immutable in memory, within bounds.

    Args:
        store: where the archive lies.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.epochs = Epochs(store)
        self.tombstones = Tombstones(store)
        self._indexes = Cache[Segment, Index](_INDEXES_KEPT, lambda _: 1)
        self._tables = Cache[tuple[object, ...], pa.Table](_BYTES_KEPT, lambda table: int(table.nbytes))
        self._pool = ThreadPoolExecutor(_THREADS, "runreel-archive")

    def cover(self, epoch: Epoch, partition: int) -> list[Segment]:
        """The segments of a partition that are to be read, by offset."""
        return cover(segments(self.store, epoch.ordinal, partition))

    def index(self, found: Segment) -> Index:
        """A segment's index. Raises NotFound where it was merged away."""
        return self._indexes.get(found, lambda: segment.read_index(self.store, found))

    def indexes(self, found: Sequence[Segment]) -> list[Index]:
        """The indexes of segments, fetched side by side."""
        return list(self._pool.map(self.index, found))

    def fetch(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bytes of small objects, fetched side by side; None where one is gone."""
        return list(self._pool.map(self._fetch, keys))

    def _fetch(self, key: str) -> bytes | None:
        try:
            return self.store.get(key)
        except NotFound:
            return None

    def pieces(
        self, run: str, beyond: Position | None = None, *, upto: Position | None = None, covers: Covers | None = None
    ) -> list[Piece]:
        """Where a run's rows lie, in the order of the log.

        Args:
            run: the run.
            beyond: only what lies after this position.
            upto: only what lies at this position or before it.
            covers: listings to use again; filled.
        """
        covers = {} if covers is None else covers
        pruned = self.tombstones.of(run)
        if pruned is not None:
            beyond = pruned if beyond is None else max(beyond, pruned)
        pieces: list[Piece] = []
        for epoch in self.epochs.all():
            for partition in epoch.places(run):
                low, high = _bounds(epoch.ordinal, partition, beyond, upto)
                listed = covers.get((epoch.ordinal, partition))
                if listed is None:
                    listed = covers[epoch.ordinal, partition] = self.cover(epoch, partition)
                pieces += self._pieces(run, [one for one in listed if one.last >= low and one.first <= high], low, high)
        return pieces

    def _pieces(self, run: str, found: Sequence[Segment], low: int, high: int) -> Iterator[Piece]:
        for each, index in zip(found, self.indexes(found), strict=True):
            span = index.runs.get(run)
            if span is not None and span.last >= low and span.first <= high:
                yield Piece(each, span, low, high)
            low = max(low, each.last + 1)

    def read(
        self, pieces: Iterable[Piece], kinds: Sequence[int], columns: Sequence[str] | None = None
    ) -> list[pa.Table]:
        """The rows of `kinds` of each piece; those without any give empty tables."""
        return list(self._pool.map(lambda piece: self.table(piece, kinds, columns), pieces))

    def ahead(self, piece: Piece, kinds: Sequence[int]) -> Future[pa.Table]:
        """The rows of `kinds` of one piece, being read."""
        return self._pool.submit(self.table, piece, kinds)

    def table(self, piece: Piece, kinds: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of `kinds` of one piece; one column more than asked for, `offset`.

        Raises:
            NotFound: the segment was merged away.
        """
        names = SCHEMA.names if columns is None else list(dict.fromkeys([*columns, "kind", "offset"]))
        start, end = piece.span.bounds(kinds)
        if start == end:
            return pa.schema([SCHEMA.field(name) for name in names]).empty_table()
        key = (piece.segment, start, end, tuple(names))
        found = self._tables.get(key, lambda: segment.read(self.store, piece.segment, (start, end), names))
        if any(piece.span.counts[kind] for kind in range(min(kinds), max(kinds) + 1) if kind not in kinds):
            found = found.filter(pc.is_in(found.column("kind"), pa.array(kinds, pa.int8())))
        if piece.low > piece.span.first:
            found = found.filter(pc.greater_equal(found.column("offset"), piece.low))
        if piece.high < piece.span.last:
            found = found.filter(pc.less_equal(found.column("offset"), piece.high))
        return found

    def again(self, read: Callable[[], T]) -> T:
        """What `read` answers; where a segment is merged away under it, it starts anew from the list.

        Raises:
            NotFound: the archive changes faster than it can be read.
        """
        for _ in range(TRIES - 1):
            try:
                return read()
            except NotFound:
                continue
        return read()


def _bounds(epoch: int, partition: int, beyond: Position | None, upto: Position | None) -> tuple[int, int]:
    """The least and the greatest offset asked for in one partition of one epoch."""
    low, high = 0, LAST_OFFSET
    if beyond is not None and (epoch, partition) == (beyond.epoch, beyond.partition):
        low = beyond.offset + 1
    elif beyond is not None and epoch < beyond.epoch:
        high = -1
    if upto is not None and (epoch, partition) == (upto.epoch, upto.partition):
        high = min(high, upto.offset)
    elif upto is not None and epoch > upto.epoch:
        high = -1
    return low, high
