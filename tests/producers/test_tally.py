"""The summary of streams: series, progress, lines; cut row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runreel import events as ev
from runreel.state import fold, fold_streams
from runs import SECOND, START, Clock, Voice


@pytest.fixture
def voice() -> Voice:
    """A process with a step."""
    speaker = Voice("s", Clock())
    speaker.open()
    speaker.start("a", "e", total=12, unit="file")
    return speaker


def points(
    voice: Voice, *value: Any, name: str = "loss", subject: str | None = "a", execution: str | None = "e"
) -> int:
    """Say points, a second apart; answers the time of the first."""
    begin = voice.clock.now + SECOND
    time = [begin + i * SECOND for i in range(len(value))]
    voice.clock.now = time[-1]
    voice.say(
        ev.METRICS,
        ev.Metrics(name=name, time=time, value=list(value)),
        subject=subject,
        execution=execution,
        time=time[-1],
        passes=0,
    )
    return begin


def view(*voices: Voice, until: int | None = None) -> dict[str, Any]:
    """The view of what was said, up to a moment."""
    events = [event for voice in voices for event in voice.events]
    return fold(events, until).view(tally=fold_streams(events, until))


def test_a_series_is_summed_up(voice: Voice) -> None:
    points(voice, 3, 0.5, 2)
    points(voice, 1)
    assert view(voice)["series"] == {"a": {"loss": {"count": 4, "last": 1, "min": 0.5, "max": 3.0}}}


def test_values_that_are_no_numbers_are_told_apart(voice: Voice) -> None:
    """NaN and the infinities are values; null is none."""
    points(voice, 1.0, None, "NaN")
    assert view(voice)["series"]["a"]["loss"] == {"count": 2, "last": "NaN", "min": 1.0, "max": 1.0}
    points(voice, "-Infinity", "Infinity", None)
    assert view(voice)["series"]["a"]["loss"] == {"count": 4, "last": "Infinity", "min": "-Infinity", "max": "Infinity"}
    points(voice, "NaN", name="nan")
    assert view(voice)["series"]["a"]["nan"] == {"count": 1, "last": "NaN", "min": None, "max": None}
    points(voice, None, name="gap")
    assert "gap" not in view(voice)["series"]["a"]
    points(voice, 10**400, -(10**400), name="huge")
    assert view(voice)["series"]["a"]["huge"]["max"] == "Infinity"


def test_the_last_point_is_the_latest_whatever_the_row(voice: Voice) -> None:
    voice.say(ev.METRICS, ev.Metrics(name="x", time=[5, 9, 9, 7], value=[1, 2, 3, 4]), subject="a", execution="e")
    assert view(voice)["series"]["a"]["x"]["last"] == 3
    voice.say(ev.METRICS, ev.Metrics(name="y", time=[9, 5, 7], value=[1, None, 4]), subject="a", execution="e")
    assert view(voice)["series"]["a"]["y"]["last"] == 1


def test_a_cut_counts_the_rows_up_to_the_moment(voice: Voice) -> None:
    begin = points(voice, 5, 4, 3, 2)
    shown = view(voice, until=begin + 2 * SECOND)
    assert shown["series"]["a"]["loss"] == {"count": 3, "last": 3, "min": 3.0, "max": 5.0}
    assert view(voice, until=begin - 1)["series"] == {}


def test_a_cut_of_rows_goes_by_the_corrected_time() -> None:
    slow = Voice("slow", Clock(START - 90 * SECOND))
    begin = points(slow, 1, 2, 3)
    catalog = Voice("catalog", Clock())
    catalog.say(ev.SESSION_OFFSET, ev.SessionOffset(session="slow", offset=90 * SECOND), final=True)
    at = begin + 90 * SECOND
    assert view(slow, catalog, until=at)["series"]["a"]["loss"]["count"] == 1
    assert view(slow, until=at)["series"]["a"]["loss"]["count"] == 3


@given(st.lists(st.lists(st.floats() | st.none(), min_size=1, max_size=5), max_size=6), st.integers(0, 30))
def test_a_cut_is_the_sum_of_the_rows_that_it_has(batches: list[list[float | None]], seconds: int) -> None:
    whole, part = Voice("s", Clock()), Voice("s", Clock())
    until = START + seconds * SECOND
    for batch in batches:
        time = [whole.clock.now + (i + 1) * SECOND for i in range(len(batch))]
        whole.clock.now = time[-1]
        kept = [i for i, when in enumerate(time) if when <= until]
        for voice, rows in ((whole, range(len(time))), (part, kept)):
            data = ev.Metrics(name="x", time=[time[i] for i in rows], value=[batch[i] for i in rows])
            voice.say(ev.METRICS, data, subject="a", execution="e", passes=0)
    if batches:
        cut, fresh = fold_streams(whole.events, until), fold_streams(part.events)
        assert cut.series("a", "e", {}) == fresh.series("a", "e", {})


def test_series_shown_are_those_of_the_last_attempt(voice: Voice) -> None:
    points(voice, 1)
    voice.start("a", "e2")
    assert view(voice)["series"] == {}
    points(voice, 2, execution="e2")
    assert view(voice)["series"]["a"]["loss"]["last"] == 2


def test_series_of_a_step_that_is_not_known_yet_are_those_of_who_spoke_last() -> None:
    voice = Voice("s", Clock())
    points(voice, 1, execution="z")
    points(voice, 2, execution="b")
    assert view(voice)["series"]["a"]["loss"]["last"] == 2


def test_series_of_the_run_have_no_path(voice: Voice) -> None:
    points(voice, 1, subject=None, execution=None)
    assert view(voice)["series"] == {"": {"loss": {"count": 1, "last": 1, "min": 1.0, "max": 1.0}}}


def progress(voice: Voice, done: list[float], **fields: Any) -> None:
    """Say how far the step is, a second apart."""
    time = [voice.clock.now + (i + 1) * SECOND for i in range(len(done))]
    voice.clock.now = time[-1]
    voice.say(ev.PROGRESS, ev.Progress(time=time, done=done, **fields), subject="a", execution="e", time=time[-1])


def test_progress_is_the_last_one_said(voice: Voice) -> None:
    assert view(voice)["steps"]["a"]["progress"] is None
    progress(voice, [1, 2, 3], message="march")
    assert view(voice)["steps"]["a"]["progress"] == {"done": 3.0, "total": 12.0, "unit": "file", "message": "march"}
    progress(voice, [4], total=20, unit="row")
    assert view(voice)["steps"]["a"]["progress"] == {"done": 4.0, "total": 20.0, "unit": "row", "message": None}
    assert view(voice, until=voice.clock.now - 2 * SECOND)["steps"]["a"]["progress"]["done"] == 2.0


def lines(voice: Voice, *said: tuple[str, str], subject: str | None = "a", more: bool = False) -> None:
    """Say lines, a second apart."""
    time = [voice.clock.now + (i + 1) * SECOND for i in range(len(said))]
    voice.clock.now = time[-1]
    level, text = [one[0] for one in said], [one[1] for one in said]
    execution = None if subject is None else "e"
    data = ev.Logs(time=time, level=level, text=text, more=more)
    voice.say(ev.LOGS, data, subject=subject, execution=execution, time=time[-1])


def test_lines_are_counted_by_level_and_the_last_error_is_kept(voice: Voice) -> None:
    lines(voice, ("INFO", "a"), ("error", "first"), ("FATAL", "second"), ("WARN", "b"), ("loud", "c"))
    lines(voice, ("INFO", "run"), subject=None)
    levels = {"CRITICAL": 1, "ERROR": 1, "INFO": 1, "OTHER": 1, "WARNING": 1}
    shown = view(voice)
    assert shown["steps"]["a"]["lines"] == {"total": 5, "levels": levels, "error": "second"}
    assert shown["lines"] == {"total": 1, "levels": {"INFO": 1}, "error": None}
    cut = view(voice, until=START + 2002 + 2 * SECOND)["steps"]["a"]["lines"]
    assert (cut["total"], cut["error"]) == (2, "first")


def test_a_text_in_pieces_is_one_line(voice: Voice) -> None:
    lines(voice, ("INFO", "whole"), ("ERROR", "one "), more=True)
    lines(voice, ("ERROR", "two "), more=True)
    lines(voice, ("ERROR", "three"), ("INFO", "next"))
    shown = view(voice)["steps"]["a"]["lines"]
    assert (shown["total"], shown["levels"]) == (3, {"ERROR": 1, "INFO": 2})


def test_the_last_error_of_a_summary_is_bounded(voice: Voice) -> None:
    lines(voice, ("ERROR", "x" * 5000))
    assert view(voice)["steps"]["a"]["lines"]["error"] == "x" * 1000


def test_columns_of_unequal_length_are_a_problem(voice: Voice) -> None:
    voice.say(ev.METRICS, ev.Metrics(name="x", time=[1, 2], value=[1]), subject="a", execution="e")
    voice.say(ev.METRICS, ev.Metrics(name="x", time=[1], value=[1], at=[1, 2]), subject="a", execution="e")
    voice.say(ev.LOGS, ev.Logs(time=[1], level=[], text=["a"]), subject="a", execution="e")
    voice.say(ev.PROGRESS, ev.Progress(time=[], done=[1]), subject="a", execution="e")
    voice.say(ev.METRICS, {"name": 7}, subject="a", execution="e")
    summary = fold_streams(voice.events)
    assert summary.problems == 5
    assert not list(summary.paths())


def test_a_stream_tells_which_part_it_touched(voice: Voice) -> None:
    summary = fold_streams(voice.events)
    points(voice, 1)
    progress(voice, [1])
    lines(voice, ("INFO", "x"))
    lines(voice, ("INFO", "x"), subject=None)
    touched = [set(summary.apply(event)) for event in voice.events[2:]]
    assert touched == [{("series", "a")}, {("step", "a")}, {("step", "a")}, {("run", "")}]
    assert [set(summary.apply(event)) for event in voice.events[2:]] == [set()] * 4
