"""What a traceback says; the same table of cases is run in the browser's modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runreel.traces import begins, point

CASES: dict[str, tuple[str, str]] = json.loads(
    (Path(__file__).parents[1] / "viz_server" / "js" / "trace_cases.json").read_text()
)


@pytest.mark.parametrize("name", CASES)
def test_of_a_traceback_the_line_that_names_the_exception_is_its_point(name: str) -> None:
    text, said = CASES[name]
    assert point(text) == said


def test_a_traceback_begins_a_text_or_does_not() -> None:
    assert begins(CASES["plain"][0])
    assert begins(CASES["a group"][0])
    assert not begins(CASES["after other words"][0])
    assert not begins("Traceback is a word")
