"""What is wrong with a run, as its page's head says it: where it began, in short and in full."""

from __future__ import annotations

import flights
import works
from runreel_server.pages.readings import step_readings, wrong

NOW = flights.moment(flights.NOW)


def test_a_failure_counts_where_it_began_not_in_the_steps_above() -> None:
    steps = {
        "train": {"state": "FAILED", "finished": flights.at(20)},
        "train/1": {"state": "FAILED", "finished": flights.at(10)},
    }
    state = {"state": "FAILED", "steps": steps}
    told = wrong(state, step_readings(state, NOW), NOW)
    assert (told["text"], told["step"]) == ("1 failed", "train/1")


def test_where_it_failed_and_by_what_is_said_short_and_in_full() -> None:
    state = works.failed_deep()
    told = wrong(state, step_readings(state, NOW), NOW)
    assert told["note"] == "job-2: MergeError"
    assert told["whole"] == "work/job-2: pandas.errors.MergeError"


def test_an_artifact_that_is_not_whole_is_wrong_where_nothing_else_is() -> None:
    assert wrong(works.broken_artifacts(), {}, NOW) == {
        "state": "FAILED",
        "text": "2 artifacts",
        "note": "failed: report.html",
        "whole": "failed: report.html, no file",
        "step": None,
        "artifact": "a",
    }
