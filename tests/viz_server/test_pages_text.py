"""Values as people read them; the same table of cases is run in the browser's modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runreel_server.pages import text

CASES: dict[str, list[tuple[Any, Any]]] = json.loads((Path(__file__).parent / "js" / "text_cases.json").read_text())
NAMES = {"stepName": "step_name", "sizeOf": "size_of"}


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_said_as_the_table_has_it(name: str) -> None:
    said = getattr(text, NAMES.get(name, name))
    assert [said(given) for given, _ in CASES[name]] == [expected for _, expected in CASES[name]]


def test_a_day_is_a_time_only_where_it_is_today() -> None:
    now = text.micros("2026-11-22T12:00:00Z") or 0
    assert text.day(now - 3_600_000_000, now) == text.clock(now - 3_600_000_000)[:5]
    assert text.day(text.micros("2025-03-01T12:00:00Z"), now) == "1 Mar 2025"
    assert text.day(None, now) == "–"


def test_a_moment_has_its_day_where_that_is_not_today() -> None:
    now = text.micros("2026-11-22T12:00:00Z") or 0
    assert text.moment(now - 3_600_000_000, now) == text.clock(now - 3_600_000_000)
    assert text.moment(text.micros("2026-11-20T12:00:07Z"), now) == f"20 Nov, {text.clock(now)[:-2]}07"
    assert text.moment(text.micros("2025-03-01T12:00:00Z"), now).startswith("1 Mar 2025, ")
    assert (text.moment(None, now), text.utc(now), text.utc(None)) == ("–", "2026-11-22 12:00:00 UTC", "")


def test_a_table_cell_stands_as_it_is() -> None:
    assert [text.cell(one) for one in (-3.0, 2.5, 1545, True, "a-b", float("nan"))] == [
        "−3",
        "2.5",
        "1545",
        "true",
        "a-b",
        "nan",
    ]
