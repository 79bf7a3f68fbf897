"""A run: how it starts, what it says of itself, how it ends."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator

import pytest

import runreel
from runreel import current, events
from runreel.errors import SettingError
from runreel.events import Error
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


def test_a_run_is_told_whole(said: Said) -> None:
    with runreel.start("nyc", experiment="delays", params={"rows": 3}, tags={"team": "ml"}, owner="ada"):
        pass
    state = said.state
    assert (state["pipeline"], state["experiment"], state["owner"]) == ("nyc", "delays", "ada")
    assert (state["params"], state["tags"]) == ({"rows": 3}, {"team": "ml"})
    assert (state["state"], state["error"]) == ("SUCCEEDED", None)


def test_the_id_is_a_uuid_of_version_7(said: Said) -> None:
    with runreel.start("p") as run:
        assert uuid.UUID(run.id).version == 7


def test_the_session_that_starts_a_run_owns_it(said: Said) -> None:
    with runreel.start("p"):
        pass
    assert [opened.role for opened in said.data(events.SESSION_OPENED)] == ["owner"]


def test_source_is_workspace_and_pipeline(said: Said) -> None:
    with runreel.start("a pipeline", workspace="team-1"):
        pass
    assert {event.source for event in said.events} == {"/team-1/a%20pipeline"}
    assert {event.workspace for event in said.events} == {"team-1"}


def test_a_graph_declares_steps_before_they_run(said: Said) -> None:
    graph = {"extract": [], "train": ["extract"], ("train", "fold-1"): []}
    with runreel.start("p", graph=graph):
        steps = said.state["steps"]
    assert {path: step["parents"] for path, step in steps.items()} == {
        "extract": [],
        "train": ["extract"],
        "train/fold-1": [],
    }
    assert {step["state"] for step in steps.values()} == {"PENDING"}


def test_a_graph_of_thousands_of_steps_is_told(said: Said) -> None:
    with runreel.start("p", graph={f"s{i}": [f"s{i - 1}"] if i else [] for i in range(2_500)}):
        steps = said.state["steps"]
    assert len(steps) == 2_500
    assert steps["s2499"]["parents"] == ["s2498"]


def test_an_exception_makes_the_run_fail_and_goes_on(said: Said) -> None:
    with pytest.raises(ValueError, match="broken"), runreel.start("p"):
        raise ValueError("broken")
    state = said.state
    assert state["state"] == "FAILED"
    assert (state["error"]["type"], state["error"]["message"]) == ("ValueError", "broken")
    (level, text), *rest = said.lines()
    assert level == "ERROR"
    assert text.startswith("Traceback")
    assert text.endswith("ValueError: broken")
    assert rest == []


def test_a_missing_key_is_told_as_one(said: Said) -> None:
    with pytest.raises(KeyError), runreel.start("p"):
        raise KeyError("rows")
    assert said.state["error"]["message"] == "KeyError: 'rows'"


def test_a_failure_in_a_step_is_in_the_innermost_steps_log_alone(said: Said) -> None:
    with pytest.raises(ZeroDivisionError), runreel.start("p") as run, run.step("a") as a, a.step("b"):
        _ = 1 / 0
    assert [level for level, _ in said.lines("a/b")] == ["ERROR"]
    assert said.lines("a") == said.lines() == []
    assert {step["state"] for step in said.state["steps"].values()} == {"FAILED"}


def test_ctrl_c_is_canceled(said: Said) -> None:
    with pytest.raises(KeyboardInterrupt), runreel.start("p") as run, run.step("a"):
        raise KeyboardInterrupt
    assert said.state["state"] == said.state["steps"]["a"]["state"] == "CANCELED"
    assert said.lines("a") == []


@pytest.mark.parametrize(
    ("code", "state", "told"),
    [
        (None, "SUCCEEDED", None),
        (0, "SUCCEEDED", None),
        (3, "FAILED", "exit code 3"),
        ("no rows", "FAILED", "no rows"),
    ],
)
def test_sys_exit_counts_by_its_code(said: Said, code: int | str | None, state: str, told: str | None) -> None:
    with pytest.raises(SystemExit), runreel.start("p"):
        raise SystemExit(code)
    assert said.state["state"] == state
    assert (said.state["error"] or {}).get("message") == told


def test_finish_counts_once(said: Said) -> None:
    run = runreel.start("p")
    run.finish("FAILED", "disk full")
    run.finish()
    assert said.state["state"] == "FAILED"
    assert said.state["error"]["message"] == "disk full"
    assert len(said.data(events.RUN_FINISHED)) == len(said.data(events.SESSION_CLOSED)) == 1


def test_finish_takes_an_error_of_the_contract(said: Said) -> None:
    runreel.start("p").finish("FAILED", error=Error(type="ExitCode", message="exit code 3"))
    assert said.state["error"] == {"type": "ExitCode", "message": "exit code 3", "traceback": ""}


def test_finish_ends_the_steps_that_are_open(said: Said) -> None:
    run = runreel.start("p")
    run.step("a").step("b")
    run.finish(error=RuntimeError("no"))
    assert {path: step["state"] for path, step in said.state["steps"].items()} == {"a": "FAILED", "a/b": "FAILED"}


def test_finish_refuses_a_state_that_is_no_end(said: Said) -> None:
    run = runreel.start("p")
    with pytest.raises(ValueError, match=r"'RUNNING'.*SUCCEEDED"):
        run.finish("RUNNING")
    with pytest.raises(TypeError, match="42"):
        run.finish(error=42)  # type: ignore[arg-type]


def test_what_is_said_after_the_end_is_dropped_quietly(said: Said) -> None:
    run = runreel.start("p")
    step = run.step("a")
    step.metric("loss", 1)
    run.finish()
    step.metric("loss", 2)
    step.log("late")
    assert step.output("late", b"x").state is None
    assert said.points("a", "loss") == [(None, 1)]
    assert said.lines("a") == []


def test_a_given_id_is_a_run_that_nobody_owns(said: Said) -> None:
    with runreel.start("p", id="scheduled-1") as run:
        assert run.id == "scheduled-1"
    assert [started.given for started in said.data(events.RUN_STARTED)] == [True]
    assert [opened.role for opened in said.data(events.SESSION_OPENED)] == ["member"]
    assert said.state["state"] == "RUNNING"


def test_an_adapter_ends_a_given_run_by_naming_its_state(said: Said) -> None:
    with runreel.start("p", id="scheduled-1") as run:
        run.finish("CANCELED")
    assert said.state["state"] == "CANCELED"


@pytest.mark.parametrize("wrong", ["", "a/b", "a b", "x" * 129, 7])
def test_an_id_that_is_none_is_refused(said: Said, wrong: object) -> None:
    with pytest.raises(ValueError, match="id is"):
        runreel.start("p", id=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pipeline": ""}, "pipeline is empty"),
        ({"pipeline": 3}, "pipeline is 3"),
        ({"pipeline": "p", "params": [1]}, "params is"),
        ({"pipeline": "p", "params": {1: 2}}, "a name in params is 1"),
        ({"pipeline": "p", "tags": "x"}, "tags is 'x'"),
        ({"pipeline": "p", "graph": ["a"]}, "graph is"),
        ({"pipeline": "p", "graph": {"a": [3]}}, "parents in graph is 3"),
        ({"pipeline": "p", "experiment": 5}, "experiment is 5"),
        ({"pipeline": "p", "workspace": "a/b"}, "workspace is 'a/b'"),
    ],
)
def test_wrong_arguments_are_told_at_once(said: Said, arguments: dict[str, object], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        runreel.start(**arguments)  # type: ignore[arg-type]
    assert runreel.current_run() is None
    assert said.events == []


def test_a_wrong_setting_is_told_at_the_start() -> None:
    with capture({"RUNREEL_ON_FULL": "explode"}), pytest.raises(SettingError, match="RUNREEL_ON_FULL='explode'"):
        runreel.start("p")


def test_the_address_is_the_servers_where_one_is_known() -> None:
    with capture({"RUNREEL_URL": "http://example.org:8765/"}), runreel.start("p") as run:
        assert run.url == f"http://example.org:8765/runs/{run.id}"
    with capture(), runreel.start("p") as run:
        assert run.url is None


def test_disabled_says_nothing_and_works_the_same() -> None:
    with capture({"RUNREEL_DISABLED": "1"}) as said:
        with runreel.start("p", graph={"a": []}, params={"x": 1}) as run, run.step("a", total=3) as a:
            for _ in a.track([1, 2, 3]):
                runreel.metric("loss", 0.5, at=1)
            a.log("line")
            a.points("p", value=[1, 2])
            artifact = a.output("data", b"bytes")
            a.input(artifact)
            assert run.environ() == a.environ() == {}
            assert run.url is None
            assert run.flush()
            assert runreel.current_step() is a
            with pytest.raises(TypeError, match="text"):
                a.metric("loss", "high")
        assert said.events == []
        assert artifact.size is None


def test_params_of_any_size_are_told_in_several_events(said: Said) -> None:
    with runreel.start("p") as run:
        run.params({f"p{i}": "x" * 200_000 for i in range(4)})
        assert len(said.data(events.PARAMS)) == 4
        assert len(said.state["params"]) == 4
        with pytest.raises(ValueError, match=r"params 'huge' has 600,\d+ bytes.*output"):
            run.params(huge="x" * 600_000)


def test_the_last_word_on_a_tag_counts(said: Said) -> None:
    with runreel.start("p", tags={"stage": "dev"}) as run:
        run.tags(stage="prod", owner="me")
        assert said.state["tags"] == {"stage": "prod", "owner": "me"}


def test_threads_of_a_worker_start_and_join_side_by_side(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    joined, other = runreel.join({"RUNREEL_RUN_ID": "r1"}), runreel.start("p", id="r2")
    opened, numbers, pid = dict(current.open_runs), itertools.count(-1, -1), os.getpid()

    def while_another_starts() -> int:
        current.open_runs[next(numbers)] = other
        return pid

    monkeypatch.setattr(os, "getpid", while_another_starts)
    try:
        with runreel.start("p") as run:
            assert run.id == joined.id
        assert runreel.join({"RUNREEL_RUN_ID": "r3"}).id == "r3"
    finally:
        for number in [number for number in current.open_runs if number < 0]:
            del current.open_runs[number]
    assert opened.items() <= current.open_runs.items()
