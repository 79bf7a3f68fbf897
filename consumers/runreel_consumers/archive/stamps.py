"""All rows of a run in the order of their stamps, without holding the run in memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from runreel.errors import NotFound
from runreel_consumers.archive.columns import Row, rows_of
from runreel_consumers.archive.dedupe import once, repeats
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.positions import Position

Stamp = tuple[int, str, int, Position]


def stamp(row: Row) -> Stamp:
    """The place of an event in its run: time, session, seq; the position parts what bears one stamp."""
    event = row.event
    return (event.time, event.session or "", -1 if event.seq is None else event.seq, row.position)


def in_stamp_order(log: Log, run: str, kinds: Sequence[int], beyond: Position | None) -> Iterator[Row]:
    """The rows of `kinds` of a run, each event once.

    Raises:
        NotFound: the archive was pruned of what was still to be read.
    """
    passed: Stamp | None = None
    while True:
        try:
            for row in _merged(log, run, kinds, beyond):
                if passed is None or stamp(row) > passed:
                    yield row
                    passed = stamp(row)
            return
        except NotFound:
            # A segment was merged away while we read: what it held stands in a larger one, so go on from there.
            if not log.pieces(run, beyond):
                raise


def _merged(log: Log, run: str, kinds: Sequence[int], beyond: Position | None) -> Iterator[Row]:
    pieces = log.pieces(run, beyond)
    left_out = _left_out(log, pieces, kinds)  # in the log's order: of copies, the first counts
    pieces.sort(key=lambda piece: piece.span.since)
    waiting: list[tuple[Stamp, int, Row]] = []
    for number, piece in enumerate([*pieces, None]):
        while waiting and (piece is None or waiting[0][0][0] < piece.span.since):
            row = heapq.heappop(waiting)[2]
            if row.position not in left_out:
                yield row
        if piece is not None:
            for row in rows_of(log.table(piece, kinds)):
                heapq.heappush(waiting, (stamp(row), number, row))


def _left_out(log: Log, pieces: Sequence[Piece], kinds: Sequence[int]) -> set[Position]:
    """The positions of copies, and of what loses a conflict."""
    keys = log.read(pieces, kinds, ("session", "seq"))
    _, doubles = repeats([table.drop_null() for table in keys])
    if not doubles:
        return set()
    rows = [row for piece in pieces for row in rows_of(log.table(piece, kinds))]
    return {row.position for row in rows} - {row.position for row in once(rows)}
