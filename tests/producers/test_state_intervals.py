"""Sets of sequence numbers as intervals: they hold what a set would, in less."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runreel.state.intervals import Intervals, add, gaps, union


@given(st.lists(st.integers(0, 40)), st.integers(-1, 45))
def test_intervals_hold_what_a_set_would(numbers: list[int], last: int) -> None:
    seen: Intervals = []
    known: set[int] = set()
    for number in numbers:
        assert add(seen, number) == (number not in known)
        known.add(number)
    ranges = list(zip(seen[::2], seen[1::2], strict=True))
    assert {number for low, high in ranges for number in range(low, high + 1)} == known
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))
    lacking = {number for low, high in gaps(seen, last) for number in range(low, high + 1)}
    assert lacking == set(range(last + 1)) - known


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_the_union_holds_what_either_does(one: set[int], other: set[int]) -> None:
    sets: list[Intervals] = [[], [], []]
    for seen, numbers in zip(sets, (one, other, one | other), strict=True):
        for number in numbers:
            add(seen, number)
    assert union(sets[0], sets[1]) == sets[2]


def test_a_session_without_gaps_takes_one_interval_whatever_the_order() -> None:
    seen: Intervals = []
    for number in [*range(0, 1000, 2), *range(999, 0, -2)]:
        assert add(seen, number)
    assert seen == [0, 999]
