"""One segment: rows to a Parquet object and its index, and back."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runreel_consumers.archive.columns import KINDS, SCHEMA
from runreel_consumers.archive.layout import Segment
from runreel_consumers.store import Store

WHOLE: Final = 4 << 20
"""Objects up to this size are fetched whole: one request instead of several."""

_GROUP_ROWS, _GROUP_BYTES = 16_384, 8 << 20
_BREAK_ROWS, _BREAK_BYTES = 2_048, 1 << 20  # from here on a row group ends where a run or a kind ends
_KINDS = len(KINDS) + 1


class Span(msgspec.Struct, array_like=True):
    """The rows of one run in a segment: they lie together from row `start`, `counts[kind]` of each kind in turn.

    Attributes:
        workspace: the run's workspace.
        start: the first row.
        counts: how many rows of each kind: structure, heartbeats, progress, metrics, logs.
        points: points in its metrics.
        lines: lines in its logs.
        first: the least offset among them.
        last: the greatest offset.
        since: the least time of its events, microseconds since 1970 (of a stream's event: of its first row).
        until: the greatest.
    """

    workspace: str
    start: int
    counts: list[int]
    points: int
    lines: int
    first: int
    last: int
    since: int
    until: int

    def bounds(self, kinds: Sequence[int]) -> tuple[int, int]:
        """The rows from the first to the last of `kinds`, as (start, end)."""
        start = self.start + sum(self.counts[: min(kinds)])
        return start, self.start + sum(self.counts[: max(kinds) + 1])


class Index(msgspec.Struct):
    """What a segment holds. The object beside it, as JSON.

    Attributes:
        rows: how many rows.
        size: their data's bytes, uncompressed.
        since: when the broker received the first, microseconds since 1970; 0 in an empty segment.
        until: when it received the last.
        holes: offsets `[first, last]` that the topic did not have when they were asked for.
        runs: the rows of each run.
    """

    rows: int
    size: int
    since: int
    until: int
    holes: list[tuple[int, int]]
    runs: dict[str, Span]

    def encode(self) -> bytes:
        """Its bytes: the same index gives the same."""
        return msgspec.json.encode(self)


_index = msgspec.json.Decoder(Index)


def ordered(found: pa.Table) -> pa.Table:
    """Rows as they lie in a segment: by run, kind and offset."""
    return found.take(pc.sort_indices(found, [("run", "ascending"), ("kind", "ascending"), ("offset", "ascending")]))


def write(store: Store, segment: Segment, found: pa.Table, holes: Sequence[tuple[int, int]]) -> Segment:
    """Store a segment: its rows (sorted here), then its index. The same rows give the same bytes.

    Answers the segment as it is named: one of which rows were removed is marked by what is left.

    Raises:
        NotReachable: the store did not take it.
    """
    found = ordered(found)
    index = index_of(found, holes)
    if segment.generation:
        mark = hashlib.sha256(index.encode()).hexdigest()[:8]
        segment = msgspec.structs.replace(segment, mark=mark)
    store.put(segment.key, encode(found, index))
    store.put(segment.index, index.encode())
    return segment


def encode(found: pa.Table, index: Index) -> bytes:
    """The Parquet object of sorted rows, compressed by zstd."""
    sink = io.BytesIO()
    with pq.ParquetWriter(
        sink, SCHEMA, compression="zstd", compression_level=3, use_dictionary=_DICTIONARY, write_statistics=_STATISTICS
    ) as writer:
        for start, end in _groups(found, index):
            writer.write_table(found.slice(start, end - start), row_group_size=max(1, end - start))
    return sink.getvalue()


_DICTIONARY = ["run", "type", "workspace", "session", "subject", "execution", "source", "name"]
_STATISTICS = ["run", "kind", "type", "time", "workspace", "since", "received", "epoch", "partition", "offset"]


def index_of(found: pa.Table, holes: Sequence[tuple[int, int]]) -> Index:
    """The index of sorted rows."""
    rows = found.num_rows
    if not rows:
        return Index(0, 0, 0, 0, list(holes), {})
    runs = found.column("run").combine_chunks()
    starts = np.flatnonzero(np.append(True, pc.not_equal(runs[1:], runs[:-1]).to_numpy(zero_copy_only=False)))
    ends = np.append(starts[1:], rows)
    kinds, counted, offsets, received, time = (
        found.column(name).cast(pa.int64()).to_numpy() for name in ("kind", "rows", "offset", "received", "time")
    )
    since = np.minimum(time, pc.coalesce(found.column("since"), found.column("time")).cast(pa.int64()).to_numpy())
    workspaces = found.column("workspace")
    spans = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        here = kinds[start:end]
        many = counted[start:end]
        spans[runs[start].as_py()] = Span(
            workspace=workspaces[start].as_py(),
            start=start,
            counts=np.bincount(here, minlength=_KINDS).tolist(),
            points=int(many[here == KINDS["runreel.metrics"]].sum()),
            lines=int(many[here == KINDS["runreel.logs"]].sum()),
            first=int(offsets[start:end].min()),
            last=int(offsets[start:end].max()),
            since=int(since[start:end].min()),
            until=int(time[start:end].max()),
        )
    size = int(pc.sum(pc.binary_length(found.column("data"))).as_py())
    return Index(rows, size, int(received.min()), int(received.max()), list(holes), spans)


def read_index(store: Store, segment: Segment) -> Index:
    """A segment's index.

    Raises:
        NotFound: it is gone: a larger segment holds its rows.
    """
    return _index.decode(store.get(segment.index))


def read(
    store: Store, segment: Segment, bounds: tuple[int, int] | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows `start` to `end` of a segment, or all; only `columns` where given.

    Raises:
        NotFound: it is gone: a larger segment holds its rows.
    """
    whole = 0 < segment.size <= WHOLE
    with (
        io.BytesIO(store.get(segment.key)) if whole else store.open(segment.key) as source,
        pq.ParquetFile(source) as file,
    ):
        start, end = bounds or (0, file.metadata.num_rows)
        groups, base, first = [], 0, None
        for number in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(number).num_rows
            if base < end and base + count > start:
                groups.append(number)
                first = base if first is None else first
            base += count
        found = file.read_row_groups(groups, columns=list(columns) if columns else None, use_threads=False)
    return found.slice(start - (first or 0), end - start)


def _groups(found: pa.Table, index: Index) -> list[tuple[int, int]]:
    """Where row groups begin and end: within bounds, and if they are not small, where a run or a kind does."""
    if not index.rows:
        return [(0, 0)]
    breaks = set()
    for span in index.runs.values():
        row = span.start
        for count in span.counts:
            breaks.add(row)
            row += count
    sizes = np.concatenate(([0], np.cumsum(pc.binary_length(found.column("data")).to_numpy())))
    marks = sorted(breaks | {index.rows})
    groups, start = [], 0
    while start < index.rows:
        limit = min(index.rows, start + _GROUP_ROWS)
        end = max(start + 1, min(limit, int(np.searchsorted(sizes, sizes[start] + _GROUP_BYTES, "right")) - 1))
        early = max(start + 1, min(start + _BREAK_ROWS, int(np.searchsorted(sizes, sizes[start] + _BREAK_BYTES))))
        at = int(np.searchsorted(marks, early))
        if at < len(marks) and marks[at] <= end:
            end = marks[at]
        groups.append((start, end))
        start = end
    return groups
