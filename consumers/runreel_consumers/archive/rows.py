"""Rows of a run across segments, each event once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runreel.events import LOGS
from runreel.state.intervals import Intervals
from runreel_consumers.archive.columns import KINDS, SCHEMA, Row, rows_of
from runreel_consumers.archive.dedupe import conflicts, first_of_each, key_of, once, repeats
from runreel_consumers.archive.event_lines import EventLines, Known
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.positions import Position
from runreel_consumers.distinct import distinct

Said = tuple[pa.ChunkedArray, pa.ChunkedArray]
"""Sessions and seqs of events that are known from elsewhere."""

ENVELOPE = ("time", "session", "seq", "subject")
"""When an event was said, by whom, and of which step."""

_ALL = tuple(range(len(KINDS) + 1))
_SEQ = (1 << 32) - 1


def stream_tables(
    log: Log, pieces: Sequence[Piece], kind: str, columns: Sequence[str], known: Said | None = None
) -> Iterator[pa.Table]:
    """The rows of one kind of stream, a table a piece, one after the other; those that are `known` are left out."""
    pieces = [piece for piece in pieces if piece.span.counts[KINDS[kind]]]
    for piece, mask in zip(pieces, _masks(log, pieces, kind, known), strict=True):
        yield log.table(piece, (KINDS[kind],), columns).filter(mask)


def line_sources(
    log: Log,
    pieces: Sequence[Piece],
    steps: frozenset[str | None] | None,
    offsets: Mapping[str, int],
    stored: Mapping[str, Intervals],
) -> list[EventLines]:
    """The log events as sources of lines: of these `steps`, of all where None. Those whose seqs are `stored` are left
    out; of copies, and of two contents of one seq, the first that is met counts."""
    known = Known(stored)
    pieces = [piece for piece in pieces if piece.span.counts[KINDS[LOGS]]]
    return [EventLines(log, piece, steps, offsets, known) for piece in pieces]


def counted_lines(
    log: Log, pieces: Sequence[Piece], offsets: Mapping[str, int], stored: Mapping[str, Intervals]
) -> list[EventLines]:
    """All log events as sources of lines, but for those whose seqs are `stored`; of two contents of one seq the one
    with the lesser digest. It looks at all of them before the first is read."""
    pieces = [piece for piece in pieces if piece.span.counts[KINDS[LOGS]]]
    rows = [found.column("offset").to_numpy() for found in log.read(pieces, (KINDS[LOGS],), ("session", "seq"))]
    kept = zip(pieces, rows, _masks(log, pieces, LOGS, None), strict=True)
    return [EventLines(log, piece, None, offsets, Known(stored), row[mask]) for piece, row, mask in kept]


def once_each(log: Log, pieces: Sequence[Piece], kinds: Sequence[int]) -> pa.Table:
    """The whole rows of `kinds`, each event once, in the log's order; these are few."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *log.read(pieces, kinds)])
    rows = rows_of(whole)
    kept = {row.position for row in once(rows)}
    return whole.filter(pa.array([row.position in kept for row in rows], pa.bool_()))


def found_conflicts(log: Log, pieces: Sequence[Piece]) -> list[tuple[Row, Row]]:
    """Pairs of rows that bear one (session, seq) and have two contents."""
    _, doubles = repeats([found.drop_null() for found in log.read(pieces, _ALL, ("session", "seq"))])
    if not doubles:  # nearly always: nothing but two small columns is read
        return []
    return list(conflicts(row for piece in pieces for row in rows_of(log.table(piece, _ALL))))


def late_conflicts(log: Log, run: str, since: Position) -> list[tuple[Row, Row]]:
    """Pairs of rows of a run that bear one (session, seq): the later one came after a position, and says what none
    before it said."""
    late = [row for piece in log.pieces(run, since) for row in rows_of(log.table(piece, _ALL))]
    keys = {key_of(row.event) for row in late if row.event.seq is not None}
    known: dict[tuple[str, int | str], list[Row]] = {}
    for piece in log.pieces(run, upto=since) if keys else ():
        found = log.table(piece, _ALL, ("session", "seq"))
        events = zip(found.column("session").to_pylist(), found.column("seq").to_pylist(), strict=True)
        mask = [event in keys for event in events]
        if any(mask):  # only then are whole rows read
            for row in rows_of(log.table(piece, _ALL).filter(pa.array(mask))):
                known.setdefault(key_of(row.event), []).append(row)
    pairs = []
    for row in late:
        others = known.setdefault(key_of(row.event), [])
        if others and all(other.event != row.event for other in others):
            pairs.append((others[0], row))
        others.append(row)
    return pairs


def envelopes(log: Log, pieces: Sequence[Piece]) -> pa.Table:
    """The columns `ENVELOPE` of all events but heartbeats, each event once; no data are read."""
    found = [table.select(ENVELOPE) for table in log.read(pieces, _ALL, ENVELOPE)]
    whole = pa.concat_tables([pa.schema([SCHEMA.field(name) for name in ENVELOPE]).empty_table(), *found])
    return once_said(whole.filter(whole.column("seq").is_valid()))


def once_said(found: pa.Table) -> pa.Table:
    """The rows whose (session, seq) no row before them has."""
    return found.take(pa.array(first_of_each(found, np.arange(found.num_rows))))


def said_seqs(log: Log, pieces: Sequence[Piece]) -> dict[str, Intervals]:
    """The seqs that each session has said."""
    found = [table.select(["session", "seq"]).drop_null() for table in log.read(pieces, _ALL, ("session", "seq"))]
    if not found:
        return {}
    whole = pa.concat_tables(found)
    sessions = pc.dictionary_encode(whole.column("session").combine_chunks())
    codes, seqs = sessions.indices.to_numpy().astype(np.int64), whole.column("seq").cast(pa.int64()).to_numpy()
    marks = distinct((codes << 32) | seqs)
    ends = np.append(marks[1:] != marks[:-1] + 1, True)
    said: dict[str, Intervals] = {}
    for first, last in zip(marks[np.append(True, ends[:-1])].tolist(), marks[ends].tolist(), strict=True):
        said.setdefault(sessions.dictionary[first >> 32].as_py(), []).extend((first & _SEQ, last & _SEQ))
    return dict(sorted(said.items()))


def _masks(log: Log, pieces: Sequence[Piece], kind: str, known: Said | None) -> list[npt.NDArray[np.bool_]]:
    """For each piece which of its rows count: not those whose event is known, or stands elsewhere already."""
    found = log.read(pieces, (KINDS[kind],), ("session", "seq"))
    masks, doubles = repeats(found)
    if doubles:  # rare: only then are whole rows read, to tell copies from conflicts
        whole = [rows_of(log.table(piece, (KINDS[kind],))) for piece in pieces]
        kept = {row.position for row in once(row for rows in whole for row in rows)}
        for mask, rows in zip(masks, whole, strict=True):
            mask[:] = [row.position in kept for row in rows]
    if known is not None and found:
        seen = set(zip(known[0].to_pylist(), known[1].to_pylist(), strict=True))
        for mask, rows in zip(masks, found, strict=True):
            events = zip(rows.column("session").to_pylist(), rows.column("seq").to_pylist(), strict=True)
            mask &= np.array([event not in seen for event in events], np.bool_)
    return masks
