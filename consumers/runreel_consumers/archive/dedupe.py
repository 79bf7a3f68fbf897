"""One of each event: copies by re-sending are known by (run, session, seq)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runreel.codec import encode
from runreel.events import Event
from runreel_consumers.archive.columns import Row
from runreel_consumers.distinct import distinct


def digest(event: Event) -> str:
    """SHA-256 in hex of an event as `codec.encode` writes it, in whatever order its fields came."""
    return hashlib.sha256(encode(event)).hexdigest()


def key_of(event: Event) -> tuple[str, int | str]:
    """What makes two events of one run the same: session and seq; of a heartbeat, which has no seq, its id."""
    return (event.session or "", event.id if event.seq is None else event.seq)


def once(rows: Iterable[Row]) -> Iterator[Row]:
    """Each event of one run once: of two copies the first; of two contents the one with the lesser digest."""
    kept: dict[tuple[str, int | str], Row] = {}
    for row in rows:
        key = key_of(row.event)
        other = kept.setdefault(key, row)
        if other is not row and other.event != row.event and digest(row.event) < digest(other.event):
            kept[key] = row
    return iter(kept.values())


def conflicts(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    """Pairs of rows of one run that bear one key and have two contents."""
    kept: dict[tuple[str, int | str], Row] = {}
    for row in rows:
        other = kept.setdefault(key_of(row.event), row)
        if other.event != row.event:
            yield other, row


def repeats(found: Sequence[pa.Table]) -> tuple[list[npt.NDArray[np.bool_]], bool]:
    """For tables with `session` and `seq`: a mask of all rows each, and whether any (session, seq) stands twice."""
    masks = [np.ones(table.num_rows, np.bool_) for table in found]
    whole = pa.concat_tables([table.select(["session", "seq"]) for table in found]) if found else None
    if whole is None or not whole.num_rows:
        return masks, False
    keys = _keys(whole)
    return masks, len(distinct(keys)) != len(keys)


def first_of_each(rows: pa.Table, where: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of rows with the same session and seq the first; where no row has a copy, all."""
    _, first = np.unique(_keys(rows)[where], return_index=True)
    return where[np.sort(first)]


def _keys(rows: pa.Table) -> npt.NDArray[np.int64]:
    """A number for each (session, seq), the same for the same."""
    sessions = pc.dictionary_encode(rows.column("session").combine_chunks()).indices.to_numpy().astype(np.int64)
    seqs: npt.NDArray[np.int64] = rows.column("seq").cast(pa.int64()).to_numpy()
    keys: npt.NDArray[np.int64] = (sessions << 32) | seqs
    return keys
