"""Golden events: what an earlier version wrote, every later one must fold to the same state."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runreel.codec import decode, encode
from runreel.state import RunState, Tally, fold, fold_streams
from runs import shuffled

DATA = Path(__file__).parents[1] / "data"
GOLDEN = sorted(path.stem for path in DATA.glob("*.jsonl"))
MEDIANS = {"run": 90.0, "steps": {"extract": 12.5}}
MAPS = frozenset({"steps", "series", "artifacts", "sessions", "views", "params", "tags", "losses", "levels"})


def same(expected: Any, found: Any, where: str = "") -> None:
    """Everything expected is there; fields may have been added, but no step, artifact, session or param."""
    if isinstance(expected, dict):
        if where.rpartition("/")[2] in MAPS:
            assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert key in found, f"{where}/{key}"
            same(value, found[key], f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, value in enumerate(expected):
            same(value, found[number], f"{where}[{number}]")
    elif not where.endswith("/text"):  # the words of a problem are free
        assert found == expected, where


def test_there_are_golden_events() -> None:
    assert {"v1-etl", "v1-chance"} <= set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_events_fold_to_the_same_state(name: str) -> None:
    events = [decode(line) for line in (DATA / f"{name}.jsonl").read_bytes().splitlines()]
    expected = json.loads((DATA / f"{name}.json").read_text())
    for part, until in (("whole", None), ("at", expected["middle"])):
        found = fold(events, until).view(tally=fold_streams(events, until), medians=MEDIANS)
        same(expected[part], json.loads(json.dumps(found)))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_events_fold_alike_one_by_one_in_any_order(name: str) -> None:
    events = [decode(line) for line in (DATA / f"{name}.jsonl").read_bytes().splitlines()]
    expected = json.loads((DATA / f"{name}.json").read_text())["whole"]
    state, tally = RunState(events[0].run), Tally(events[0].run)
    for event in shuffled(Random(2), events):
        state.apply(event)
        tally.apply(event)
    same(expected, json.loads(json.dumps(state.view(tally=tally, medians=MEDIANS))))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_events_are_written_byte_for_byte_as_they_were(name: str) -> None:
    for line in (DATA / f"{name}.jsonl").read_bytes().splitlines():
        assert encode(decode(line)) == line
