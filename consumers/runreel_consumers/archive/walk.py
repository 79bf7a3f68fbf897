"""The lines of a run from all their sources, in the order of their stamps: what is not asked for is not read."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from runreel_consumers.archive.lines import Blocks, Found, Look, Source, joined

_FIRST, _LARGEST = 256 << 10, 16 << 20  # bytes read in a row before the reader is asked whether that will do
_MOST_BLOCKS: Final = 5_000
_SPARE: Final = 2  # times the lines that are wanted: blocks overlap, and of each some are not beyond the start


class Walk:
    """Walks over sources once, nearest first.

    A block spans time, so a line is let go only when none that is still to be read can come before it.

    Args:
        sources: where the lines are; a line may be in several of them.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def reads(self, look: Look) -> Iterator[tuple[Found, int | None]]:
        """What was read of the next blocks, and the time (microseconds since 1970) beyond which nothing lies any more
        that is still to be read; None: nothing is. At most once for each walk."""
        heap = [(key, number) for number, one in enumerate(self._sources) if (key := _key(one, look)) is not None]
        heapq.heapify(heap)
        ways: dict[int, _Way] = {}
        room = _FIRST
        # Of lines that must match nobody knows how many will.
        wanted = _SPARE * look.most if look.most and look.match.everything else sys.maxsize
        while heap:
            chosen: dict[int, list[int]] = {}
            size = blocks = lines = 0
            while heap and size < room and blocks < _MOST_BLOCKS and lines < wanted:
                _, number = heapq.heappop(heap)
                way = ways.get(number)
                if way is None:
                    way = ways[number] = _Way(self._sources[number].blocks(), look)
                else:
                    block = way.take()
                    chosen.setdefault(number, []).append(block)
                    size += int(way.size[block])
                    lines += int(way.rows[block])
                    blocks += 1
                if (key := way.key) is not None:
                    heapq.heappush(heap, (key, number))
                elif number not in chosen:
                    self._sources[number].release()
            parts = [self._sources[number].read(some, look) for number, some in chosen.items()]
            for number in chosen:
                if ways[number].key is None:
                    self._sources[number].release()
            bound = look.sign * heap[0][0] if heap else None
            yield joined(parts), bound
            room, wanted = min(2 * room, _LARGEST), 2 * wanted
        if not ways:
            yield joined([]), None

    def close(self) -> None:
        """Let go of everything that was kept or opened."""
        for source in self._sources:
            source.release()


class _Way:
    """The blocks of one source that lie beyond the start, nearest first."""

    def __init__(self, blocks: Blocks, look: Look) -> None:
        near, far = (blocks.until, blocks.since) if look.back else (blocks.since, blocks.until)
        order = np.argsort(look.sign * near, kind="stable")
        if look.start is not None:
            order = order[look.sign * far[order] >= look.sign * look.start[0]]
        if look.until is not None:
            order = order[blocks.since[order] <= look.until]
        self._order: list[int] = order.tolist()
        self._keys: npt.NDArray[np.int64] = look.sign * near[order]
        self.size, self.rows = blocks.size, blocks.rows
        self._at = 0

    @property
    def key(self) -> int | None:
        """Where its next block begins, in the direction of the walk; None: there is none."""
        return int(self._keys[self._at]) if self._at < len(self._order) else None

    def take(self) -> int:
        """Take the next block."""
        block = self._order[self._at]
        self._at += 1
        return block


def _key(source: Source, look: Look) -> int | None:
    """Where a source begins; None: nothing of it lies beyond the start."""
    near, far = (source.until, source.since) if look.back else (source.since, source.until)
    if look.start is not None and look.sign * far < look.sign * look.start[0]:
        return None
    if look.until is not None and source.since > look.until:
        return None
    return look.sign * near
