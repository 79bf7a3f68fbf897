"""Merging: small segments of one minute, hour or day become one larger one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from runreel.errors import NotFound
from runreel_consumers.archive import segment
from runreel_consumers.archive.columns import SCHEMA
from runreel_consumers.archive.layout import LEVELS, Segment, cover, segments
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.positions import Epoch
from runreel_consumers.archive.tombstones import gone_upto

SPANS: Final = {"minute": 60, "hour": 3600, "day": 86_400}
"""Seconds of `received` that a merged segment spans."""

MOST_BYTES: Final = 64 << 20
"""The most data that one merged segment holds, uncompressed: what is larger already is merged no further."""

GRACE_SECONDS: Final = 300.0
"""How long a segment stays after a larger one has its rows: longer than a reader that has listed it takes to read."""

_LATE_SECONDS: Final = 5.0
_SECOND: Final = 1_000_000


class Merger:
    """Merges the segments of partitions. What it makes follows from what lies there, so two at once do no harm.

    Args:
        archive: the archive's log.
        now: microseconds since 1970, about as the store's clock has it.
        grace: seconds that a merged segment's parts stay.
    """

    def __init__(
        self,
        archive: Log,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._log, self._now, self._grace = archive, now, int(grace * _SECOND)

    def merge(self, epoch: Epoch, partition: int) -> list[Segment]:
        """Merge what is due in one partition, and remove what was merged long enough ago; answers what was made."""
        made = []
        for level in SPANS:
            for group in self._due(epoch, partition, level):
                made.append(self._join(group, level))
        self._clear(epoch, partition)
        return made

    def _due(self, epoch: Epoch, partition: int, level: str) -> list[list[Segment]]:
        """Groups of two or more segments, below `level` and next to each other, whose span of time is over."""
        span = SPANS[level] * _SECOND
        over = (self._now() - int(_LATE_SECONDS * _SECOND)) // span
        chosen = self._log.cover(epoch, partition)
        groups: list[list[Segment]] = [[]]
        bucket, size = -1, 0
        for each, index in zip(chosen, self._log.indexes(chosen), strict=True):
            mine = index.until // span if index.rows else max(bucket, 0)  # an empty one goes with the one before
            if LEVELS.index(each.level) >= LEVELS.index(level) or mine >= over:
                groups.append([])
                continue
            last = groups[-1][-1] if groups[-1] else None
            if last is None or mine != bucket or each.first > last.last + 1 or size + index.size > MOST_BYTES:
                groups.append([])
                size = 0
            groups[-1].append(each)
            bucket, size = mine, size + index.size
        return [group for group in groups if len(group) > 1]

    def _join(self, group: Sequence[Segment], level: str) -> Segment:
        holes = [hole for each in group for hole in self._log.index(each).holes]
        rows, removed = self._rows(group)
        made = Segment(group[0].epoch, group[0].partition, group[0].first, group[-1].last, level, int(removed))
        return segment.write(self._log.store, made, rows, _joined(holes))

    def rewrite(self, old: Segment) -> Segment:
        """Write a segment again without what is pruned, as its next generation; the old one goes after the grace."""
        return segment.write(self._log.store, _next(old), self._rows([old])[0], self._log.index(old).holes)

    def empty(self, old: Segment) -> Segment:
        """The same where nothing is left: nothing needs to be read. Its offsets stay covered."""
        return segment.write(self._log.store, _next(old), SCHEMA.empty_table(), self._log.index(old).holes)

    def delete(self, epoch: int, partition: int, last: int) -> None:
        """Delete the segments of a partition that lie wholly at offset `last` or before it."""
        gone = [each for each in segments(self._log.store, epoch, partition) if each.last <= last]
        chosen = cover(gone)
        # Those that are read come last: else, for a moment, smaller ones would show again what they had.
        self._log.store.delete([name for each in set(gone) - set(chosen) for name in (each.index, each.key)])
        self._log.store.delete([name for each in chosen for name in (each.index, each.key)])

    def _rows(self, group: Iterable[Segment]) -> tuple[pa.Table, bool]:
        """The rows of segments, each position once, without those that are pruned; and whether any are."""
        tables, end = [], -1
        for each in group:
            found = segment.read(self._log.store, each)
            if each.first <= end:
                found = found.filter(pc.greater(found.column("offset"), end))
            tables.append(found)
            end = max(end, each.last)
        whole = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        left = self.without_pruned(whole)
        return left, left.num_rows < whole.num_rows

    def without_pruned(self, found: pa.Table) -> pa.Table:
        """The rows that no tombstone covers."""
        if not found.num_rows:
            return found
        epoch, partition = found.column("epoch")[0].as_py(), found.column("partition")[0].as_py()
        runs = set(pc.unique(found.column("run")).to_pylist())
        for run, upto in self._log.tombstones.all().items():
            if run in runs and (last := gone_upto(upto, epoch, partition)) >= 0:
                gone = pc.and_(pc.equal(found.column("run"), run), pc.less_equal(found.column("offset"), last))
                found = found.filter(pc.invert(gone))
        return found

    def _clear(self, epoch: Epoch, partition: int) -> None:
        """Remove segments that a larger or newer one has held for the grace."""
        found = segments(self._log.store, epoch.ordinal, partition)
        chosen = cover(found)
        gone: list[str] = []
        for each in set(found) - set(chosen):
            over = next((one for one in chosen if one.first <= each.first and one.last >= each.last), None)
            if over is not None and self._is_old(over):
                gone += [each.index, each.key]  # the index first: without it a segment is none
        self._log.store.delete(gone)

    def _is_old(self, made: Segment) -> bool:
        try:
            return self._now() - self._log.store.info(made.index).modified >= self._grace
        except NotFound:
            return False


def _next(old: Segment) -> Segment:
    return Segment(old.epoch, old.partition, old.first, old.last, old.level, old.generation + 1)


def _joined(holes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Holes in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted({(first, last) for first, last in holes}):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
