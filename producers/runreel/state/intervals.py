"""Sets of sequence numbers as sorted intervals: small however many numbers they hold.

An interval set is a flat list `[first, last, first, last, ...]`, both inclusive, ascending, never touching.
A session that is heard without gaps takes one interval, whatever came in which order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

Intervals = list[int]


def add(seen: Intervals, number: int) -> bool:
    """Put `number` into `seen`; answers whether it was new."""
    if seen and number == seen[-1] + 1:  # the next one: nearly always
        seen[-1] = number
        return True
    at = bisect_right(seen, number)
    if holds(seen, number):
        return False
    joins_left = at > 0 and seen[at - 1] == number - 1
    joins_right = at < len(seen) and seen[at] == number + 1
    if joins_left and joins_right:
        del seen[at - 1 : at + 1]
    elif joins_left:
        seen[at - 1] = number
    elif joins_right:
        seen[at] = number
    else:
        seen[at:at] = [number, number]
    return True


def holds(seen: Intervals, number: int) -> bool:
    """Whether `number` is in `seen`."""
    at = bisect_right(seen, number)
    return at % 2 == 1 or (at > 0 and seen[at - 1] == number)


def gaps(seen: Intervals, last: int) -> Iterator[tuple[int, int]]:
    """The ranges, both ends inclusive, of 0..`last` that `seen` lacks."""
    begin = 0
    for i in range(0, len(seen), 2):
        if begin > last:
            return
        if seen[i] > begin:
            yield begin, min(seen[i] - 1, last)
        begin = seen[i + 1] + 1
    if begin <= last:
        yield begin, last


def union(one: Intervals, other: Intervals) -> Intervals:
    """The numbers that are in either."""
    found: Intervals = []
    for first, last in sorted([*_pairs(one), *_pairs(other)]):
        if found and first <= found[-1] + 1:
            found[-1] = max(found[-1], last)
        else:
            found += (first, last)
    return found


def _pairs(seen: Intervals) -> Iterator[tuple[int, int]]:
    return zip(seen[::2], seen[1::2], strict=True)
