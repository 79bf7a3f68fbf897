"""How pieces of any sizes become the parts of one S3 multipart upload. Pure: sizes in, a plan out.

S3 (Amazon S3 User Guide, "Multipart upload limits") takes 10,000 parts at most, and refuses a part below 5 MiB unless
it is the last one. A part is either copied by the server from a range of an object, or sent by us.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

SMALLEST: Final = 5 << 20
"""Bytes of a part, at least, save the last one."""

MOST: Final = 10_000
"""Parts of one upload, at most."""

LARGEST_COPY: Final = 64 << 20
"""Bytes that the server copies in one request, where it can choose: few enough to be done before a timeout of 10 s."""


class Slice(NamedTuple):
    """`length` bytes of the piece with this index, from `start`."""

    piece: int
    start: int
    length: int


class Part(NamedTuple):
    """One part: a single slice that the server copies, or slices that we read, join and send."""

    slices: tuple[Slice, ...]
    copy: bool

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(cut.length for cut in self.slices)


def smallest_part(total: int, smallest: int = SMALLEST, most: int = MOST) -> int:
    """The least part size by which `total` bytes fit into `most` parts."""
    return max(smallest, -(-total // (most - 1)))


def plan(
    sizes: Sequence[int], *, smallest: int = SMALLEST, largest: int = LARGEST_COPY, most: int = MOST
) -> Iterator[Part]:
    """The parts that make the concatenation of pieces of these sizes, in order.

    Each part but the last has `smallest` bytes or more, there are at most `most`, and one that we send has less than
    twice the smallest size. The smallest size grows where `most` parts would not hold the total.
    """
    smallest = smallest_part(sum(sizes), smallest, most)
    largest = max(largest, 2 * smallest)
    run: list[Slice] = []
    gathered = 0
    for piece, size in enumerate(sizes):
        if not size:
            continue
        start = 0
        if run:
            start = smallest - gathered
            if size - start < smallest:  # what would be left is too small to be copied: all of it joins the run
                start = size
            run.append(Slice(piece, 0, start))
            gathered += start
            if gathered < smallest:
                continue
            yield Part(tuple(run), copy=False)
            run, gathered = [], 0
        if size - start >= smallest:
            yield from _copies(piece, start, size - start, largest)
        elif size > start:
            run.append(Slice(piece, start, size - start))
            gathered += size - start
    if run:
        yield Part(tuple(run), copy=False)


def _copies(piece: int, start: int, length: int, largest: int) -> Iterator[Part]:
    count = -(-length // largest)
    bounds = [start + length * n // count for n in range(count + 1)]
    for begin, end in pairwise(bounds):
        yield Part((Slice(piece, begin, end - begin),), copy=True)
