"""Time: clock offsets, cuts, signs of life, who has stalled."""

from __future__ import annotations

import msgspec
import pytest

from runreel import events as ev
from runreel.codec import iso
from runreel.state import RunState, fold, offsets_of
from runs import SECOND, START, Clock, Voice, told


@pytest.fixture
def clock() -> Clock:
    return Clock()


def offset(clock: Clock, session: str, micros: int, by: str = "catalog") -> Voice:
    """A service that says a session's clock offset."""
    voice = Voice(by, clock)
    voice.say(ev.SESSION_OFFSET, ev.SessionOffset(session=session, offset=micros), final=True)
    return voice


def test_a_clock_offset_moves_what_its_session_says(clock: Clock) -> None:
    voice = Voice("slow", clock, skew=-90 * SECOND)
    voice.open()
    voice.start("a", "e")
    told_offset = offset(clock, "slow", 90 * SECOND)
    view = told(voice, told_offset).view()
    assert view["steps"]["a"]["started"] == iso(START + 2000)
    assert view["sessions"]["slow"]["offset"] == 90.0
    assert told(voice).view()["steps"]["a"]["started"] == iso(START + 2000 - 90 * SECOND)


def test_a_clock_offset_decides_who_was_last(clock: Clock) -> None:
    fast, right = Voice("fast", clock, skew=60 * SECOND), Voice("right", clock)
    for voice in (fast, right):
        voice.open("member")
        voice.say(ev.TAGS, {"k": voice.session})
    assert told(fast, right).view()["tags"] == {"k": "fast"}
    assert told(fast, right, offset(clock, "fast", -60 * SECOND)).view()["tags"] == {"k": "right"}


def test_of_two_offsets_the_later_one_holds(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    first, second = offset(clock, "s", 5 * SECOND, "c1"), offset(clock, "s", 7 * SECOND, "c2")
    assert told(voice, second, first).view()["sessions"]["s"]["offset"] == 7.0


def test_an_offset_beyond_reason_is_a_problem(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    view = told(voice, offset(clock, "s", 10**18)).view()
    assert view["sessions"]["s"]["offset"] == 0.0
    assert "beyond ten years" in view["problems"]["first"][0]["text"]


def test_a_cut_goes_by_the_corrected_time(clock: Clock) -> None:
    """A session that is 90 s slow says its event in time: it belongs to the moment when it was said, not to before."""
    slow = Voice("slow", clock, skew=-90 * SECOND)
    slow.open()
    slow.start("a", "e")
    later = offset(clock, "slow", 90 * SECOND)
    assert "a" not in told(slow, later, until=START + 1500).view()["steps"]
    assert "a" in told(slow, later, until=START + 2000).view()["steps"]


def test_an_offset_holds_at_moments_before_it_was_said(clock: Clock) -> None:
    slow = Voice("slow", clock, skew=-90 * SECOND)
    slow.open()
    clock.pass_(600)
    events = [*slow.events, *offset(clock, "slow", 90 * SECOND).events]
    assert offsets_of(events)["slow"].micros == 90 * SECOND
    state = fold(events, START + SECOND)
    assert set(state.view()["sessions"]) == {"slow"}
    assert state.view()["sessions"]["slow"]["opened"] == iso(START + 1000)


def test_what_comes_after_a_moment_is_not_in_it(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    voice.start("a", "e")
    at = clock.now
    voice.finish("a", "e")
    assert told(voice, until=at).view()["steps"]["a"]["state"] == "RUNNING"
    assert told(voice, until=at + 1000).view()["steps"]["a"]["state"] == "SUCCEEDED"


# -- signs of life


def test_what_is_said_later_is_not_missing_at_a_moment(clock: Clock) -> None:
    """A batch is stamped by its last row, so that a later seq may have an earlier time. What never came is missing."""
    voice = Voice("s", clock)
    voice.open()
    batch, lost, after = (voice.say(ev.PARAMS, {"a": number}) for number in range(3))
    batch = msgspec.structs.replace(batch, time=after.time + 60 * SECOND)
    there = [voice.events[0], batch, after]
    gap = [{"session": "s", "from": lost.seq, "to": lost.seq}]
    assert fold(there, after.time).view()["missing"] == gap
    assert fold(there).view()["missing"] == gap
    assert fold([*there, lost], after.time).view()["missing"] == []


def test_heartbeats_tell_the_latest_said_and_spool(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    voice.beat(spool=10)
    voice.start("a", "e")
    clock.pass_(5)
    last = voice.beat(spool=20)
    state = RunState(voice.run)
    for event in reversed(voice.events):
        state.apply(event)
    shown = state.view()["sessions"]["s"]
    assert (shown["heartbeat"], shown["spool"], shown["said"]) == (iso(last.time), 20, 1)
    assert state.view()["steps"]["a"]["heartbeat"] == iso(last.time)
    assert state.view()["events"] == 2


def test_the_least_difference_of_receipt_and_time_is_kept(clock: Clock) -> None:
    voice = Voice("s", clock)
    state = RunState(voice.run)
    for late in (900, 40, 300):
        beat = voice.beat()
        state.apply(beat, beat.time + late)
    pulse = state.record.sessions["s"].pulse
    assert pulse is not None
    assert pulse.skew == 40
    assert pulse.heard == beat.time + 300


def test_a_heartbeat_of_no_use_is_passed_over(clock: Clock) -> None:
    voice = Voice("s", clock)
    for interval in (0, -1, 1e300):
        voice.beat(interval)
    voice.say(ev.HEARTBEAT, {"interval": "often"})
    view = told(voice).view(now=START + 10**12)
    assert (view["sessions"]["s"]["heartbeat"], view["sessions"]["s"]["stalled"]) == (None, False)


def heard(voice: Voice, received: int) -> RunState:
    """The state of what a voice said, all of it received at one time."""
    state = RunState(voice.run)
    for event in voice.events:
        state.apply(event, received)
    return state


def test_a_session_stalls_when_its_heartbeats_stop_by_the_brokers_clock(clock: Clock) -> None:
    voice = Voice("s", clock, skew=-3600 * SECOND)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted())
    voice.start("a", "e")
    voice.beat(interval=10)
    state = heard(voice, START)
    for seconds, shown in ((40, "RUNNING"), (41, "STALLED")):
        view = state.view(now=START + seconds * SECOND)
        assert (view["state"], view["steps"]["a"]["state"]) == (shown, shown)
        assert view["steps"]["a"]["attempts"][0]["state"] == shown
        assert view["sessions"]["s"]["stalled"] == (shown == "STALLED")
    assert state.stalled(START + 41 * SECOND) == {"s"}
    assert {("run", ""), ("session", "s"), ("step", "a")} <= set(state.touched_by("s"))
    assert state.view()["state"] == "RUNNING"


def test_a_session_that_never_gave_a_sign_after_opening_stalls_too(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    state = heard(voice, START)
    assert not state.stalled(START + 20 * SECOND)
    assert state.stalled(START + 21 * SECOND) == {"s"}


def test_copies_of_the_first_event_do_not_prolong_a_life(clock: Clock) -> None:
    voice = Voice("s", clock)
    opened = voice.open()
    one, other = heard(voice, START), heard(voice, START + 50 * SECOND)
    one.apply(opened, START + 50 * SECOND)
    other.apply(opened, START)
    assert one.to_bytes() == other.to_bytes()


def test_one_shot_and_closed_sessions_never_stall(clock: Clock) -> None:
    once = Voice("once", clock)
    once.say(ev.STEP_STARTED, ev.StepStarted(), subject="a", execution="e", final=True)
    closed = Voice("closed", clock)
    closed.open("member")
    closed.beat()
    closed.close()
    state = RunState(once.run)
    for event in [*once.events, *closed.events]:
        state.apply(event, START)
    assert not state.stalled(START + 10**12)
    assert state.view(now=START + 10**12)["steps"]["a"]["state"] == "RUNNING"


def test_a_run_without_an_owner_stalls_when_all_who_go_on_do(clock: Clock) -> None:
    one, other = Voice("one", clock), Voice("other", clock)
    state = RunState(one.run)
    for voice, received in ((one, START), (other, START + 100 * SECOND)):
        voice.open("member")
        voice.start(voice.session, voice.session)
        voice.beat()
        for event in voice.events:
            state.apply(event, received)
    assert state.view(now=START + 110 * SECOND)["state"] == "RUNNING"
    assert state.view(now=START + 110 * SECOND)["steps"]["one"]["state"] == "STALLED"
    assert state.view(now=START + 121 * SECOND)["state"] == "STALLED"


def test_an_ended_step_shows_no_heartbeat(clock: Clock) -> None:
    voice = Voice("s", clock)
    voice.open()
    voice.start("a", "e")
    voice.finish("a", "e")
    voice.beat()
    assert told(voice).view()["steps"]["a"]["heartbeat"] is None
