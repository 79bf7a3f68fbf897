"""Rows of a run across segments, each event once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runreel.events import LOGS
from runreel_consumers.archive import lines
from runreel_consumers.archive.columns import KINDS, SCHEMA, Row, rows_of
from runreel_consumers.archive.dedupe import conflicts, once, repeats
from runreel_consumers.archive.log import Log, Piece

Said = tuple[pa.ChunkedArray, pa.ChunkedArray]
"""Sessions and seqs of events that are known from elsewhere."""

_ALL = tuple(range(len(KINDS) + 1))


def stream_tables(
    log: Log, pieces: Sequence[Piece], kind: str, columns: Sequence[str], known: Said | None = None
) -> Iterator[pa.Table]:
    """The rows of one kind of stream, a table a piece, one after the other; those that are `known` are left out."""
    pieces = [piece for piece in pieces if piece.span.counts[KINDS[kind]]]
    for piece, mask in zip(pieces, _masks(log, pieces, kind, known), strict=True):
        yield log.table(piece, (KINDS[kind],), columns).filter(mask)


def once_by_key(log: Log, pieces: Sequence[Piece], kinds: Sequence[int], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of the rows of several kinds, each event once: of copies the first."""
    _, doubles = repeats([found.drop_null() for found in log.read(pieces, kinds, ("session", "seq"))])
    seen: set[tuple[str, int | str]] = set()
    for piece in pieces:
        found = log.table(piece, kinds, columns)
        if doubles:
            keys = log.table(piece, kinds, ("session", "seq", "id"))
            names = zip(*(keys.column(name).to_pylist() for name in ("session", "seq", "id")), strict=True)
            events = [(session, number if seq is None else seq) for session, seq, number in names]
            mask = [event not in seen and not seen.add(event) for event in events]  # type: ignore[func-returns-value]
            found = found.filter(pa.array(mask, pa.bool_()))
        yield found


def line_sources(
    log: Log,
    pieces: Sequence[Piece],
    steps: frozenset[str | None] | None,
    offsets: Mapping[str, int],
    known: Said | None = None,
) -> list[lines.Source]:
    """The log events as sources of lines: of these `steps`, of all where None; those that are `known` are left out."""
    pieces = [piece for piece in pieces if piece.span.counts[KINDS[LOGS]]]
    found = log.read(pieces, (KINDS[LOGS],), lines.COLUMNS)
    sources: list[lines.Source] = []
    for piece, rows, mask in zip(pieces, found, _masks(log, pieces, LOGS, known), strict=True):
        if steps is not None:
            mask &= np.array([subject in steps for subject in rows.column("subject").to_pylist()], np.bool_)
        sources.append(lines.EventLines(rows, _data(log, piece), mask, offsets))
    return sources


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


def _data(log: Log, piece: Piece) -> Callable[[], list[str]]:
    def fetch() -> list[str]:
        answer: list[str] = log.table(piece, (KINDS[LOGS],), ("data",)).column("data").to_pylist()
        return answer

    return fetch


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
