"""What a run's state says to a reader, on the server and in the browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import flights
import works
from runreel_server.graph import Fold, Step, layout
from runreel_server.pages import run_page, text
from runreel_server.pages.nodes import (
    Tasks,
    by_start,
    columns,
    edge_path,
    edge_state,
    lane_says,
    node_readings,
    standing,
    together,
)
from runreel_server.pages.readings import head_reading, record, step_reading, step_readings, wrong

Json = dict[str, Any]
NOW = flights.moment(flights.NOW)


def graph_of(state: Json, fold: Fold = "all") -> Json:
    steps = (Step(path, tuple(one["parents"]), one["state"], None) for path, one in state["steps"].items())
    return layout(steps, fold)


def said(state: Json, now: int, past: bool, today: int, graph: Json) -> Json:
    steps = step_readings(state, now)
    nodes = node_readings(graph, state, now)
    head, known = head_reading(state, steps, now, past, today), Tasks(state["steps"])
    pieces = [{**one, "label": f"{n}", "weight": n % 7 + 1} for n, one in enumerate(head["way"] * 300)]
    return {
        "steps": steps,
        "nodes": nodes,
        "head": {**head, "about": run_page.about(state, lambda time: text.moment(time, today))},
        "lanes": [node["id"] for node in by_start(graph, state)],
        "says": [lane_says(standing(node, known)[0], nodes[node["id"]]) for node in graph["nodes"]],
        "columns": columns(pieces),
        "edges": [[edge_path(edge["points"]), edge_state(edge, nodes)] for edge in graph["edges"]],
    }


def groups() -> Json:
    """A state of steps in six groups, of which three are done; there is no step that is a group."""
    steps: Json = {}
    for group in range(6):
        for n in range(4):
            done = {"state": "SUCCEEDED", "started": f"2026-11-22T09:00:0{n}Z", "finished": "2026-11-22T09:01:00Z"}
            going = {"state": "RUNNING" if n < 2 else "PENDING", "started": None, "finished": None}
            steps[f"group-{group}/step-{n}"] = {"parents": [], **(done if group < 3 else going)}
    return {"steps": steps}


def odd_states() -> list[Json]:
    """States with what the usual one lacks: gaps, losses, retries, failures, nothing at all."""
    base = flights.state()
    step = base["steps"]["plan"]
    retried = {**step, "attempts": [{**step["attempts"][0], "state": "FAILED"}, step["attempts"][0]]}
    gap = [{"session": "5f0c2a9e4b7d4c1e8a6f3d2b1c0e9f77", "from": 41_902, "to": 41_904}]
    error = {"type": "KeyError", "message": "'x'", "traceback": ""}
    return [
        {"id": "r", "state": "PENDING"},
        {**base, "steps": {}, "eta": None},
        {**base, "missing": gap},
        {**base, "missing": [*gap, {"session": "unknown-session", "from": 3, "to": 3}]},
        {**base, "losses": {"full": 1_200, "b\u202e": 3}},
        {**base, "steps": {"plan": retried}, "eta": None},
        {**base, "state": "FAILED", "finished": flights.at(700), "error": error, "steps": {}, "complete": True},
        {
            **base,
            "state": "FAILED",
            "finished": flights.at(700),
            "steps": {"a": {**step, "state": "FAILED", "error": error}},
        },
        {
            **base,
            "state": "STALLED",
            "steps": {"a": {**step, "state": "STALLED", "finished": None, "heartbeat": flights.at(700)}},
        },
        {
            **base,
            "steps": {
                "a": {
                    **step,
                    "state": "RUNNING",
                    "finished": None,
                    "progress": {"done": 1.5, "total": 12, "unit": "epoch"},
                }
            },
        },
        {**base, "state": "CANCELED", "finished": flights.at(300)},
        *(working(eta=eta, failed=failed) for eta in (None, flights.at(820)) for failed in (0, 2)),
        {"state": "RUNNING", "started": flights.at(3), "owner": "me\u202e", "origin": {"run": "1234-5678-9abc-def0"}},
        {"state": "RUNNING", "environment": {"user": "u", "commit": "abc"}},
        {**base, "state": "STALLED", "steps": {}, "sessions": {"s": {"said": -1, "heartbeat": flights.at(600)}}},
        {
            **base,
            "state": "STALLED",
            "steps": {},
            "sessions": {"s": {"heartbeat": flights.at(6), "closed": flights.at(7)}},
        },
        {**base, "events": 7, "sessions": {"s": {"said": 4}, "t": {"said": 5, "host": "h"}, "u": {"said": None}}},
        {**base, "missing": [{"session": f"{n}" * 32, "from": n, "to": 2 * n} for n in range(25)]},
        {**base, "steps": {"only/inner": step, "only/other": step, "a": step, "a/b/c": step}},
        {**base, "steps": {f"s{n}": step for n in range(1_001)}},
    ]


def working(eta: str | None, failed: int) -> Json:
    """A run of three steps: one of 100 s is done, one of 300 s has four tasks, one of an unknown time is to come.

    Of the four tasks one goes on, `failed` have failed and the others have succeeded; the last second is `NOW`.
    """
    began, over = flights.at(719), flights.at(780)
    task = {"parents": [], "started": began, "finished": over, "attempts": []}
    steps: Json = {
        "a": {**task, "state": "SUCCEEDED", "expected": 100.0},
        "b": {**task, "state": "RUNNING", "expected": 300.0, "finished": None},
        "c": {**task, "state": "PENDING", "started": None, "finished": None},
        "b/0": {**task, "state": "RUNNING", "finished": None},
    }
    for number in range(1, 4):
        steps[f"b/{number}"] = {**task, "state": "FAILED" if number <= failed else "SUCCEEDED"}
    return {"id": "r", "state": "RUNNING", "started": began, "finished": None, "eta": eta, "steps": steps}


@pytest.mark.parametrize(
    ("state", "percent"),
    [
        (working(eta=None, failed=0), "54 %"),  # (100 + 3/4 of 300) of 100 + 300 + 200, the mean of what is known
        (working(eta=None, failed=2), "29 %"),  # what failed is not done
        (working(eta=flights.at(820), failed=2), "29 %"),  # and does not make all but done what will end early
        (working(eta=flights.at(1219), failed=0), "20 %"),  # no more than the time that has passed
    ],
)
def test_done_is_of_the_work_and_never_more_than_of_the_time(state: Json, percent: str) -> None:
    assert head_reading(state, step_readings(state, NOW), NOW)["percent"] == percent


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_the_browser_says_the_same_as_the_server() -> None:
    cases = [
        {"state": flights.state(t), "now": flights.moment(t), "past": t < flights.NOW}
        for t in (0, 3, 60, 230, 449, 627, 819, 1100, 1185)
    ]
    cases += [{"state": {"steps": {}, **state}, "now": NOW, "past": False} for state in odd_states()]
    cases += [{"state": one, "now": NOW, "past": False} for one in (works.failed_deep(), works.broken_artifacts())]
    cases.append({"state": {**flights.state(), **groups()}, "now": NOW, "past": False})
    done = [works.failed(), works.run(works.tasks(8, 3, 1), eta=flights.at(2000))]
    done += [works.run({"a": works.step("RUNNING", eta=flights.at(900)), "b": works.step("PENDING")})]
    done += [{**done[-1], "planned": False}, {**works.run({}), "planned": False}]
    cases += [{"state": state, "now": NOW, "past": False} for state in done]
    cases += [{"state": begun_only(flights.state(t)), "now": flights.moment(t), "past": True} for t in (60, 460)]
    present = graph_of(flights.state())
    unfolded = {**flights.state(), **groups()}
    opened = {"state": unfolded, "now": NOW, "past": False, "graph": graph_of(unfolded, "none")}
    given = [opened, *({**case, "graph": present if case["past"] else graph_of(case["state"])} for case in cases)]
    for number, case in enumerate(given):  # looked at on the same day, the next, and a year later
        case["today"] = case["now"] + (0, 86_400_000_000, 366 * 86_400_000_000)[number % 3]
    script = Path(__file__).parent / "js" / "say_readings.mjs"
    answer = subprocess.run(
        ["node", str(script)], input=json.dumps(given), capture_output=True, text=True, check=True, env={"TZ": _zone()}
    )
    browser = json.loads(answer.stdout)
    for case, theirs in zip(given, browser, strict=True):
        ours = said(**case)
        for part, ours_part in ours.items():
            assert _plain(theirs[part]) == _plain(ours_part), f"{part} of {case['state'].get('state')} at {case['now']}"


def begun_only(state: Json) -> Json:
    """A state of the past without the tasks that nobody had spoken of yet."""
    steps = state["steps"]
    return {**state, "steps": {path: one for path, one in steps.items() if "/" not in path or one["started"]}}


def test_a_task_that_is_not_there_yet_is_to_come_whatever_became_of_it() -> None:
    """The graph is the newest: its words of a task say how it stands now."""
    state, now = begun_only(flights.state(400)), flights.moment(400)
    assert not any(path.startswith("train/") for path in state["steps"])
    graph = graph_of(flights.state())
    folded = next(node["id"] for node in graph["nodes"] if len(node.get("members") or ()) == flights.TRIALS)
    reading = node_readings(graph, state, now)[folded]
    assert (reading["tasks"], reading["failed"], reading["stalled"]) == (flights.TRIALS, 0, 0)
    assert not reading["share"]


def _zone() -> str:
    """The zone that this process has, for the child, whose environment is otherwise empty."""
    from datetime import datetime

    offset = datetime.now().astimezone().utcoffset()
    assert offset is not None
    return f"UTC{-offset.total_seconds() / 3600:+g}"


def _plain(value: Any) -> Any:
    """Without the difference of 1 and 1.0, and of what the last digit of a float says."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return round(float(value), 9) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def test_the_head_of_a_run_that_runs() -> None:
    state = flights.state()
    head = head_reading(state, step_readings(state, NOW), NOW)
    assert (head["word"], head["percent"], head["steps"], head["tasks"]) == (
        "Running",
        "69 %",
        "9 of 13 steps",
        "14 steps, 324 tasks",
    )
    assert (head["elapsed"], head["median"], head["left"]) == ("13:39", "median 18:04", "≈ 6:06")
    assert head["wrong"] == {
        "state": "FAILED",
        "text": "2 failed",
        "note": "1 stalled, silent 17 s",
        "whole": "train/064: ValueError; 1 stalled, silent 17 s",
        "step": "train/064",
    }
    whole = "48,211 of 48,211 events, 1 session"
    assert head["record"] == {"state": "SUCCEEDED", "text": "no gap", "note": whole, "whole": whole}


def test_a_tab_tells_the_state() -> None:
    state = flights.state()
    told = []
    for changes in (
        {},
        {"steps": {}},
        {"steps": {"a": {**state["steps"]["clean"], "state": "STALLED"}}},
        *({"state": one} for one in ("SUCCEEDED", "FAILED", "CANCELED", "PENDING")),
    ):
        changed = {**state, **changes}
        head = head_reading(changed, step_readings(changed, NOW), NOW)
        told.append((head["tab"], head["icon"]))
    assert told == [
        ("69 %", "wrong"),
        ("69 %", "running"),
        ("69 %", "stalled"),
        ("✓ succeeded", "succeeded"),
        ("✕ failed", "failed"),
        ("⊘ canceled", "canceled"),
        ("… waiting", "waiting"),
    ]


def test_a_run_that_ended_is_complete_and_has_no_time_left() -> None:
    state = flights.state(1185)
    head = head_reading(state, step_readings(state, flights.moment(5_000)), flights.moment(5_000))
    assert (head["percent"], head["elapsed"], head["left"]) == ("100 %", "19:45", "–")
    assert head["record"]["text"] == "complete"


def test_the_past_says_the_first_events_never_complete() -> None:
    told = record({**flights.state(627), "complete": True}, past=True)
    assert (told["state"], told["text"], told["note"]) == ("SUCCEEDED", "no gap", "first 36,909 events")


def test_how_many_events_of_how_many_are_here_is_said_live() -> None:
    """A session's heartbeat tells how many it has said before all of them are here."""
    sessions = {"s": {"said": 4}, "t": {"said": 5}}
    told = record({"events": 7, "sessions": sessions, "missing": []}, past=False)
    assert (told["text"], told["note"]) == ("no gap", "7 of 11 events, 2 sessions")
    complete = record({"events": 11, "sessions": sessions, "missing": [], "complete": True}, past=False)
    assert (complete["text"], complete["note"]) == ("complete", "11 of 11 events, 2 sessions")


def test_of_whom_events_are_missing_is_said_of_all() -> None:
    sessions = {"s": {"said": 9, "step": "train"}, "t": {"said": 9, "host": "etl-02"}}
    gaps = [{"session": "s", "from": 3, "to": 4}, {"session": "t", "from": 7, "to": 7}]
    told = record({"events": 17, "sessions": sessions, "missing": gaps}, past=False)
    assert (told["state"], told["text"], told["note"]) == (
        "STALLED",
        "3 missing",
        "from train, 3 to 4, 1 more; 17 of 20 events",
    )
    assert told["whole"] == "17 of 20 events, 2 sessions; missing from train, 3 to 4; from etl-02, 7"


def test_a_run_that_stalls_between_its_steps_says_for_how_long_it_is_silent() -> None:
    sessions = {"s": {"heartbeat": flights.at(600), "closed": None}, "t": {"heartbeat": flights.at(700), "closed": "x"}}
    state = {"state": "STALLED", "steps": {}, "sessions": sessions, "eta": flights.at(900)}
    head = head_reading(state, {}, flights.moment(640))
    assert (head["word"], head["left"]) == ("Stalled", "–")
    assert head["wrong"] == {"state": "STALLED", "text": "the run", "note": "silent 40 s", "step": None}


def test_what_is_missing_is_said_with_its_numbers_and_whence() -> None:
    told = record(odd_states()[2], past=False)
    whole = "48,211 of 48,211 events, 1 session; missing from train, 41,902 to 41,904"
    note = "from train, 41,902 to 41,904; 48,211 of 48,211 events"
    assert told == {"state": "STALLED", "text": "3 missing", "note": note, "whole": whole}


def test_a_retry_that_went_well_is_told_and_is_nothing_wrong() -> None:
    state = odd_states()[5]
    assert wrong(state, step_readings(state, NOW), NOW) == {
        "state": "",
        "text": "nothing",
        "note": "1 retry, mended",
        "step": None,
    }


def test_a_stalled_step_says_how_long_it_is_silent() -> None:
    assert step_reading({"state": "STALLED", "heartbeat": flights.at(777)}, NOW)["read"] == "silent 42 s"


@pytest.mark.parametrize(
    ("states", "together_they_are"),
    [
        (["SUCCEEDED", "RUNNING", "PENDING"], "RUNNING"),
        (["SUCCEEDED", "PENDING"], "RUNNING"),
        (["PENDING", "PENDING"], "PENDING"),
        (["SUCCEEDED", "FAILED", "CACHED"], "FAILED"),
        (["STALLED", "SUCCEEDED"], "STALLED"),
        (["CACHED", "CACHED"], "CACHED"),
        ([], "PENDING"),
    ],
)
def test_tasks_make_one_step(states: list[str], together_they_are: str) -> None:
    assert together([{"state": state} for state in states])["state"] == together_they_are


def test_the_playhead_of_a_run_that_has_ended_stands_at_the_end_however_short_it_was() -> None:
    """A run of a millisecond has no future."""
    shown = run_page.transport(1_000_000, 1_001_000, None, True, 1_001_000)
    assert shown["t"] == shown["seconds"]


def test_steps_below_a_path_that_is_none_are_counted() -> None:
    steps = {path: {"state": "SUCCEEDED"} for path in ("only/inner", "only/other", "a", "a/b")}
    assert (
        head_reading({"state": "RUNNING", "steps": steps}, step_readings({"steps": steps}, NOW), NOW)["steps"]
        == "3 of 3 steps"
    )


def test_a_task_that_only_contains_steps_is_all_of_them_together() -> None:
    """Groups that are alike fold into one node, whose cells are no steps: they are not to come."""
    state = groups()
    graph = graph_of(state)
    [(name, reading)] = node_readings(graph, state, NOW).items()
    assert (name, reading["state"], reading["note"], reading["tasks"]) == ("group-*", "RUNNING", "3 of 6", 6)
    assert by_start(graph, state)[0]["id"] == name
    assert reading["share"] == 0.5


def test_an_unfolded_node_that_is_no_step_is_what_lies_in_it() -> None:
    state = groups()
    graph = graph_of(state, "none")
    readings = node_readings(graph, state, NOW)
    assert [readings[f"group-{n}"]["state"] for n in (0, 5)] == ["SUCCEEDED", "RUNNING"]
    assert readings["group-0"]["read"] == "1:00"


def test_very_many_tasks_have_an_extent_and_the_state_of_the_moment() -> None:
    begun, over = flights.at(10), flights.at(70)
    steps: Json = {f"x-{n}": {"parents": [], "state": "FAILED" if n == 7 else "SUCCEEDED"} for n in range(1_300)}
    steps |= {path: {**one, "started": begun, "finished": over} for path, one in steps.items()}
    [node] = graph_of({"steps": steps})["nodes"]
    step, tasks = standing(node, Tasks(steps))
    assert (step["state"], step["started"], step["finished"], len(tasks)) == ("FAILED", begun, over, 1_300)
    earlier = {path: {**one, "state": "RUNNING", "finished": None} for path, one in steps.items()}
    reading = node_readings({"nodes": [node]}, {"steps": earlier}, NOW)[node["id"]]
    assert (reading["state"], reading["failed"]) == ("RUNNING", 0)
