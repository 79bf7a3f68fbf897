"""`runreel tail` as a page in the terminal: what it shows of a state, and of the lines that come."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from runreel.cli.tail import Screen, said
from runreel.cli.terminal import Terminal, merged

STATE: dict[str, Any] = {
    "id": "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d11",
    "pipeline": "nightly",
    "state": "RUNNING",
    "events": 1234,
    "started": "2026-11-22T09:00:00Z",
    "finished": None,
    "eta": "2026-11-22T09:03:00Z",
    "complete": False,
    "missing": [],
    "steps": {
        "extract": {
            "state": "SUCCEEDED",
            "started": "2026-11-22T09:00:00Z",
            "finished": "2026-11-22T09:01:05Z",
            "progress": None,
        },
        "train": {
            "state": "RUNNING",
            "started": "2026-11-22T09:01:05Z",
            "finished": None,
            "eta": "2026-11-22T09:02:30Z",
            "progress": {"done": 3, "total": 12, "unit": "epoch"},
        },
        "publish": {"state": "PENDING", "started": None, "finished": None, "progress": None},
    },
    "series": {"train": {"loss": {"count": 3, "last": 0.25}}},
}
NOW = datetime(2026, 11, 22, 9, 2, tzinfo=UTC)


def shown(terminal: Terminal, console: Console) -> str:
    """What it draws, as text."""
    with console.capture() as captured:
        console.print(terminal.page())
    return captured.get()


@pytest.fixture
def console() -> Console:
    return Console(width=140, height=24, force_terminal=False, color_system=None)


@pytest.fixture
def terminal(console: Console) -> Terminal:
    made = Terminal("http://127.0.0.1:8765/runs/x", console)
    made.now = NOW
    made.show(STATE)
    return made


def test_the_page_has_head_steps_metrics_and_log(terminal: Terminal, console: Console) -> None:
    terminal.lines([{"time": 1_795_338_000_000_000, "level": "ERROR", "step": "train", "text": "[bold]not markup"}])
    text = shown(terminal, console)
    head, *rest = text.splitlines()
    assert "Running  nightly 8f0b7d11" in head
    assert "2:00, ≈ 1:00 left  no gap, 1,234 events" in head
    assert "train" in text
    assert "3 of 12 epoch" in text
    assert "0:55, ≈ 0:30 left" in text
    assert "train/loss 0.25" in text
    assert "ERROR [bold]not markup" in rest[-1]


def test_80_columns_hold_mark_name_and_time() -> None:
    narrow = Console(width=80, height=24, color_system=None)
    made = Terminal("http://127.0.0.1:8765/runs/x", narrow)
    made.now = NOW
    made.show(STATE)
    row = next(line for line in shown(made, narrow).splitlines() if "train " in line)
    assert row.startswith("▶  train")
    assert "0:55, ≈ 0:30 left" in row


def test_steps_stand_in_the_order_in_which_they_began(
    terminal: Terminal, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = {name: f"2026-11-22T09:00:0{n}Z" for n, name in enumerate(("work", "after"))}
    steps = {name: {"state": "RUNNING", "started": begun.get(name)} for name in ("after", "last", "work")}
    terminal.show({**STATE, "steps": steps})
    Screen(steps_only=True).show({"steps": steps})
    for said_ in (shown(terminal, console), capsys.readouterr().out):
        assert re.findall("work|after|last", said_)[:3] == ["work", "after", "last"]


def test_a_patch_changes_what_it_names(terminal: Terminal, console: Console) -> None:
    terminal.patch(
        {"state": "FAILED", "steps": {"train": {"state": "FAILED", "error": {"message": "boom"}}, "publish": None}}
    )
    text = shown(terminal, console)
    assert "Failed" in text
    assert "boom" in text
    assert "publish" not in text
    assert STATE["steps"]["train"]["state"] == "RUNNING"


def test_of_many_steps_those_that_run_or_failed_are_shown(terminal: Terminal, console: Console) -> None:
    done = {"state": "SUCCEEDED", "started": None, "finished": None, "progress": None}
    steps = {f"job-{n}": done for n in range(5000)} | {"late": {**done, "state": "FAILED"}}
    terminal.show({**STATE, "steps": steps})
    text = shown(terminal, console)
    assert "late" in text
    assert "4,961 steps more" in text


def test_merging_follows_rfc_7396() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": {"e": None}}}) == {"a": {"c": 2, "d": {}}}
    assert merged([1], {"a": 1}) == {"a": 1}


COMING: dict[str, Any] = {"name": "model", "type": "Model", "state": "pending", "size": 2_100, "declared": 2_100}


def test_artifacts_on_their_way_say_how_far_they_are(terminal: Terminal, console: Console) -> None:
    terminal.patch({"artifacts": {"A1": {**COMING, "sent": 1_200}}})
    assert "on its way  model 1 of 2 kB" in shown(terminal, console)
    terminal.patch({"artifacts": {"A1": {"state": "stored", "sent": None}}})
    assert "on its way" not in shown(terminal, console)


def test_lines_of_tail_wait_for_the_declaration_of_an_artifact(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(steps_only=False)
    screen.show({"state": "RUNNING", "artifacts": {"A1": None}})
    assert not capsys.readouterr().out
    screen.show({"artifacts": {"A1": COMING}})
    assert "model" in capsys.readouterr().out


def test_lines_of_tail_say_artifacts_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(steps_only=False)
    screen.show({"state": "RUNNING", "artifacts": {"A0": {**COMING, "state": "stored"}}})
    for change in (COMING, {"sent": 1_200}, {"sent": 1_210}, {"state": "stored", "sent": None}):
        screen.show({"artifacts": {"A1": change}})
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert said == [
        ["◇", "model", "Model", "2", "kB", "on", "its", "way"],
        ["◇", "model", "Model", "1", "of", "2", "kB", "on", "its", "way"],
        ["◇", "model", "Model", "2", "kB"],
    ]


class Stream:
    """An API whose log has three lines, and whose stream says the last of them again, and one more."""

    def __init__(self) -> None:
        self.lines = [
            {"time": n, "session": "s", "seq": 7, "row": n, "step": "train", "level": "INFO", "text": f"line {n}"}
            for n in range(4)
        ]

    def get(self, _path: str, **_query: Any) -> Any:
        return {"total": 3, "lines": [{**one, "cursor": f"{one['time']}-s-7-{one['row']}"} for one in self.lines[:3]]}

    def stream(self, _path: str, _token: str) -> Any:
        yield "snapshot", {"state": STATE}, "1"
        yield "delta", {"patch": {}, "lines": {"count": 2, "last": self.lines[2:]}}, "2"
        yield "delta", {"patch": {"state": "SUCCEEDED"}}, "3"


def test_lines_of_tail_begin_with_the_logs_end_and_end_with_the_last_values(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(steps_only=False)
    for kind, told in said(Stream(), "x"):  # type: ignore[arg-type]
        (screen.lines if kind == "lines" else screen.show)(told)
        if screen.state == "SUCCEEDED":
            break
    shown_ = capsys.readouterr().out
    assert [shown_.count(f"line {n}") for n in range(4)] == [1, 1, 1, 1]
    assert "more" not in shown_
    assert shown_.splitlines()[-2].split() == ["train/loss", "0.25"]
