"""The critical path and the time that is left."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_server.graph import Pace, Timing, critical_path, eta

NOW = 1_795_338_000_000_000
SECOND = 1_000_000


def test_the_critical_path_is_the_longest_chain() -> None:
    timings = [
        Timing("plan", (), 1),
        Timing("slow", ("plan",), 9),
        Timing("quick", ("plan",), 2),
        Timing("more", ("quick",), 3),
        Timing("end", ("slow", "more"), 1),
    ]

    assert critical_path(timings) == ["plan", "slow", "end"]


def test_steps_in_a_step_are_part_of_it() -> None:
    timings = [Timing("a", (), 1), Timing("b", ("a",), 5), Timing("b/1", ("a",), 9), Timing("c", ("b/1",), 1)]

    assert critical_path(timings) == ["a", "b", "c"]


def test_a_step_that_is_only_named_stands_for_the_steps_in_it() -> None:
    timings = [Timing("train/1", (), 5), Timing("train/2", (), 7), Timing("end", ("train",), 1)]

    assert critical_path(timings) == ["train/2", "end"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.integers(0, 9), max_size=3)), max_size=10))
def test_a_critical_path_is_a_chain_also_in_a_graph_with_cycles(drawn: list[tuple[int, list[int]]]) -> None:
    timings = [Timing(f"s{n}", tuple(f"s{p}" for p in parents), length) for n, (length, parents) in enumerate(drawn)]
    parents = {timing.path: timing.parents for timing in timings}

    chain = critical_path(timings)

    assert bool(chain) == bool(timings)
    assert len(set(chain)) == len(chain)
    assert all(before in parents[after] for before, after in pairwise(chain))
    if timings:
        length = sum(timing.duration for timing in timings if timing.path in chain)
        assert length >= max(timing.duration for timing in timings)


def running(path: str, ago: float, **more: object) -> Pace:
    return Pace(path, state="RUNNING", started=NOW - int(ago * SECOND), **more)  # type: ignore[arg-type]


def test_what_runs_and_what_is_to_come_add_up_along_the_longest_chain() -> None:
    steps = [
        Pace("a", state="SUCCEEDED"),
        running("b", 10),
        Pace("c", ("b",)),
        Pace("d", ("a",)),
        Pace("e", ("c", "d")),
    ]

    assert eta(steps, {"b": 30, "c": 5, "d": 7, "e": 1}, NOW) == 20 + 5 + 1


def test_progress_counts_the_more_the_further_it_is() -> None:
    assert eta([running("a", 10, done=5, total=10)], {}, NOW) == 10
    early = eta([running("a", 10, done=1, total=10)], {"a": 40}, NOW)
    late = eta([running("a", 10, done=9, total=10)], {"a": 40}, NOW)
    assert early == pytest.approx(0.1 * 90 + 0.9 * 30)
    assert late == pytest.approx(0.9 * (10 / 9) + 0.1 * 30)


def test_ended_steps_in_a_step_are_its_progress() -> None:
    inner = [Pace(f"train/{n}", state="SUCCEEDED" if n < 3 else "RUNNING") for n in range(4)]

    assert eta([running("train", 30), *inner], {}, NOW) == pytest.approx(10)


def test_a_vanishing_progress_says_nothing() -> None:
    assert eta([running("a", 10, done=5e-324, total=1)], {}, NOW) is None
    assert eta([running("a", 10, done=5e-324, total=1)], {"a": 30}, NOW) == 20


def test_an_overdue_step_is_given_a_tenth_of_its_median() -> None:
    assert eta([running("a", 500)], {"a": 100}, NOW) == 10


def test_what_waits_for_a_failed_step_is_not_expected() -> None:
    steps = [Pace("a", state="FAILED"), Pace("b", ("a",)), Pace("c", ("b",)), running("d", 1)]

    assert eta(steps, {"b": 100, "c": 100, "d": 4}, NOW) == 3


def test_what_cannot_be_judged_is_not_made_up() -> None:
    assert eta([], {}, NOW) is None
    assert eta([running("a", 5)], {}, NOW) is None
    assert eta([running("a", 5), Pace("b", ("a",))], {"a": 9}, NOW) is None
    assert eta([Pace("a", state="SUCCEEDED")], {}, NOW) == 0


STATES = ["PENDING", "RUNNING", "STALLED", "SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED", "NEW"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            Pace,
            st.sampled_from(["a", "b", "c", "a/1", "a/2", "b/1"]),
            st.lists(st.sampled_from(["a", "b", "c", "a/1", "z"]), max_size=2).map(tuple),
            st.sampled_from(STATES),
            st.one_of(st.none(), st.integers(NOW - 10**9, NOW + 10**9)),
            st.one_of(st.none(), st.floats(0, 20)),
            st.one_of(st.none(), st.floats(0, 10)),
        )
    ),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(0, 1000)),
)
def test_the_time_left_is_never_nonsense(steps: list[Pace], medians: dict[str, float]) -> None:
    """Whatever was said, cycles and clocks ahead included: a finite number that is not negative, or None."""
    answer = eta(steps, medians, NOW)

    assert answer is None or (math.isfinite(answer) and answer >= 0)
