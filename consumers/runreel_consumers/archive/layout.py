"""Names of the objects of the log, and which of them to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from runreel_consumers.store import Store

LOG: Final = "log/"
LEVELS: Final = ("flush", "minute", "hour", "day")
"""From what a flush writes to what merging makes of it; each level covers whole segments of the ones before."""


class Segment(msgspec.Struct, frozen=True, order=True):
    """One immutable object of the log: all of one partition from offset `first` to `last`, both included.

    `generation` counts the times that rows of it were removed. What two remove at once need not be the same, so the
    outcome has a `mark` of its own. `size` is the object's bytes, 0 where not known.
    """

    epoch: int
    partition: int
    first: int
    last: int
    level: str = "flush"
    generation: int = 0
    mark: str = ""
    size: int = 0

    @property
    def key(self) -> str:
        """The name of its Parquet object."""
        return self._stem + ".parquet"

    @property
    def index(self) -> str:
        """The name of its index, which is written after the Parquet object and removed before it."""
        return self._stem + ".idx"

    @property
    def _stem(self) -> str:
        rewritten = f"~{self.generation}-{self.mark}" if self.generation else ""
        return f"{folder(self.epoch, self.partition)}{self.level}/{self.first:020d}-{self.last:020d}{rewritten}"


def folder(epoch: int, partition: int) -> str:
    """The folder of one partition's segments."""
    return f"{LOG}{epoch:08d}/{partition:05d}/"


def segments(store: Store, epoch: int, partition: int) -> list[Segment]:
    """All segments there are of one partition: those whose index is there, so that they are whole."""
    sizes: dict[str, int] = {}
    indexes: list[str] = []
    for info in store.list(folder(epoch, partition)):
        stem, _, kind = info.key.rpartition(".")
        if kind == "idx":
            indexes.append(stem)
        else:
            sizes[stem] = info.size
    return [_parse(epoch, partition, stem, sizes[stem]) for stem in indexes if stem in sizes]


def partitions(store: Store, epoch: int) -> Iterator[int]:
    """The partitions of an epoch that have segments."""
    for name in store.folders(f"{LOG}{epoch:08d}/"):
        yield int(name)


def cover(found: Iterable[Segment]) -> list[Segment]:
    """The segments to read, by first offset: what a larger one holds is left out, and so are rewritten ones.

    Two that overlap in part (a crash between objects and commit) both stay: of the later one, only what lies beyond
    the end of the earlier one is to be read.
    """
    chosen: list[Segment] = []
    end = -1
    for segment in sorted(found, key=lambda s: (s.first, -s.last, -LEVELS.index(s.level), -s.generation, s.mark)):
        if segment.last > end:
            chosen.append(segment)
            end = segment.last
    return chosen


def contiguous(chosen: Iterable[Segment]) -> int | None:
    """The first offset that is not covered without a gap from the start of `chosen`; None where there are none."""
    end: int | None = None
    for segment in chosen:
        if end is not None and segment.first > end:
            break
        end = segment.last + 1
    return end


def _parse(epoch: int, partition: int, stem: str, size: int) -> Segment:
    level, name = stem.removeprefix(folder(epoch, partition)).split("/")
    covered, _, rewritten = name.partition("~")
    first, last = covered.split("-")
    generation, _, mark = rewritten.partition("-")
    return Segment(epoch, partition, int(first), int(last), level, int(generation or 0), mark, size)
