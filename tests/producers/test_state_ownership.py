"""Who owns what: the rules of the contract on runs, executions, members, services and one-shot sessions."""

from __future__ import annotations

from typing import Any

import pytest

from runreel import events as ev
from runreel.state import RunState
from runs import SECOND, START, Clock, Voice, told

DIED = {"type": "", "message": "its process died", "traceback": ""}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def owner(clock: Clock) -> Voice:
    """The process that made the run's id."""
    voice = Voice("owner", clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    return voice


@pytest.fixture
def member(clock: Clock) -> Voice:
    """A process that came with the run's id."""
    voice = Voice("member", clock)
    voice.open("member")
    return voice


def once(clock: Clock, *args: Any, session: str = "once", **keywords: Any) -> Voice:
    """A one-shot session that says one event."""
    voice = Voice(session, clock)
    voice.say(*args, **keywords, final=True)
    return voice


def step(state: RunState, path: str = "a") -> dict[str, Any]:
    """A step as it is shown."""
    found: dict[str, Any] = state.view()["steps"][path]
    return found


# -- the run


def test_a_run_is_pending_until_something_begins(clock: Clock) -> None:
    owner = Voice("owner", clock)
    owner.open()
    owner.say(ev.GRAPH, {"steps": {"a": {}}})
    assert told(owner).view()["state"] == "PENDING"
    owner.start("a", "e")
    assert told(owner).view()["state"] == "RUNNING"


def test_the_owner_ends_the_run(owner: Voice) -> None:
    assert told(owner).view()["state"] == "RUNNING"
    end = owner.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED", error=ev.Error(type="E", message="no")))
    view = told(owner).view()
    assert (view["state"], view["error"]["message"]) == ("FAILED", "no")
    assert view["finished"] == "2026-11-22T09:00:00.003000Z"
    assert end.time == START + 3000


def test_a_member_does_not_end_the_run(owner: Voice, member: Voice) -> None:
    member.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED"))
    member.close()
    assert told(owner, member).view()["state"] == "RUNNING"


@pytest.mark.parametrize("first", ["owner", "other"])
def test_the_owners_word_stands_whatever_the_order(owner: Voice, clock: Clock, first: str) -> None:
    if first == "owner":
        owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    other = once(clock, ev.RUN_FINISHED, ev.RunFinished(state="FAILED"))
    if first == "other":
        assert told(owner, other).view()["state"] == "FAILED"
        owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    assert told(owner, other).view()["state"] == "SUCCEEDED"


def test_an_owner_that_closed_without_a_word_has_died(owner: Voice, member: Voice) -> None:
    owner.close("killed")
    view = told(owner, member).view()
    assert (view["state"], view["error"], view["finished"]) == ("FAILED", DIED, "2026-11-22T09:00:00.004000Z")


def test_ownership_may_be_learnt_late(owner: Voice, member: Voice) -> None:
    """Until the owner's first event has come, its end is nobody's; then it stands."""
    owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    state = RunState(owner.run)
    for event in [*owner.events[1:], *member.events]:
        state.apply(event)
    assert state.view()["state"] == "RUNNING"
    state.apply(owner.events[0])
    assert state.view()["state"] == "SUCCEEDED"


def test_a_run_that_nobody_owns_does_not_die_with_its_processes(clock: Clock, member: Voice) -> None:
    begin = once(clock, ev.RUN_STARTED, ev.RunStarted(given=True))
    member.start("a", "e")
    member.close()
    view = told(begin, member).view()
    assert (view["state"], view["steps"]["a"]["state"]) == ("RUNNING", "FAILED")


@pytest.mark.parametrize("who", ["one-shot", "service"])
def test_a_given_run_is_ended_from_outside(clock: Clock, member: Voice, who: str) -> None:
    begin = once(clock, ev.RUN_STARTED, ev.RunStarted(given=True), session="begin")
    if who == "one-shot":
        ender = once(clock, ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    else:
        ender = Voice("adapter", clock)
        ender.open("service")
        ender.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    assert told(begin, member, ender).view()["state"] == "SUCCEEDED"


def test_a_later_step_opens_a_run_again_that_others_have_ended(clock: Clock, member: Voice) -> None:
    early = member.start("a", "e1")
    ender = once(clock, ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    assert told(member, ender).view()["state"] == "SUCCEEDED"
    assert early.time < ender.events[0].time
    clock.pass_(60)
    member.start("a", "e2")
    view = told(member, ender).view()
    assert (view["state"], view["finished"]) == ("RUNNING", None)
    again = once(clock, ev.RUN_FINISHED, ev.RunFinished(state="FAILED"), session="again")
    assert told(member, ender, again).view()["state"] == "FAILED"


def test_a_later_step_does_not_open_a_run_that_its_owner_has_ended(owner: Voice, member: Voice) -> None:
    owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    member.start("late", "e")
    assert told(owner, member).view()["state"] == "SUCCEEDED"


def test_an_end_that_is_none_is_a_problem(owner: Voice) -> None:
    owner.say(ev.RUN_FINISHED, ev.RunFinished(state="RUNNING"))
    view = told(owner).view()
    assert view["state"] == "RUNNING"
    assert "state RUNNING is no end" in view["problems"]["first"][0]["text"]


# -- executions


def test_the_session_that_says_started_owns_the_execution(owner: Voice, member: Voice) -> None:
    owner.start("a", "e")
    member.finish("a", "e", "FAILED")
    assert step(told(owner, member))["state"] == "RUNNING"
    owner.finish("a", "e", "SUCCEEDED")
    assert step(told(owner, member))["state"] == "SUCCEEDED"
    assert step(told(owner, member))["attempts"][0]["session"] == "owner"


def test_joiners_make_one_execution_that_the_least_started_owns(owner: Voice, member: Voice) -> None:
    member.start("a", "e")
    owner.start("a", "e")
    owner.finish("a", "e", "FAILED")
    shown = step(told(owner, member))
    assert (len(shown["attempts"]), shown["state"]) == (1, "RUNNING")
    member.finish("a", "e")
    assert step(told(owner, member))["state"] == "SUCCEEDED"


def test_an_owner_of_an_execution_that_closed_has_died(owner: Voice, member: Voice) -> None:
    member.start("a", "e")
    member.close("recovered")
    shown = step(told(owner, member))
    assert (shown["state"], shown["error"]) == ("FAILED", DIED)


def test_a_word_from_outside_counts_where_the_owner_has_none(member: Voice, clock: Clock) -> None:
    member.start("a", "e")
    other = once(clock, ev.STEP_FINISHED, ev.StepFinished(state="CANCELED"), subject="a", execution="e")
    assert step(told(member, other))["state"] == "CANCELED"
    member.close("killed")
    assert step(told(member, other))["state"] == "CANCELED"
    member.finish("a", "e")
    assert step(told(member, other))["state"] == "SUCCEEDED"


def test_one_shot_sessions_own_nothing_and_their_closing_ends_nothing(clock: Clock, member: Voice) -> None:
    begin = once(clock, ev.STEP_STARTED, ev.StepStarted(), subject="a", execution="e", session="begin")
    assert step(told(begin))["state"] == "RUNNING"
    assert step(told(begin))["attempts"][0]["session"] is None
    member.finish("a", "e")
    assert step(told(begin, member))["state"] == "SUCCEEDED"


def test_a_session_is_one_shot_only_once_its_beginning_is_known(clock: Clock) -> None:
    """Of a session of which neither seq 0 nor a final event has come, nobody knows: it may well own."""
    voice = Voice("late", clock)
    voice.open()
    voice.start("a", "e")
    state = RunState(voice.run)
    state.apply(voice.events[1])
    assert step(state)["attempts"][0]["session"] == "late"
    foreign = Voice("foreign", clock)
    foreign.start("b", "f")
    state.apply(foreign.events[0])
    assert step(state, "b")["attempts"][0]["session"] is None


def test_a_final_event_tells_that_a_session_owned_nothing(clock: Clock) -> None:
    voice = Voice("late", clock)
    voice.say(ev.TAGS, {})
    voice.start("a", "e")
    voice.say(ev.TAGS, {}, final=True)
    state = RunState(voice.run)
    state.apply(voice.events[1])
    assert step(state)["attempts"][0]["session"] == "late"
    assert ("step", "a") in state.apply(voice.events[2])
    assert step(state)["attempts"][0]["session"] is None


def test_a_session_that_goes_on_with_another_owns_what_that_one_owned(owner: Voice, clock: Clock) -> None:
    owner.start("a", "e")
    owner.close()
    heir = Voice("heir", clock)
    heir.open("owner", continues="owner", parent="owner")
    view = told(owner, heir).view()
    assert (view["state"], view["steps"]["a"]["state"]) == ("RUNNING", "RUNNING")
    heir.finish("a", "e", "SKIPPED")
    heir.close("killed")
    view = told(owner, heir).view()
    assert (view["state"], view["steps"]["a"]["state"]) == ("FAILED", "SKIPPED")


def test_a_forked_child_does_not_end_its_parents_steps(owner: Voice, clock: Clock) -> None:
    owner.start("a", "e")
    child = Voice("child", clock)
    child.open("member", parent="owner")
    child.finish("a", "e", "FAILED")
    child.close()
    assert step(told(owner, child))["state"] == "RUNNING"


# -- attempts


def test_attempts_are_ordered_by_start_and_the_last_one_is_the_step(owner: Voice, clock: Clock) -> None:
    owner.start("a", "zz")
    owner.finish("a", "zz", "FAILED")
    owner.start("a", "aa")
    shown = step(told(owner))
    assert [(one["execution"], one["state"]) for one in shown["attempts"]] == [("zz", "FAILED"), ("aa", "RUNNING")]
    assert (shown["state"], shown["execution"], shown["finished"]) == ("RUNNING", "aa", None)


def test_attempts_of_one_moment_are_ordered_by_execution(owner: Voice) -> None:
    for execution in ("b", "a"):
        owner.say(ev.STEP_STARTED, ev.StepStarted(), subject="a", execution=execution, time=START)
    assert [one["execution"] for one in step(told(owner))["attempts"]] == ["a", "b"]


def test_state_moves_forward_only(owner: Voice) -> None:
    owner.start("a", "e")
    owner.finish("a", "e")
    owner.start("a", "e")
    assert step(told(owner))["state"] == "SUCCEEDED"


def test_an_end_whose_beginning_is_missing_is_shown(owner: Voice) -> None:
    owner.finish("a", "e", "CACHED")
    shown = step(told(owner))
    assert (shown["state"], shown["started"]) == ("CACHED", None)


def test_a_step_without_an_execution_is_the_one_that_all_join(owner: Voice, member: Voice) -> None:
    owner.say(ev.STEP_STARTED, ev.StepStarted(), subject="a")
    member.say(ev.STEP_STARTED, ev.StepStarted(), subject="a")
    assert len(step(told(owner, member))["attempts"]) == 1


def test_a_step_event_without_a_subject_is_a_problem(owner: Voice) -> None:
    owner.say(ev.STEP_STARTED, ev.StepStarted())
    assert "say the step's path" in told(owner).view()["problems"]["first"][0]["text"]


# -- fields


def test_the_owners_value_beats_any_stamp(owner: Voice, member: Voice) -> None:
    owner.say(ev.PARAMS, {"rows": 1})
    member.say(ev.PARAMS, {"rows": 2, "other": 3})
    assert told(owner, member).view()["params"] == {"other": 3, "rows": 1}


def test_among_others_the_greatest_stamp_wins(clock: Clock, member: Voice) -> None:
    other = Voice("other", clock)
    other.open("member")
    member.say(ev.TAGS, {"k": "early"})
    other.say(ev.TAGS, {"k": "late"})
    assert told(member, other).view()["tags"] == told(other, member).view()["tags"] == {"k": "late"}


def test_of_one_moment_the_greater_session_wins(clock: Clock, member: Voice) -> None:
    other = Voice("other", clock)
    other.open("member")
    for voice in (other, member):
        voice.say(ev.TAGS, {"k": voice.session}, time=START)
    assert told(member, other).view()["tags"] == {"k": "other"}


def test_params_of_a_step_are_its_own(owner: Voice) -> None:
    owner.start("a", "e")
    owner.say(ev.PARAMS, {"lr": 0.1}, subject="a", execution="e")
    view = told(owner).view()
    assert (view["params"], view["steps"]["a"]["params"]) == ({}, {"lr": 0.1})


def test_started_takes_the_least(owner: Voice, member: Voice, clock: Clock) -> None:
    clock.pass_(10)
    member.say(ev.RUN_STARTED, ev.RunStarted(pipeline="other"))
    view = told(member, owner).view()
    assert (view["started"], view["pipeline"]) == ("2026-11-22T09:00:00.002000Z", "p")
    owner.say(ev.STEP_STARTED, ev.StepStarted(), subject="a", execution="e", time=START + 9 * SECOND)
    owner.say(ev.STEP_STARTED, ev.StepStarted(), subject="a", execution="e", time=START + 8 * SECOND)
    assert step(told(owner))["started"] == "2026-11-22T09:00:08.000000Z"
