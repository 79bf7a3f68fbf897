"""All rows of a run in the order of their stamps, without holding the run in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runreel.errors import NotFound
from runreel.events import Event
from runreel_consumers.archive.columns import SCHEMA, Row, events_of, rows_of, values
from runreel_consumers.archive.dedupe import once, repeats
from runreel_consumers.archive.log import TRIES, Log, Piece
from runreel_consumers.archive.positions import Position
from runreel_consumers.distinct import distinct

Stamp = tuple[int, str, int, Position]

_AT_ONCE: Final = 4096  # rows that are made objects at a time
_WHOLE: Final = 1 << 30  # bytes of a table that is put in order at once, which is faster
_TAKEN: Final = 512  # rows that are put in order at a time: the longest events of so many fit in a column's 2 GiB
_STAMP: Final = ["time", "session", "seq", "epoch", "partition", "offset"]


def stamp(row: Row) -> Stamp:
    """The place of an event in its run: time, session, seq; the position parts what bears one stamp."""
    event = row.event
    return (event.time, event.session or "", -1 if event.seq is None else event.seq, row.position)


def in_stamp_order(log: Log, run: str, kinds: Sequence[int], beyond: Position | None) -> Iterator[Row]:
    """The rows of `kinds` of a run, each event once.

    Raises:
        NotFound: the archive was pruned of what was still to be read.
    """
    for found in _tables(log, run, kinds, beyond):
        yield from rows_of(found)


def events_in_order(log: Log, run: str, kinds: Sequence[int]) -> Iterator[Event]:
    """The events of the rows that `in_stamp_order` answers, which cost less alone."""
    for found in _tables(log, run, kinds, None):
        yield from events_of(found)


def as_they_lie(log: Log, run: str, kinds: Sequence[int]) -> Iterator[tuple[Event, int]]:
    """The events of the rows of `kinds` of a run, and when the broker received each, in no order: the quickest way to
    all of them. Where segments are merged away meanwhile, some come twice.

    Raises:
        NotFound: the archive changes faster than it can be read.
    """
    for left in reversed(range(TRIES)):
        try:
            pieces = log.pieces(run)
            left_out = _left_out(log, pieces, kinds)
            for _, coming in _ahead(log, pieces, kinds):
                for found in _slices(coming.result(), left_out):
                    yield from zip(events_of(found), values(found, "received"), strict=True)
            return
        except NotFound:
            if not left:
                raise


def _tables(log: Log, run: str, kinds: Sequence[int], beyond: Position | None) -> Iterator[pa.Table]:
    """The rows, as tables of some."""
    passed: Stamp | None = None
    again = False
    while True:
        try:
            for found in _merged(log, run, kinds, beyond):
                if again and passed is not None:
                    beyond_it = [stamp(row) > passed for row in rows_of(found)]
                    found = found.filter(pa.array(beyond_it, pa.bool_()))
                if found.num_rows:
                    passed = stamp(rows_of(found.slice(found.num_rows - 1))[0])
                    yield found
            return
        except NotFound:
            # A segment was merged away while we read: what it held stands in a larger one, so go on from there.
            again = True
            if not log.pieces(run, beyond):
                raise


def _merged(log: Log, run: str, kinds: Sequence[int], beyond: Position | None) -> Iterator[pa.Table]:
    pieces = log.pieces(run, beyond)
    left_out = _left_out(log, pieces, kinds)  # in the log's order: of copies, the first counts
    pieces.sort(key=lambda piece: piece.span.since)
    waiting = SCHEMA.empty_table()  # in order
    for piece, coming in _ahead(log, pieces, kinds):
        ready = int(np.searchsorted(waiting.column("time").cast(pa.int64()).to_numpy(), piece.span.since))
        yield from _slices(waiting.slice(0, ready), left_out)
        unsorted = pa.concat_tables([waiting.slice(ready), coming.result()])
        waiting = pa.concat_tables([SCHEMA.empty_table(), *_sorted(unsorted)])
    yield from _slices(waiting, left_out)


def _sorted(found: pa.Table) -> Iterator[pa.Table]:
    """The rows in order, some at a time: a `take` of the whole table joins its chunks, and 2 GiB of text overflow."""
    keys = found.select(_STAMP)
    place = keys.schema.get_field_index("seq")
    keys = keys.set_column(place, "seq", pc.fill_null(keys.column("seq"), -1))
    order = pc.sort_indices(keys, [(name, "ascending") for name in _STAMP])
    if found.nbytes < _WHOLE:
        yield found.take(order)
        return
    order = order.to_numpy().astype(np.int64)
    batches = found.to_batches()
    begins = np.cumsum([0, *(batch.num_rows for batch in batches)])
    for start in range(0, len(order), _TAKEN):
        rows = order[start : start + _TAKEN]
        of = np.searchsorted(begins, rows, side="right") - 1
        parts = [batches[number].take(pa.array(rows[of == number] - begins[number])) for number in distinct(of)]
        yield pa.Table.from_batches(parts).take(pa.array(np.argsort(np.argsort(of, kind="stable"))))


def _ahead(log: Log, pieces: Sequence[Piece], kinds: Sequence[int]) -> Iterator[tuple[Piece, Future[pa.Table]]]:
    """The pieces, each with its rows; while one is used, the next one's are read."""
    coming: Future[pa.Table] | None = None
    for number, piece in enumerate(pieces, 1):
        mine = coming or log.ahead(piece, kinds)
        coming = log.ahead(pieces[number], kinds) if number < len(pieces) else None
        yield piece, mine


def _slices(found: pa.Table, left_out: set[Position]) -> Iterator[pa.Table]:
    for start in range(0, found.num_rows, _AT_ONCE):
        some = found.slice(start, _AT_ONCE)
        if left_out:
            some = some.filter(pa.array([row.position not in left_out for row in rows_of(some)], pa.bool_()))
        yield some


def _left_out(log: Log, pieces: Sequence[Piece], kinds: Sequence[int]) -> set[Position]:
    """The positions of copies, and of what loses a conflict."""
    keys = log.read(pieces, kinds, ("session", "seq"))
    _, doubles = repeats([table.drop_null() for table in keys])
    if not doubles:
        return set()
    rows = [row for piece in pieces for row in rows_of(log.table(piece, kinds))]
    return {row.position for row in rows} - {row.position for row in once(rows)}
