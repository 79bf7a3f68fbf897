"""Complete: gaps, losses, conflicts, problems, what is stored; and the graph before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from runreel import events as ev
from runreel.state import RunState, fold
from runreel.state.records import MOST_PROBLEMS
from runs import Clock, Voice, told


@pytest.fixture
def voice() -> Voice:
    """A process whose run has ended well."""
    speaker = Voice("s", Clock())
    speaker.open()
    speaker.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    speaker.start("a", "e")
    speaker.finish("a", "e")
    speaker.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    speaker.close()
    return speaker


STORED = {"s": 5}


def test_complete_is_ended_closed_and_stored(voice: Voice) -> None:
    view = told(voice).view(stored=STORED)
    assert (view["complete"], view["missing"], view["events"]) == (True, [], 6)
    assert view["sessions"]["s"]["stored"] == view["sessions"]["s"]["said"] == 5


def test_seen_live_is_not_stored(voice: Voice) -> None:
    assert not told(voice).view()["complete"]
    assert not told(voice).view(stored={"s": 4})["complete"]
    assert not told(voice).view(stored={"other": 5})["complete"]


def test_a_run_that_goes_on_is_not_complete(voice: Voice) -> None:
    del voice.events[4]
    assert not told(voice).view(stored=STORED)["complete"]


@pytest.mark.parametrize("other", ["opened", "heartbeat", "not final"])
def test_every_known_session_must_be_closed(voice: Voice, other: str) -> None:
    """A session is known by any event that bears it, a heartbeat too."""
    more = Voice("more", voice.clock)
    if other == "opened":
        more.open("member")
    elif other == "heartbeat":
        more.beat()
    else:
        more.say(ev.TAGS, {"a": 1})
    stored = {**STORED, "more": 0}
    assert not told(voice, more).view(stored=stored)["complete"]
    once = Voice("once", voice.clock)
    once.say(ev.TAGS, {"a": 1}, final=True)
    assert told(voice, once).view(stored={**STORED, "once": 0})["complete"]


def test_a_gap_is_told_with_its_range_and_heals(voice: Voice) -> None:
    state = RunState(voice.run)
    for event in (voice.events[0], voice.events[3], voice.events[5]):
        state.apply(event)
    missing = [{"session": "s", "from": 1, "to": 2}, {"session": "s", "from": 4, "to": 4}]
    assert state.view(stored=STORED)["missing"] == missing
    for event in voice.events:
        state.apply(event)
    view = state.view(stored=STORED)
    assert (view["missing"], view["complete"]) == ([], True)


def test_the_last_seq_of_a_closed_session_is_awaited(voice: Voice) -> None:
    voice.say(ev.SESSION_CLOSED, {"last": 9})
    assert told(voice).view()["missing"] == [{"session": "s", "from": 7, "to": 9}]


def test_while_it_runs_what_is_under_way_is_no_gap() -> None:
    voice = Voice("s", Clock())
    voice.open()
    voice.start("a", "e")
    voice.beat()
    state = RunState(voice.run)
    for event in (voice.events[0], voice.events[2]):
        state.apply(event)
    view = state.view()
    assert (view["missing"], view["sessions"]["s"]["said"]) == ([], 1)


def test_a_loss_is_counted_by_reason_and_keeps_a_run_from_complete(voice: Voice) -> None:
    other = Voice("other", voice.clock)
    other.open("member")
    other.say(ev.LOSS, {"spool full": 3, "none": 0})
    other.say(ev.LOSS, {"spool full": 4, "refused": 1})
    other.close()
    view = told(voice, other).view(stored={**STORED, "other": 3})
    assert view["losses"] == view["sessions"]["other"]["losses"] == {"refused": 1, "spool full": 7}
    assert not view["complete"]


def test_a_negative_loss_is_a_problem(voice: Voice) -> None:
    voice.say(ev.LOSS, {"x": -1})
    view = told(voice).view()
    assert (view["losses"], view["problems"]["count"]) == ({}, 1)


def test_a_conflict_is_told_with_both_hashes(voice: Voice) -> None:
    service = Voice("service", voice.clock)
    service.say(ev.CONFLICT, ev.Conflict(session="s", seq=2, hashes=["bb", "aa"]))
    service.say(ev.CONFLICT, ev.Conflict(session="s", seq=2, hashes=["aa", "cc"]), final=True)
    view = told(voice, service).view(stored={**STORED, "service": 1})
    assert view["conflicts"] == [{"session": "s", "seq": 2, "hashes": ["aa", "bb", "cc"]}]
    assert view["complete"]


def test_of_two_contents_of_one_seq_the_lesser_hash_counts(voice: Voice) -> None:
    """For those who have all bytes; whoever hears them one by one keeps the first until the conflict is told."""
    twin = Voice("s", voice.clock)
    events = []
    for value in ("one", "two"):
        other = Voice("s", Clock())
        other.say(ev.TAGS, {"k": value}, final=True)
        events.append(other.events[0])
    assert twin.run == voice.run
    forth, back = RunState(voice.run), RunState(voice.run)
    for event in events:
        forth.apply(event)
    for event in reversed(events):
        back.apply(event)
    assert (forth.view()["tags"], back.view()["tags"]) == ({"k": "one"}, {"k": "two"})
    one, other = Voice("s", Clock()), Voice("s", Clock())
    one.events, other.events = [events[0]], [events[1]]
    assert told(one, other) == told(other, one)


def test_data_that_cannot_be_read_break_nothing_and_are_told(voice: Voice) -> None:
    for number in range(MOST_PROBLEMS + 5):
        voice.say(ev.STEP_STARTED, {"parents": number}, subject="b")
    view = told(voice).view()
    assert view["problems"]["count"] == MOST_PROBLEMS + 5
    assert len(view["problems"]["first"]) == MOST_PROBLEMS
    first = view["problems"]["first"][0]
    assert (first["session"], first["seq"]) == ("s", 6)
    assert "data of runreel.step.started" in first["text"]
    assert "$.parents" in first["text"]
    assert "b" not in view["steps"]
    assert view["missing"] == []


def test_types_that_are_not_known_only_count(voice: Voice) -> None:
    before = told(voice).view()
    voice.say("runreel.step.paused", {"anything": 1}, subject="a")
    after = told(voice).view()
    assert (after["events"], after["steps"], after["problems"]["count"]) == (7, before["steps"], 0)


# -- graph


def test_declared_steps_wait_before_they_run() -> None:
    voice = Voice("s", Clock())
    voice.open()
    voice.start("z", "ez")
    assert told(voice).view()["planned"] is False
    voice.events.pop()
    voice.say(ev.GRAPH, {"steps": {"a": {}, "b": {"parents": ["a"], "total": 7}}})
    assert told(voice).view()["planned"] is True
    voice.say(ev.GRAPH, {"steps": {"c": {"parents": ["b"]}}, "expected": True})
    steps = told(voice).view()["steps"]
    shown = {path: (one["state"], one["parents"], one["total"], one["learnt"]) for path, one in steps.items()}
    assert shown == {
        "a": ("PENDING", [], None, False),
        "b": ("PENDING", ["a"], 7.0, False),
        "c": ("PENDING", ["b"], None, True),
    }
    voice.start("c", "e", total=3, unit="row", kind="Map")
    shown_c = told(voice).view()["steps"]["c"]
    assert (shown_c["learnt"], shown_c["total"], shown_c["unit"], shown_c["kind"]) == (False, 3.0, "row", "Map")


def test_what_a_service_expected_is_passed_over_when_the_run_ends_without_it() -> None:
    """At each moment as it was known then; what the run begins or declares itself is no guess."""
    clock = Clock()
    voice, service = Voice("s", clock), Voice("c", clock)
    voice.open()
    graph = {"a": {}, "b": {"parents": ["a"]}, "c": {"parents": ["b"]}}
    service.say(ev.GRAPH, {"steps": graph, "expected": True}, final=True)
    voice.say(ev.GRAPH, {"steps": {"c": {}}})
    voice.start("a", "x")
    voice.finish("a", "x")
    before = clock.now
    clock.pass_(1)

    def shown(until: int | None = None) -> dict[str, tuple[str, bool]]:
        steps = fold([*voice.events, *service.events], until).view()["steps"]
        return {path: (one["state"], one["learnt"]) for path, one in steps.items()}

    waiting = {"a": ("SUCCEEDED", False), "b": ("PENDING", True), "c": ("PENDING", False)}
    assert shown() == waiting
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    assert shown() == {**waiting, "b": ("SKIPPED", True)}
    assert shown(before) == waiting


def test_steps_nest_by_path() -> None:
    voice = Voice("s", Clock())
    voice.open()
    voice.start("train", "t")
    voice.start("train/fold-3", "f")
    voice.finish("train/fold-3", "f", "FAILED")
    steps = told(voice).view()["steps"]
    assert {path: one["state"] for path, one in steps.items()} == {"train": "RUNNING", "train/fold-3": "FAILED"}
    assert told(voice).view()["sessions"]["s"]["step"] == "train/fold-3"


def test_what_earlier_runs_took_is_filled_in_by_whoever_knows(voice: Voice) -> None:
    view = told(voice).view(medians={"run": 1084.0, "steps": {"a": 221.0}})
    assert (view["median"], view["steps"]["a"]["expected"]) == (1084.0, 221.0)
    assert told(voice).view()["median"] is None


# -- visualizations


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (None, "PENDING"),
        ({"artifact": "A9"}, "SUCCEEDED"),
        ({"error": {"type": "E", "message": "no"}}, "FAILED"),
    ],
)
def test_a_visualization_is_asked_for_and_made(voice: Voice, end: dict[str, Any] | None, state: str) -> None:
    asked = Voice("server", voice.clock)
    asked.say(ev.VIEW_REQUESTED, ev.ViewRequested(view="v", artifacts=["A1"], params={"x": "a"}), final=True)
    made = Voice("worker", voice.clock)
    if end is not None:
        made.say(ev.VIEW_FINISHED, {"view": "v", **end}, final=True)
    shown = told(*(one for one in (asked, made) if one.events)).view()["views"]["v"]
    assert (shown["state"], shown["artifacts"], shown["params"]) == (state, ["A1"], {"x": "a"})


def test_a_part_of_an_unknown_kind_is_an_error(voice: Voice) -> None:
    with pytest.raises(ValueError, match="the kind is one of run, step"):
        told(voice).view_part(("chart", "x"))
    for kind in ("step", "artifact", "session", "view", "series"):
        assert told(voice).view_part((kind, "nothing")) is None
