"""The laws of the fold: a run is a function of the set of its events, and a moment of it is a fold of a part."""

from __future__ import annotations

import pickle
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runreel import events as ev
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state import RunState, Tally, corrected, fold, fold_streams, offsets_of, within
from runs import START, Clock, Voice, random_run, shuffled

runs = st.integers(0, 2**32).map(lambda seed: random_run(Random(seed)))
chance = st.integers(0, 2**32).map(Random)
LATER = START + 10**10


@given(runs, chance)
def test_order_and_repetition_of_events_do_not_matter(events: list[Event], random: Random) -> None:
    one, other = RunState(events[0].run), RunState(events[0].run)
    for event in events:
        one.apply(event, event.time)
    for event in shuffled(random, events):
        other.apply(event, event.time)
    assert one.to_bytes() == other.to_bytes()
    assert one == other
    assert one.view(now=LATER) == other.view(now=LATER)


@given(runs, chance)
def test_streams_are_summed_up_alike_in_any_order(events: list[Event], random: Random) -> None:
    one, other = fold_streams(events), fold_streams(shuffled(random, events))
    assert one.to_bytes() == other.to_bytes()
    state = fold(events)
    assert state.view(tally=one) == state.view(tally=other)


@given(runs, chance)
def test_a_kept_state_goes_on_as_the_one_it_was_made_from(events: list[Event], random: Random) -> None:
    """Kept in the middle and read again, state and tally end where those end that went on; the index is made anew."""
    order = shuffled(random, events)
    middle = random.randint(0, len(order))
    state, tally = RunState(events[0].run), Tally(events[0].run)
    for event in order[:middle]:
        state.apply(event)
        tally.apply(event)
    kept, kept_tally = RunState.from_bytes(state.to_bytes()), tally.copy()
    for event in order[middle:]:
        state.apply(event)
        kept.apply(event)
        tally.apply(event)
        kept_tally.apply(event)
    assert kept.to_bytes() == state.to_bytes()
    assert kept_tally.to_bytes() == tally.to_bytes()
    assert kept.view(now=LATER, tally=kept_tally) == state.view(now=LATER, tally=tally)


@given(runs, st.floats(0, 1))
def test_the_state_at_a_moment_is_a_fresh_fold_of_the_events_up_to_it(events: list[Event], share: float) -> None:
    offsets = offsets_of(events)
    times = sorted(corrected(offsets, event.session or "", event.time) for event in events)
    until = times[int(share * (len(times) - 1))]
    fresh = RunState(events[0].run, offsets=offsets)
    for event in events:
        if within(event, until, offsets):
            fresh.apply(event)
    assert fold(events, until).to_bytes() == fresh.to_bytes()
    assert fold(events, until).view() == fresh.view()


@given(runs)
def test_the_cut_at_the_end_is_the_whole(events: list[Event]) -> None:
    assert fold(events, START + 10**12) == fold(events)
    whole, cut = fold_streams(events), fold_streams(events, START + 10**12)
    state = fold(events)
    assert state.view(tally=whole) == state.view(tally=cut)


@given(runs, chance)
def test_a_view_is_mended_by_the_parts_that_were_touched(events: list[Event], random: Random) -> None:
    """The promise that deltas rest on: after each event, rendering what it touched gives the whole view."""
    state, tally = RunState(events[0].run), Tally(events[0].run)
    view = state.view(tally=tally)
    for event in shuffled(random, events):
        for part in {*state.apply(event, event.time), *tally.apply(event)}:
            kind, key = part
            shown = state.view_part(part, tally=tally)
            place = view if kind == "run" else view[kind if kind == "series" else f"{kind}s"]
            if shown is None:
                place.pop(key, None)
            elif kind == "run":
                place.update(shown)
            else:
                place[key] = shown
        assert view == state.view(tally=tally)


@given(runs, chance)
def test_copies_grow_on_their_own(events: list[Event], random: Random) -> None:
    """Copies and copies of copies, each fed another part of the events: none shows what another was told."""
    order = shuffled(random, events)
    folds = [(RunState(events[0].run), Tally(events[0].run), [])]
    for event in order:
        if random.random() < 0.1:
            state, tally, told = random.choice(folds)
            folds.append((state.copy(), tally.copy(), told.copy()))
        for state, tally, told in random.sample(folds, random.randint(1, len(folds))):
            state.apply(event, event.time)
            tally.apply(event)
            told.append(event)
    for state, tally, told in folds:
        fresh, summary = RunState(events[0].run), Tally(events[0].run)
        for event in told:
            fresh.apply(event, event.time)
            summary.apply(event)
        assert state == fresh
        assert tally == summary
        assert state.view(now=LATER, tally=tally) == fresh.view(now=LATER, tally=summary)


@given(runs)
def test_a_pickled_state_is_the_same(events: list[Event]) -> None:
    state = fold(events)
    assert pickle.loads(pickle.dumps(state)) == state


def test_an_event_of_another_run_is_refused() -> None:
    event = Voice("s", Clock(), run="other").open()
    with pytest.raises(ValueError, match="is of run other, this is mine"):
        RunState("mine").apply(event)
    with pytest.raises(ValueError, match="is of run other, this is mine"):
        Tally("mine").apply(event)


def test_no_events_are_no_run() -> None:
    with pytest.raises(ValueError, match="no run to fold"):
        fold([])
    with pytest.raises(ValueError, match="no run to fold"):
        fold_streams([])


@pytest.mark.parametrize("kind", [RunState, Tally])
def test_a_keyframe_of_another_format_is_refused(kind: type[RunState] | type[Tally]) -> None:
    kept = kind("r").to_bytes()
    other = b"[99" + kept[2:] if kept[:1] == b"[" else kept[:1] + b"\x63" + kept[2:]
    with pytest.raises(CodecError, match="format 99, this reads 1"):
        kind.from_bytes(other)
    with pytest.raises(CodecError, match="not a kept"):
        kind.from_bytes(b"\xc1nothing")


def test_an_event_without_a_session_changes_nothing() -> None:
    event = Event(type=ev.PARAMS, run="r", time=START, id="1", source="/s", data=b'{"a":1}')
    state = RunState("r")
    assert not state.apply(event)
    assert state == RunState("r")
