"""The capture that users' tests are given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import runreel
from runreel import events
from runreel.testing import capture


def test_it_gives_events_and_the_folded_state() -> None:
    with capture() as said:
        with runreel.start("p") as run, run.step("s") as step:
            step.metric("loss", 0.5, at=1)
            step.log("line")
        assert said.runs == [run.id]
        assert said.state["steps"]["s"]["state"] == "SUCCEEDED"
        assert said.points("s", "loss") == [(1, 0.5)]
        assert said.lines("s") == [("INFO", "line")]
        assert [data.state for data in said.data(events.STEP_FINISHED, "s")] == ["SUCCEEDED"]
        assert {event.run for event in said.events} == {run.id}


def test_it_can_be_looked_at_while_the_run_goes_on_and_after_the_block() -> None:
    with capture() as said:
        run = runreel.start("p")
        assert said.state["state"] == "RUNNING"
        run.log("more")
        assert said.lines() == [("INFO", "more")]
    assert said.state["state"] == "SUCCEEDED"
    assert not run.open


def test_several_runs_are_asked_for_by_their_id() -> None:
    with capture() as said:
        ids = []
        for pipeline in ("one", "two"):
            with runreel.start(pipeline) as run:
                ids.append(run.id)
        assert said.runs == ids
        assert [said.state_of(run)["pipeline"] for run in ids] == ["one", "two"]
        with pytest.raises(AssertionError, match="2 runs were captured"):
            _ = said.state


def test_it_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNREEL_RUN_ID", "outside")
    monkeypatch.setenv("RUNREEL_ON_FULL", "nonsense")
    (tmp_path / "runreel.toml").write_text("nonsense = 1")
    monkeypatch.chdir(tmp_path)
    with capture(), runreel.start("p") as run:
        assert run.id != "outside"


def test_it_can_be_given_an_environment() -> None:
    with capture({"RUNREEL_RUN_ID": "outside", "RUNREEL_STEP": "train"}) as said:
        with runreel.start("p"):
            step = runreel.current_step()
            assert step is not None
            assert step.path == "train"
        assert said.runs == ["outside"]


def test_it_leaves_nothing_behind() -> None:
    with capture(), runreel.start("p") as run:
        artifact = run.output("data", b"x")
        folder = run.settings.state_dir
        assert Path(str(artifact.copy)).is_relative_to(folder)
    assert not os.path.exists(folder)
    assert runreel.current_run() is None


def test_a_run_of_before_goes_on() -> None:
    with capture() as outer, runreel.start("outer") as run:
        with capture() as inner, runreel.start("inner"):
            pass
        assert run.open
        assert len(inner.runs) == len(outer.runs) == 1
