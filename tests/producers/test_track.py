"""Progress through an iterable, or counted by hand."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from io import StringIO

import pandas
import pytest

import runreel
from runreel import events
from runreel.speaker import Speaker
from runreel.step import Step
from runreel.testing import Said, capture
from runreel.track import Track


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def step(said: Said) -> Iterator[Step]:
    with runreel.start("p") as run, run.step("s") as step:
        yield step


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(said: Said) -> dict[str, object]:
    found: dict[str, object] = said.state["steps"]["s"]["progress"]
    return found


def test_total_is_the_length_where_there_is_one(said: Said, step: Step) -> None:
    assert list(step.track(["a", "b", "c"], unit="file")) == ["a", "b", "c"]
    assert progress(said) == {"done": 3, "total": 3, "unit": "file", "message": None}


def test_a_generator_has_no_total_until_its_end(said: Said, step: Step) -> None:
    track = step.track(i for i in range(4))
    items = iter(track)
    next(items)
    next(items)
    assert (track.done, track.total, track.eta) == (1, None, None)
    list(items)
    assert progress(said)["total"] == 4


def test_a_given_total_counts(said: Said, step: Step) -> None:
    list(step.track((i for i in range(4)), total=4))
    assert {data.total for data in said.data(events.PROGRESS)} == {4}


def test_it_may_be_enumerated_and_enumerate(step: Step) -> None:
    assert list(enumerate(step.track("ab"))) == [(0, "a"), (1, "b")]
    assert list(step.track(enumerate("ab"), total=2)) == [(0, "a"), (1, "b")]
    assert list(zip(step.track([1, 2]), "ab", strict=True)) == [(1, "a"), (2, "b")]


def test_chunks_of_a_frame_are_tracked(said: Said, step: Step) -> None:
    with pandas.read_csv(StringIO("x\n" + "1\n" * 10), chunksize=3) as chunks:
        assert sum(len(chunk) for chunk in step.track(chunks, unit="chunk")) == 10
    assert progress(said) == {"done": 4, "total": 4, "unit": "chunk", "message": None}


def test_a_frames_rows_are_tracked(step: Step) -> None:
    frame = pandas.DataFrame({"x": [1, 2]})
    assert [row.x for row in step.track(frame.itertuples(), total=len(frame))] == [1, 2]


def test_what_was_left_by_break_is_not_done(said: Said, step: Step) -> None:
    for item in step.track(range(10)):
        if item == 4:
            break
    assert progress(said)["done"] == 4


def test_an_exception_leaves_the_count(said: Said, step: Step) -> None:
    def work() -> None:
        for item in step.track(range(10)):
            if item == 2:
                raise OSError("away")

    with pytest.raises(OSError, match="away"):
        work()
    assert progress(said)["done"] == 2


def test_it_counts_by_hand_as_tqdm_does(said: Said, step: Step) -> None:
    bar = step.track(total=100, unit="row")
    bar.update(40)
    bar.update()
    bar.update(0.5, message="halves")
    assert progress(said) == {"done": 41.5, "total": 100, "unit": "row", "message": "halves"}
    bar.close()
    with step.track(total=10) as other:
        other.update(10)
    assert progress(said)["done"] == 10


def test_it_begins_again_when_gone_through_again(said: Said, step: Step) -> None:
    track = step.track([1, 2])
    list(track)
    list(track)
    assert track.done == 2


def test_length_is_that_of_what_is_tracked(step: Step) -> None:
    assert len(step.track([1, 2])) == 2
    assert step.track([])
    with pytest.raises(TypeError, match="no length"):
        len(step.track(iter([1])))


def test_what_breaks_on_len_has_no_total(step: Step) -> None:
    class Stream:
        def __len__(self) -> int:
            raise NotImplementedError

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

    track = step.track(Stream())
    assert track.total is None
    assert [item for item in track] == [1, 2]  # noqa: C416  # list() would ask for the length


def test_without_an_iterable_there_is_nothing_to_go_through(step: Step) -> None:
    with pytest.raises(TypeError, match="update"):
        iter(step.track(total=3)).__next__()


def test_rate_is_the_median_of_recent_rates(step: Step) -> None:
    """A stall of minutes in the middle moves it little."""
    clock = Clock()
    bar: Track[int] = Track(step, total=1000, clock=clock)
    for second in range(20):
        clock.now += 300.0 if second == 10 else 1.0
        bar.update(10)
    assert bar.rate == pytest.approx(10.0)
    assert bar.remaining == pytest.approx(80.0)
    assert bar.eta is not None
    left = bar.eta - datetime.datetime.now(datetime.UTC)
    assert left.total_seconds() == pytest.approx(80, abs=5)


def test_rate_follows_a_lasting_change(step: Step) -> None:
    clock = Clock()
    bar: Track[int] = Track(step, total=10_000, clock=clock)
    for second in range(60):
        clock.now += 1.0
        bar.update(10 if second < 30 else 50)
    assert bar.rate == pytest.approx(50.0)


def test_many_fast_units_are_one_rate(step: Step) -> None:
    clock = Clock()
    bar: Track[int] = Track(step, total=10_000, clock=clock)
    for _ in range(1000):
        clock.now += 0.001
        bar.update()
    assert bar.rate == pytest.approx(1000, rel=0.02)


def test_eta_is_unknown_without_rate_or_total_and_now_at_the_end(step: Step) -> None:
    clock = Clock()
    bar: Track[int] = Track(step, total=10, clock=clock)
    assert (bar.rate, bar.remaining, bar.eta) == (None, None, None)
    clock.now = 1.0
    bar.update(0)
    assert (bar.rate, bar.remaining, bar.eta) == (0.0, None, None)
    bar.update(10)
    assert bar.remaining == 0.0
    endless: Track[int] = Track(step, clock=clock)
    assert endless.remaining is None


def test_the_run_tracks_too(said: Said) -> None:
    with runreel.start("p") as run:
        assert isinstance(run, Speaker)
        assert list(runreel.track([1, 2], unit="step")) == [1, 2]
    assert {event.subject for event in said.events if event.type == events.PROGRESS} == {None}
