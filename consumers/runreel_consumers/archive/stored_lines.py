"""The lines of a run in a file of their own: in order, by row groups that lie in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runreel_consumers.archive.lines import Blocks, Found, Line, Look, Times, choose, in_order, joined
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.rows import counted_lines
from runreel_consumers.archive.walk import Walk
from runreel_consumers.store import Store

FILE: Final = "lines.parquet"

_LINES_A_GROUP, _BYTES_A_GROUP = 10_000, 8 << 20
_STEPS_LISTED: Final = 32

LINES: Final = pa.schema(
    [
        pa.field("time", pa.timestamp("us", "UTC"), False),
        pa.field("level", pa.string(), False),
        pa.field("text", pa.string(), False),
        pa.field("stream", pa.string(), False),
        pa.field("subject", pa.string()),
        pa.field("execution", pa.string()),
        pa.field("session", pa.string(), False),
        pa.field("seq", pa.int64(), False),
        pa.field("row", pa.int32(), False),
        pa.field("escaped", pa.bool_(), False),
        pa.field("more", pa.bool_(), False),
    ]
)
"""`lines.parquet`: a row a line, in the order of their stamps."""


class LineGroup(msgspec.Struct, array_like=True):
    """One row group of `lines.parquet`.

    Attributes:
        since: its rows' least time, microseconds since 1970.
        until: their greatest.
        size: bytes of their texts.
        levels: how many lines of each level it has.
        steps: which of the manifest's steps, as their numbers there; None: more than are worth a list.
    """

    since: int
    until: int
    size: int
    levels: dict[str, int]
    steps: list[int] | None

    @property
    def count(self) -> int:
        """How many lines."""
        return sum(self.levels.values())


Footer = Callable[[str], pq.FileMetaData]
"""What a file says of its row groups."""


class StoredLines:
    """The lines of a run's own objects: a source of lines.

    Args:
        store: where they lie.
        key: their file.
        footer: answers the file's footer.
        steps: all steps that have lines, by their numbers.
        groups: the row groups of the file.
        only: only lines of these steps; None: of all.
        offsets: clock offsets by session, microseconds.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        footer: Footer,
        steps: Sequence[str],
        groups: Sequence[LineGroup],
        only: frozenset[str | None] | None,
        offsets: Mapping[str, int],
    ) -> None:
        self._store, self._key, self._footer = store, key, footer
        self._groups, self._only, self._offsets = groups, only, offsets
        self._numbers = None if only is None else {n for n, path in enumerate(steps) if (path or None) in only}
        slack = (min([0, *offsets.values()]), max([0, *offsets.values()]))
        since = np.array([group.since + slack[0] for group in groups], np.int64)
        until = np.array([group.until + slack[1] for group in groups], np.int64)
        sizes, rows = ([group.size for group in groups], [group.count for group in groups])
        self._blocks = Blocks(since, until, np.array(sizes, np.int64), np.array(rows, np.int64))
        self.since, self.until = (int(since.min()), int(until.max())) if groups else (0, 0)
        self._source: BinaryIO | None = None
        self._file: pq.ParquetFile | None = None

    @property
    def key(self) -> Hashable:
        """What its lines follow from."""
        return (self._key, self._only, frozenset(self._offsets.items()))

    def blocks(self) -> Blocks:
        """One for each row group."""
        return self._blocks

    def read(self, blocks: Sequence[int], look: Look) -> Found:
        """The lines of some row groups."""
        return joined(self._found(block, look) for block in blocks)

    def release(self) -> None:
        """Close the file."""
        if self._source is not None:
            self._source.close()
        self._source = self._file = None

    def _found(self, block: int, look: Look) -> Found:
        group = self._groups[block]
        none = np.zeros(0, np.int64)
        if self._numbers is not None and group.steps is not None and self._numbers.isdisjoint(group.steps):
            return Found(none, none, [])
        levels = look.match.levels
        if levels is not None and self._only is None and levels.isdisjoint(level.upper() for level in group.levels):
            return Found(look.beyond(np.linspace(group.since, group.until, group.count).astype(np.int64)), none, [])
        if self._file is None:
            self._source = self._store.open(self._key)
            self._file = pq.ParquetFile(self._source, metadata=self._footer(self._key))
        return choose(_GroupColumns(self._file, block, self._only, self._offsets), look)


class _GroupColumns:
    """The lines of one row group as columns."""

    def __init__(
        self, file: pq.ParquetFile, group: int, only: frozenset[str | None] | None, offsets: Mapping[str, int]
    ) -> None:
        self._file, self._group = file, group
        self._read: dict[str, pa.Array] = {}
        time = self._column("time").cast(pa.int64()).to_numpy()
        if offsets:
            time = time + np.array([offsets.get(session, 0) for session in self._column("session").to_pylist()])
        self._rows = np.arange(len(time))
        if only is not None:
            inside = pc.is_in(self._column("subject"), pa.array(list(only), pa.string()))
            self._rows = np.flatnonzero(inside.to_numpy(zero_copy_only=False))
        self.time: Times = time[self._rows]

    def stamps(self, rows: Times) -> list[tuple[str, int, int]]:
        """Session, seq and row."""
        return list(zip(*(self._taken(name, rows).to_pylist() for name in ("session", "seq", "row")), strict=True))

    def matches(self, match: Match, rows: Times) -> npt.NDArray[np.bool_]:
        """Which ones match."""
        kept = np.ones(len(rows), np.bool_)
        if match.levels is not None:
            kept = match.level(self._taken("level", rows))
        if match.of_text and kept.any():
            kept[kept] = match.text(self._taken("text", rows[kept]))
        return kept

    def lines(self, rows: Times, width: int | None) -> list[Line]:
        """The lines, their texts cut to so many characters."""
        self._load([name for name in LINES.names if name not in self._read])
        text = self._taken("text", rows)
        length = [0] * len(rows)
        if width is not None:
            long = pc.utf8_length(text)
            length = pc.if_else(pc.greater(long, width), long, 0).to_pylist()
            text = pc.utf8_slice_codeunits(text, 0, width)
        rest = (self._taken(name, rows).to_pylist() for name in LINES.names[3:])
        times, levels = self.time[rows].tolist(), self._taken("level", rows).to_pylist()
        return [Line(*values) for values in zip(times, levels, text.to_pylist(), *rest, length, strict=True)]

    def _taken(self, name: str, rows: Times) -> pa.Array:
        return self._column(name).take(pa.array(self._rows[rows]))

    def _column(self, name: str) -> pa.Array:
        if name not in self._read:
            self._load([name])
        return self._read[name]

    def _load(self, names: list[str]) -> None:
        if names:
            found = self._file.read_row_group(self._group, columns=names, use_threads=False)
            self._read.update({name: found.column(name).combine_chunks() for name in names})


def write_lines(log: Log, pieces: Sequence[Piece], path: Path) -> tuple[dict[str, int], list[LineGroup]]:
    """Write the lines of a run's rows; answers how many each step has, by their numbers, and the groups."""
    counts: dict[str, int] = {}
    numbers: dict[str, int] = {}
    groups: list[LineGroup] = []
    waiting: list[Line] = []
    size = 0

    with pq.ParquetWriter(path, LINES, compression="zstd") as writer:

        def write() -> None:
            columns = {name: [getattr(line, name) for line in waiting] for name in LINES.names}
            writer.write_table(pa.table(columns, schema=LINES), row_group_size=len(waiting))
            here = Counter(line.subject or "" for line in waiting)
            for step, count in here.items():
                numbers.setdefault(step, len(numbers))
                counts[step] = counts.get(step, 0) + count
            steps = sorted(numbers[step] for step in here) if len(here) <= _STEPS_LISTED else None
            levels = dict(Counter(line.level for line in waiting))
            groups.append(LineGroup(waiting[0].time, waiting[-1].time, size, levels, steps))

        look = Look(None, False, None, Match())
        for _, _, ready in in_order(Walk(counted_lines(log, pieces, {}, {})), look):
            for line in ready:
                waiting.append(line)
                size += len(line.text)
                if len(waiting) == _LINES_A_GROUP or size >= _BYTES_A_GROUP:
                    write()
                    waiting, size = [], 0
        if waiting:
            write()
    return counts, groups
