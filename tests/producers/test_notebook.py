"""Notebooks: cells run one after the other in one process, without `with`."""

from __future__ import annotations

import builtins
import contextvars
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import runreel
from runreel import events
from runreel.testing import Said, capture


class Notebook:
    """Runs cells as IPython does: in one namespace, each in a context of its own, an exception ends its cell alone."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"runreel": runreel}

    def cell(self, source: str) -> None:
        try:
            contextvars.copy_context().run(exec, compile(source, "<cell>", "exec"), self.names)
        except Exception as error:
            sys.last_value = error


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def notebook(said: Said, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    return Notebook()


def states(said: Said) -> list[str]:
    return [said.state_of(run)["state"] for run in said.runs]


def test_a_run_goes_on_from_cell_to_cell(said: Said, notebook: Notebook) -> None:
    notebook.cell("run = runreel.start('p'); step = run.step('train')")
    notebook.cell("runreel.metric('loss', 0.5); assert runreel.current_step() is step")
    notebook.cell("step.finish(); runreel.log('done')")
    notebook.cell("run.finish()")
    state = said.state
    assert (state["state"], state["steps"]["train"]["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert said.points("train", "loss") == [(None, 0.5)]
    assert said.lines() == [("INFO", "done")]


def test_a_new_start_ends_the_last_run_with_a_notice(
    said: Said, notebook: Notebook, caplog: pytest.LogCaptureFixture
) -> None:
    notebook.cell("run = runreel.start('p'); step = run.step('a')")
    first = notebook.names["run"]
    notebook.cell("run = runreel.start('p')")
    assert not first.open
    assert runreel.current_run() is notebook.names["run"]
    assert states(said) == ["SUCCEEDED", "RUNNING"]
    assert said.state_of(first.id)["steps"]["a"]["state"] == "SUCCEEDED"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "is ended by a new start" in caplog.text


def test_a_cell_that_failed_makes_the_run_fail_when_a_new_one_begins(said: Said, notebook: Notebook) -> None:
    notebook.cell("run = runreel.start('p')")
    notebook.cell("raise ValueError('broken')")
    notebook.cell("run = runreel.start('p')")
    notebook.cell("run = runreel.start('p')")
    assert states(said) == ["FAILED", "SUCCEEDED", "RUNNING"]


def test_a_cell_with_a_with_block_that_fails_can_be_run_again(said: Said, notebook: Notebook) -> None:
    notebook.cell("run = runreel.start('p')")
    notebook.cell("with run.step('a'): raise ValueError('broken')")
    notebook.cell("with run.step('a'): pass")
    notebook.cell("run.finish()")
    attempts = said.state["steps"]["a"]["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["FAILED", "SUCCEEDED"]
    assert said.state["state"] == "SUCCEEDED"


def test_a_run_inside_with_is_not_ended_by_another_start(said: Said, notebook: Notebook) -> None:
    notebook.cell("with runreel.start('outer') as outer:\n    with runreel.start('inner'): pass\n    assert outer.open")
    assert notebook.names["outer"].open is False
    assert states(said) == ["SUCCEEDED", "SUCCEEDED"]


def test_in_a_program_two_runs_may_be_open(said: Said) -> None:
    """An adapter holds several."""
    one, two = runreel.start("one"), runreel.start("two")
    assert one.open
    assert runreel.current_run() is two
    two.finish()
    assert runreel.current_run() is one
    one.finish()
    assert len(said.data(events.RUN_FINISHED)) == 2
