"""What a run's state says to a reader, on the server and in the browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import flights
from runreel_server.graph import Step, layout
from runreel_server.pages import run_page
from runreel_server.pages.nodes import (
    by_start,
    by_state,
    edge_path,
    edge_state,
    node_readings,
    together,
)
from runreel_server.pages.readings import head_reading, record, step_reading, step_readings, wrong

Json = dict[str, Any]
NOW = flights.moment(flights.NOW)


def graph_of(state: Json) -> Json:
    return layout(Step(path, tuple(one["parents"]), one["state"], None) for path, one in state["steps"].items())


def said(state: Json, now: int, past: bool) -> Json:
    graph, steps = graph_of(state), step_readings(state, now)
    nodes = node_readings(graph, state, now)
    return {
        "steps": steps,
        "nodes": nodes,
        "head": head_reading(state, steps, now, past),
        "lanes": [node["id"] for node in by_start(graph, state)],
        "way": [node["id"] for node in by_state(graph, state, nodes)],
        "edges": [[edge_path(edge["points"]), edge_state(edge, nodes)] for edge in graph["edges"]],
    }


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
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_the_browser_says_the_same_as_the_server() -> None:
    cases = [
        {"state": flights.state(t), "now": flights.moment(t), "past": t < flights.NOW}
        for t in (0, 3, 60, 230, 449, 627, 819, 1100, 1185)
    ]
    cases += [{"state": {"steps": {}, **state}, "now": NOW, "past": False} for state in odd_states()]
    given = [{**case, "graph": graph_of(case["state"])} for case in cases]
    script = Path(__file__).parent / "js" / "say_readings.mjs"
    answer = subprocess.run(
        ["node", str(script)], input=json.dumps(given), capture_output=True, text=True, check=True, env={"TZ": _zone()}
    )
    browser = json.loads(answer.stdout)
    for case, theirs in zip(cases, browser, strict=True):
        ours = said(case["state"], case["now"], case["past"])
        for part, ours_part in ours.items():
            assert _plain(theirs[part]) == _plain(ours_part), f"{part} of {case['state'].get('state')} at {case['now']}"


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
        "step": "train/064",
    }
    assert head["record"] == {"state": "SUCCEEDED", "text": "no gap", "note": "48,211 events"}


def test_a_run_that_ended_is_complete_and_has_no_time_left() -> None:
    state = flights.state(1185)
    head = head_reading(state, step_readings(state, flights.moment(5_000)), flights.moment(5_000))
    assert (head["percent"], head["elapsed"], head["left"]) == ("100 %", "19:45", "–")
    assert head["record"]["text"] == "complete"


def test_the_past_says_the_first_events_never_complete() -> None:
    told = record({**flights.state(627), "complete": True}, past=True)
    assert told == {"state": "SUCCEEDED", "text": "no gap", "note": "first 36,909 events"}


def test_what_is_missing_is_said_with_its_numbers_and_whence() -> None:
    told = record(odd_states()[2], past=False)
    assert told == {"state": "STALLED", "text": "3 missing", "note": "from train, 41,902 to 41,904"}


def test_a_failure_counts_where_it_began_not_in_the_steps_above() -> None:
    steps = {
        "train": {"state": "FAILED", "finished": flights.at(20)},
        "train/1": {"state": "FAILED", "finished": flights.at(10)},
    }
    state = {"state": "FAILED", "steps": steps}
    told = wrong(state, step_readings(state, NOW), NOW)
    assert (told["text"], told["step"]) == ("1 failed", "train/1")


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
    shown = run_page.transport(1_000_000, 1_001_000, None, True)
    assert shown["t"] == shown["seconds"]
