"""A moment of a run, in all the ways that people write it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from runreel.codec import parse_time
from runreel.moments import moment_of

FIRST, LAST = parse_time("2026-11-22T09:00:00Z"), parse_time("2026-11-22T11:00:00Z")


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two hours east of UTC."""
    monkeypatch.setenv("TZ", "XXX-02:00")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00Z"),
        ("2026-11-22T09:30:00+01:00", "2026-11-22T08:30:00Z"),
        ("2026-11-22T11:30", "2026-11-22T09:30:00Z"),
        ("11:07", "2026-11-22T09:07:00Z"),
        ("11:07:30.5", "2026-11-22T09:07:30.5Z"),
        ("9:07Z", "2026-11-22T09:07:00Z"),
        ("10:59:59", "2026-11-22T08:59:59Z"),
        ("90", "2026-11-22T09:01:30Z"),
        ("0", "2026-11-22T09:00:00Z"),
        ("1.5", "2026-11-22T09:00:01.5Z"),
        ("15 min", "2026-11-22T09:15:00Z"),
        ("1h", "2026-11-22T10:00:00Z"),
        ("-30", "2026-11-22T10:59:30Z"),
        ("-2 min", "2026-11-22T10:58:00Z"),
        (" 90 ", "2026-11-22T09:01:30Z"),
    ],
)
def test_it_is_a_time_a_clocks_time_or_a_span(text: str, meant: str) -> None:
    assert moment_of(text, FIRST, LAST) == parse_time(meant)


def test_a_clocks_time_is_of_the_day_on_which_the_run_was() -> None:
    """Of a run over midnight that of either day; of one of several days the first within it."""
    first, last = parse_time("2026-11-22T21:50:00Z"), parse_time("2026-11-22T22:20:00Z")
    assert moment_of("23:55", first, last) == parse_time("2026-11-22T21:55:00Z")
    assert moment_of("00:10", first, last) == parse_time("2026-11-22T22:10:00Z")
    assert moment_of("00:10", first, last + 3 * 86_400_000_000) == parse_time("2026-11-22T22:10:00Z")


@pytest.mark.parametrize(
    "text", ["", "yesterday", "25:00", "12:61", "nan", "inf", "--3", "2026-13-01T00:00:00Z", "3 y"]
)
def test_what_is_none_is_refused_with_the_ways_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no moment: write a time like 2026-11-22T09:00:00Z, a clock's like 17:07"):
        moment_of(text, FIRST, LAST)
