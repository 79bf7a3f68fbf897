"""How much of a run is done and left: number, words, line and nodes are of one measure."""

from __future__ import annotations

from typing import Any

import pytest

import flights
from runreel_server import estimates
from runreel_server.pages import home_page, run_page
from runreel_server.pages.done import cut_off, share_done
from runreel_server.pages.readings import head_reading, step_reading, step_readings
from works import failed, run, step, tasks

Json = dict[str, Any]
NOW = flights.moment(flights.NOW)


def head_of(state: Json) -> Json:
    return head_reading(state, step_readings(state, NOW), NOW)


def filled(head: Json) -> float:
    """The share of the line that is neither empty nor failed."""
    pieces = run_page.way(head["way"])
    good = sum(one["weight"] * one["percent"] for one in pieces if one["state"] != "FAILED")
    return float(good / 100 / sum(one["weight"] for one in pieces))


def test_what_was_skipped_because_another_failed_was_to_be_done() -> None:
    head = head_of(failed())
    assert (head["steps"], head["percent"]) == ("2 of 9 steps", "22 %")
    assert filled(head) == pytest.approx(2 / 9, abs=0.001)
    assert [one["state"] for one in head["way"]][-6:] == ["SKIPPED"] * 6


def test_what_a_branch_skips_is_no_work_also_in_a_run_that_failed() -> None:
    state = failed()
    state["steps"]["backfill"] = step("SKIPPED", "clean")
    state["steps"]["after-backfill"] = step("SKIPPED", "backfill")
    assert head_of(state)["steps"] == "2 of 9 steps"


def test_thousands_are_parted_in_both_numbers() -> None:
    assert (
        head_of(run({f"s{n}": step("SUCCEEDED" if n < 1_100 else "RUNNING") for n in range(1_200)}))["steps"]
        == "1,100 of 1,200 steps"
    )


def test_where_nothing_tells_what_steps_come_no_share_is_said() -> None:
    """Not that of those that are known, which falls with each one that comes."""
    state = {**run({"a": step("SUCCEEDED"), "b": step("RUNNING", "a", eta=flights.at(900))}), "planned": False}
    head = head_of(state)
    assert (head["percent"], head["share"], head["tab"]) == ("–", None, "running")
    assert (head["steps"], head["left"]) == ("1 of 2 steps so far", "–")
    assert head["planned"] == "Nothing tells whether more steps come: none were declared, and no earlier run is known"
    assert head["why"].endswith(head["planned"])
    assert [one["label"] for one in head["way"]] == ["a", "b", "what may still come"]
    assert home_page.running_row({**state, "steps": {"total": 2}, "bars": []}, NOW)["percent"] == "–"
    for known in ({"planned": True}, {"median": 80.0}, {"state": "CANCELED", "finished": flights.at(900)}):
        assert head_of({**state, **known})["percent"].endswith("%")


@pytest.mark.parametrize(
    ("steps", "cut"),
    [
        ({"a": step("FAILED"), "b": step("SKIPPED", "a"), "c": step("SKIPPED", "b")}, {"b", "c"}),
        ({"a": step("CANCELED"), "b": step("SKIPPED", "a")}, {"b"}),
        ({"a/1": step("FAILED"), "b": step("SKIPPED", "a")}, {"b"}),  # `a` is no step: it stands for what is in it
        ({"a": step("SUCCEEDED"), "a/1": step("FAILED"), "b": step("SKIPPED", "a")}, set()),
        ({"a": step("SUCCEEDED"), "b": step("SKIPPED", "a"), "c": step("FAILED", "b")}, set()),
        ({"a": step("FAILED"), "b": step("SKIPPED", "a", "c"), "c": step("SKIPPED", "b")}, {"b", "c"}),  # a cycle
        ({"a": step("FAILED", "b"), "b": step("PENDING", "a")}, set()),
    ],
)
def test_what_is_cut_off(steps: Json, cut: set[str]) -> None:
    assert cut_off(steps) == cut


def test_a_node_of_tasks_is_all_done_only_when_all_are() -> None:
    for given, read in (((8, 4), "99 %"), ((0, 11, 1), "92 %"), ((0, 12), "100 %")):
        steps = tasks(*given)
        inner = [one for path, one in steps.items() if "/" in path]
        assert step_reading(steps["extract"], NOW, inner)["read"] == read
    assert step_reading(step("RUNNING", progress={"done": 12, "total": 12}), NOW)["read"] == "99 %"


def test_what_is_left_of_a_step_goes_by_what_its_node_says_is_done() -> None:
    state = {**run({**tasks(8, 4), "clean": step("PENDING")}), "median": None}
    estimates.fill(state, NOW)
    readings = step_readings(state, NOW)
    assert (readings["extract"]["read"], readings["extract"]["left"]) == ("99 %", "≈ 0:00 left")


@pytest.mark.parametrize("eta", [None, flights.at(2 * flights.NOW), flights.at(20 * flights.NOW)])
def test_the_line_is_filled_as_far_as_the_number_says(eta: str | None) -> None:
    """Also while the time says that more is to come than the known steps."""
    steps = {
        "a": step("SUCCEEDED", began=0, ended=100, expected=100.0),
        "b": step("RUNNING", "a", began=100, expected=300.0, progress={"done": 7, "total": 10}),
        "c": step("PENDING", "b"),
    }
    head = head_of(run(steps, eta=eta))
    assert filled(head) == pytest.approx(head["share"], abs=0.001)
    assert head["share"] == pytest.approx({None: 310 / 600, flights.at(2 * flights.NOW): 0.5}.get(eta, 0.05))


def test_home_says_of_a_run_what_its_page_says() -> None:
    state = {**failed(), "state": "RUNNING", "finished": None}
    bars = [{"step": path, **one} for path, one in state["steps"].items()]
    summary = {"id": "r", "state": "RUNNING", "started": state["started"], "steps": {"total": 9}, "bars": bars}
    assert home_page.running_row(summary, NOW)["percent"] == head_of(state)["percent"] == "22 %"


def test_what_is_known_of_the_end_of_a_first_run_is_said() -> None:
    going = step("RUNNING", began=0, eta=flights.at(flights.NOW + 21))
    head = head_of(run({"train": going, "evaluate": step("PENDING", "train")}))
    assert (head["left"], head["ends"]) == ("–", "train ≈ 0:21 left")
    assert head["why"] == "train ≈ 0:21 left. No earlier run tells how long these take: evaluate"
    many = {f"s{n}": step("PENDING") for n in range(5)}
    head = head_of(run(many))
    assert (head["left"], head["ends"]) == ("–", "no earlier run to tell")
    assert head["why"] == "No earlier run tells how long these take: s0, s1, s2 and 2 more"


def test_only_what_succeeded_is_all_done() -> None:
    assert share_done("SUCCEEDED", []) == 1.0
    done = {"a": step("SUCCEEDED", began=0, ended=9)}
    assert head_of(run(done))["percent"] == head_of(run(done, "FAILED"))["percent"] == "99 %"
