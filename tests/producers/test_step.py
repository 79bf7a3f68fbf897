"""A step: attempts, nesting, parents, joining, and all that it can say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import runreel
from runreel import events, ids
from runreel.run import Run
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def run(said: Said) -> Iterator[Run]:
    with runreel.start("p") as run:
        yield run


def test_steps_nest_by_path(said: Said, run: Run) -> None:
    with run.step("train") as train, train.step("fold-3") as fold:
        assert (train.path, fold.path, fold.name) == ("train", "train/fold-3", "fold-3")
        assert fold.parent is train
    assert set(said.state["steps"]) == {"train", "train/fold-3"}


def test_a_name_is_never_syntax(said: Said, run: Run) -> None:
    with run.step("a/b#c: 100%") as step:
        assert step.path == "a%2Fb%23c%3A 100%25"
        assert step.name == "a/b#c: 100%"


def test_each_time_a_step_begins_is_an_attempt(said: Said, run: Run) -> None:
    with pytest.raises(OSError, match="away"), run.step("load"):
        raise OSError("away")
    with run.step("load"):
        pass
    step = said.state["steps"]["load"]
    assert [attempt["state"] for attempt in step["attempts"]] == ["FAILED", "SUCCEEDED"]
    assert step["state"] == "SUCCEEDED"


def test_parents_are_steps_names_or_tuples(said: Said, run: Run) -> None:
    with run.step("a") as a, a.step("x"):
        pass
    with run.step("b", after=[a, "c", ("a", "x")]), run.step("d", after="b"):
        pass
    with run.step("e", after=[]):
        pass
    steps = said.state["steps"]
    assert steps["b"]["parents"] == ["a", "c", "a/x"]
    assert steps["d"]["parents"] == ["b"]
    assert steps["e"]["parents"] == []


def test_a_nested_steps_parents_are_its_siblings(said: Said, run: Run) -> None:
    with run.step("train") as train, train.step("two", after=["one"]):
        pass
    assert said.state["steps"]["train/two"]["parents"] == ["train/one"]


def test_without_after_the_makers_of_inputs_are_the_parents(said: Said, run: Run) -> None:
    with run.step("extract") as extract:
        extract.output("flights", b"x")
    with run.step("train") as train:
        train.input("flights")
    assert said.state["steps"]["train"]["parents"] == ["extract"]


def test_joiners_make_one_execution_together(said: Said, run: Run) -> None:
    with run.step("train", join=True) as one, run.step("train", join=True) as two:
        assert one.execution == two.execution == ids.joined_execution(run.id, "train")
        one.metric("loss", 1.0)
        two.metric("loss", 2.0)
    assert len(said.state["steps"]["train"]["attempts"]) == 1


def test_total_unit_kind_and_params_are_told(said: Said, run: Run) -> None:
    with run.step("a", total=12, unit="file", kind="etl", params={"depth": 3}):
        pass
    step = said.state["steps"]["a"]
    assert (step["total"], step["unit"], step["kind"], step["params"]) == (12, "file", "etl", {"depth": 3})


def test_finish_counts_once_and_leaving_with_does_not_undo_it(said: Said, run: Run) -> None:
    with run.step("a") as step:
        step.finish("SKIPPED")
        assert not step.open
    assert said.state["steps"]["a"]["state"] == "SKIPPED"
    assert len(said.data(events.STEP_FINISHED)) == 1


def test_steps_may_end_in_any_order(said: Said, run: Run) -> None:
    a, b = run.step("a"), run.step("b")
    a.finish()
    assert runreel.current_step() is None
    b.finish("CACHED")
    assert {path: step["state"] for path, step in said.state["steps"].items()} == {"a": "SUCCEEDED", "b": "CACHED"}


def test_a_thousand_parallel_steps_from_a_pool(said: Said, run: Run) -> None:
    def work(number: int) -> None:
        with run.step(f"part-{number}"):
            runreel.metric("number", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1000)))
    state = said.state
    assert len(state["steps"]) == 1000
    assert {step["state"] for step in state["steps"].values()} == {"SUCCEEDED"}
    assert all(state["series"][f"part-{i}"]["number"]["last"] == i for i in range(1000))


def test_points_keep_their_index_or_are_counted(said: Said, run: Run) -> None:
    with run.step("a") as a:
        a.metric("loss", 0.5, at=10)
        a.metric("loss", 0.25, at=20.5)
        a.metric("rows", 3)
        a.metrics({"acc": 0.9, "f1": 1}, at=7)
        a.points("temp", at=[1, 2, 3], value=[1.0, 2, 3.5])
    assert said.points("a", "loss") == [(10, 0.5), (20.5, 0.25)]
    assert said.points("a", "rows") == [(None, 3)]
    assert said.points("a", "acc") == [(7, 0.9)]
    assert said.points("a", "temp") == [(1, 1.0), (2, 2), (3, 3.5)]


def test_what_is_not_finite_survives(said: Said, run: Run) -> None:
    with run.step("a") as a:
        for value in (math.nan, math.inf, -math.inf):
            a.metric("loss", value)
        a.points("column", value=[math.nan, 1.0, math.inf])
    first, *rest = [value for _, value in said.points("a", "loss")]
    assert math.isnan(first)
    assert rest == [math.inf, -math.inf]
    nan, *finite = [value for _, value in said.points("a", "column")]
    assert math.isnan(nan)
    assert finite == [1.0, math.inf]


def test_points_may_have_moments_of_their_own(said: Said, run: Run) -> None:
    run.points("load", value=[1, 2], time=[1_700_000_000_000_000, 1_700_000_001_000_000])
    assert [data.time for data in said.data(events.METRICS)] == [[1_700_000_000_000_000, 1_700_000_001_000_000]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.metric("loss", "high"), "metric 'loss' is 'high', which is text"),
        (lambda s: s.metric("loss", None), "metric 'loss' is None"),
        (lambda s: s.metric("loss", [1, 2]), "metric 'loss' is"),
        (lambda s: s.metric("loss", 1j), "metric 'loss' is 1j"),
        (lambda s: s.metric("loss", 1, at="one"), "at of metric 'loss' is 'one'"),
        (lambda s: s.metric("", 1), "a metric's name is empty"),
        (lambda s: s.metric(["x"], 1), "a metric's name is"),
        (lambda s: s.metrics([1]), "metrics are"),
        (lambda s: s.metrics({"loss": "x"}), "metric 'loss' is 'x'"),
        (lambda s: s.points("p", value="abc"), "value of 'p' is 'abc'"),
        (lambda s: s.points("p", value=3), "value of 'p' is 3"),
        (lambda s: s.points("p", value=[1, "x"]), r"value of 'p'\[1\] is 'x'"),
        (lambda s: s.points("p", value=[[1], [2]]), r"value of 'p'\[0\] is \[1\]"),
        (lambda s: s.points("p", value=[1, 2], at=[1]), "at of 'p' has 1 values and value has 2"),
        (lambda s: s.points("p", value=[1], time=[1.5]), r"time of 'p'\[0\] is 1.5"),
        (lambda s: s.progress("half"), "done is 'half'"),
        (lambda s: s.progress(math.nan), "done is nan"),
        (lambda s: s.progress(1, total=math.inf), "total is inf"),
        (lambda s: s.progress(-1), "done is -1: give 0 or more"),
        (lambda s: s.progress(1, unit=3), "unit is 3"),
        (lambda s: s.progress(1, message=3), "message is 3"),
        (lambda s: s.log("x", level="LOUD"), "level is 'LOUD'"),
        (lambda s: s.log("x", stream="err"), "stream is 'err'"),
        (lambda s: s.step(""), "a step's name is empty"),
        (lambda s: s.step("x", after=3), "after is 3"),
        (lambda s: s.step("x", total="many"), "total is 'many'"),
        (lambda s: s.step("x", total=math.inf), "total is inf"),
        (lambda s: s.step("x", total=-1), "total is -1: give 0 or more"),
        (lambda s: s.track([], total=-1), "total is -1: give 0 or more"),
        (lambda s: s.params([1]), "'list'|params is|mapping"),
        (lambda s: s.track(5), "track got 5"),
        (lambda s: s.bind(5), "bind got 5"),
        (lambda s: s.input(5), "input is 5"),
    ],
)
def test_a_wrong_argument_names_field_and_value(run: Run, call: Any, message: str) -> None:
    with run.step("a") as step, pytest.raises((TypeError, ValueError), match=message):
        call(step)


def test_a_wrong_argument_is_no_step_and_no_point(said: Said, run: Run) -> None:
    with pytest.raises(TypeError):
        run.step("a", total="many")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        run.metric("loss", "high")
    assert said.state["steps"] == {}
    assert said.state["series"] == {}


def test_progress_tells_units_and_a_message(said: Said, run: Run) -> None:
    with run.step("a") as a:
        a.progress(3, total=12, unit="file", message="march")
        step = said.state["steps"]["a"]
    assert step["progress"] == {"done": 3, "total": 12, "unit": "file", "message": "march"}


def test_lines_keep_level_stream_and_bytes(said: Said, run: Run) -> None:
    with run.step("a") as a:
        a.log("late file", level="warning")
        a.log("two\nlines", level="WARN")
        a.log(b"caf\xe9")
        a.log({"any": "thing"}, stream="stdout")
        a.log("numbered", 40)
    assert said.lines("a") == [
        ("WARNING", "late file"),
        ("WARNING", "two\nlines"),
        ("INFO", "caf\\xe9"),
        ("INFO", "{'any': 'thing'}"),
        ("ERROR", "numbered"),
    ]
    logs = said.data(events.LOGS, "a")
    assert any(log.escaped for log in logs)
    assert any(log.stream == "stdout" for log in logs)


def test_a_lone_surrogate_does_no_harm(said: Said, run: Run) -> None:
    broken = b"caf\xe9".decode(errors="surrogateescape")
    run.log(broken)
    run.tags(file=broken)
    run.metric(broken, 1)
    run.step(broken).finish()
    assert said.lines() == [("INFO", "caf\\xe9")]
    assert [log.escaped for log in said.data(events.LOGS)] == [True]
    assert said.state["tags"] == {"file": "caf\\udce9"}
