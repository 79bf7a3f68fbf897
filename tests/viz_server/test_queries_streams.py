"""Series, counts and marks: of the archive and the tail as one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runreel import events as ev
from runreel.events import Event
from runreel_consumers.archive.reader import Reader
from runreel_server.queries.moments import Moments
from runs import RUN, SECOND, START, Clock, Voice, lines, speaking
from runs import TRAIN as X
from serving import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def points(voice: Voice, values: list[float], name: str = "loss", at: list[int] | None = None, **where: Any) -> Event:
    times = [voice.clock.now + 1000 * number for number in range(len(values))]
    said = ev.Metrics(name=name, time=times, value=list(values), at=None if at is None else list(at))
    return voice.say(ev.METRICS, said, **{"subject": "train", "execution": X, **where}, time=times[-1], passes=1)


# -- series


def test_points_of_archive_and_tail_are_one_series(server: Server) -> None:
    voice = speaking()
    for number in range(6):
        points(voice, [number, number + 0.5])
    server.archive(voice.events[:5])
    server.tell(voice.events[4:])  # one of them is in both
    found = server.get(f"/runs/{RUN}/series?key=train:loss")["train:loss"]
    assert found["value"] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5]
    assert found["at"] == [float(number) for number in range(12)]
    assert (found["count"], found["bucketed"], found["repeats"]) == (12, False, False)


def test_a_key_names_step_attempt_and_name_percent_encoded(server: Server) -> None:
    voice = speaking()
    points(voice, [1.0])
    voice.finish("train", X, "FAILED")
    voice.start("train", "f" * 16)
    points(voice, [2.0], execution="f" * 16)
    points(voice, [3.0], name="val:loss/mean %", execution="f" * 16)
    points(voice, [4.0], name="cpu", subject=None, execution=None)
    server.archive(voice.events)
    keys = {
        "train:loss": 2.0,
        "train#1:loss": 1.0,
        "train#2:loss": 2.0,
        "train:val%3Aloss%2Fmean %25": 3.0,
        ":cpu": 4.0,
    }
    found = server.get(f"/runs/{RUN}/series?" + "&".join(f"key={quote(key)}" for key in keys))
    assert {key: one["value"] for key, one in found.items()} == {key: [value] for key, value in keys.items()}


def test_a_series_that_is_not_there_is_empty_and_spoils_no_other(server: Server) -> None:
    voice = speaking()
    points(voice, [1.0])
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/series?key=train:loss&key=train:no&key=no:loss&key=train%2323:loss")
    assert [one["value"] for one in found.values()] == [[1.0], [], [], []]


def test_many_points_come_as_pixels(server: Server) -> None:
    voice = speaking()
    for number in range(10):
        points(voice, [(number * 1000 + i) % 997 for i in range(1000)])
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/series?key=train:loss&width=50&x=time")["train:loss"]
    assert found["bucketed"]
    assert found["count"] == 10_000
    assert len(found["value"]) <= 200
    assert max(found["value"]) == 996


def test_points_end_where_the_past_does(server: Server) -> None:
    voice = speaking()
    points(voice, [1.0, 2.0, 3.0])
    first = voice.events[-1].time - 2000
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/series?key=train:loss&until={first + 1000}")["train:loss"]
    assert found["value"] == [1.0, 2.0]


def test_runs_are_compared_by_one_question(server: Server) -> None:
    other = "0192f3c1-a7e2-7c31-9d1e-ffffffffffff"
    mine, theirs = speaking(), Voice("b" * 32, Clock(), run=other)
    points(mine, [1.0])
    theirs.start("train", X)
    points(theirs, [9.0])
    server.archive([*mine.events, *theirs.events])
    found = server.get(f"/runs/{RUN}/series?key=train:loss&run={other[-8:]}")
    assert {key: one["value"] for key, one in found.items()} == {"train:loss": [1.0], f"{other}:train:loss": [9.0]}


# -- counts and marks


def test_density_counts_events_lines_and_errors_in_lanes(server: Server) -> None:
    voice = speaking()
    lines(voice, "a", "b")
    voice.clock.pass_(10)
    voice.start("train/fold-1", "1" * 16)
    voice.say(ev.LOGS, ev.Logs(time=[voice.clock.now], level=["ERROR"], text=["no"]), subject="train/fold-1")
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/density?of=lines&width=2&step=train&step=train/fold-1")
    assert (found["total"], found["lanes"]) == ([2, 1], {"train": [2, 1], "train/fold-1": [0, 1]})
    assert server.get(f"/runs/{RUN}/density?of=errors&width=2")["total"] == [0, 1]
    grouped = server.get(f"/runs/{RUN}/density?of=events&width=1&group=1")
    assert (grouped["total"], grouped["lanes"]) == ([6], {"train": [4]})
    part = server.get(f"/runs/{RUN}/density?width=1&from={START}&to={START + SECOND}")
    assert part["total"] == [4]
    said = len(voice.events)
    lines(voice, "c")
    server.tell(voice.events[said:])
    assert server.get(f"/runs/{RUN}/density?of=lines&width=1")["total"] == [4], "what comes later counts too"


def test_marks_lead_from_one_moment_of_interest_to_the_next(server: Server) -> None:
    voice = speaking()
    lines(voice, "it broke", level="ERROR")
    voice.output("train", X, "model", "b" * 32)
    voice.finish("train", X, "FAILED", error=ev.Error(type="ValueError", message="no rows"))
    lost = voice.say(ev.PARAMS, {"a": 1})
    voice.close()
    server.archive([event for event in voice.events if event is not lost])
    answer = server.get(f"/runs/{RUN}/marks")
    every = answer["marks"]
    assert answer["counts"] == {"error": 2, "artifact": 1, "state": 3, "gap": 1}
    assert [(mark["kind"], mark["step"], mark["text"]) for mark in every] == [
        ("state", None, "started"),
        ("state", "train", "started"),
        ("error", "train", "it broke"),
        ("artifact", "train", "model"),
        ("error", "train", "no rows"),
        ("state", "train", "no rows"),
        ("gap", "train", f"events {lost.seq} to {lost.seq} of session {voice.session}"),
    ]
    first = every[2]["time"]
    assert server.get(f"/runs/{RUN}/marks?kind=error&after={first}&limit=1")["marks"][0]["text"] == "no rows"
    assert server.get(f"/runs/{RUN}/marks?kind=error&kind=state&before={first}")["marks"][0]["step"] == "train"


def test_a_failure_is_one_error_though_the_steps_around_it_fail_of_it(server: Server) -> None:
    """A traceback in the log, the step that failed of it, and the step around that one are one thing that broke."""
    voice = speaking()
    lines(voice, "it was slow", level="ERROR")
    voice.clock.pass_(5)
    voice.start("train/fold-1", "1" * 16)
    traceback = "Traceback (most recent call last):\n  ...\nValueError: no rows"
    said = ev.Logs(time=[voice.clock.now], level=["ERROR"], text=[traceback])
    voice.say(ev.LOGS, said, subject="train/fold-1", execution="1" * 16)
    for path, execution in (("train/fold-1", "1" * 16), ("train", X)):
        voice.finish(path, execution, "FAILED", error=ev.Error(type="ValueError", message="no rows"))
    voice.close()
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/marks?kind=error")
    assert [(mark["step"], mark["text"]) for mark in found["marks"]] == [
        ("train", "it was slow"),
        ("train/fold-1", traceback),
    ]
    assert found["counts"]["error"] == 2
    states = [mark["state"] for mark in server.get(f"/runs/{RUN}/marks?kind=state")["marks"]]
    assert states.count("FAILED") == 2


def test_what_is_asked_for_is_read_and_no_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, marks and gaps of a run that nobody rewinds take neither its streams' data nor all of its events."""
    read: list[frozenset[str]] = []
    heard = Moments.heard

    def counted(self: Moments, run: str, types: frozenset[str] | None = None) -> Iterator[tuple[Event, int | None]]:
        assert types is not None, "no story is made"
        read.append(types)
        return heard(self, run, types)

    monkeypatch.setattr(Moments, "heard", counted)
    voice = speaking()
    lost = lines(voice, "lost")
    lines(voice, "a")
    server.archive([event for event in voice.events if event is not lost])
    server.tell(voice.events[-1:])  # it is in both
    assert [mark["kind"] for mark in server.get(f"/runs/{RUN}/marks?kind=gap")["marks"]] == ["gap"]
    assert server.get(f"/runs/{RUN}/density?width=1")["total"] == [len(voice.events) - 1]
    server.tell([lost])
    assert server.get(f"/runs/{RUN}/density?width=1")["total"] == [len(voice.events)]
    assert server.get(f"/runs/{RUN}/marks")["marks"] == server.get(f"/runs/{RUN}/marks?kind=state")["marks"]
    assert [types & ev.STREAMS for types in read] == [frozenset()] * 3


def test_nothing_is_searched_for_errors_after_the_last_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = speaking()
    lines(voice, *map(str, range(3)))
    searched = []
    lines_ = Reader.lines
    monkeypatch.setattr(Reader, "lines", lambda *all_, **more: searched.append(1) or lines_(*all_, **more))
    server.archive(voice.events)
    assert server.get(f"/runs/{RUN}/marks?kind=error")["marks"] == []
    assert not searched
    voice.say(ev.LOGS, ev.Logs(time=[voice.clock.now], level=["ERROR"], text=["no"]), subject="train", execution=X)
    server.tell(voice.events[-1:])
    assert [mark["text"] for mark in server.get(f"/runs/{RUN}/marks?kind=error")["marks"]] == ["no"]
    assert len(searched) == 1


def test_a_failure_of_which_a_line_tells_is_marked_once(server: Server) -> None:
    voice = speaking()
    lines(voice, "Traceback (most recent call last):\n  ...\nValueError: no rows", level="ERROR")
    voice.finish("train", X, "FAILED", error=ev.Error(type="ValueError", message="no rows"))
    voice.start("train", "f" * 16)
    voice.finish("train", "f" * 16, "FAILED", error=ev.Error(type="Killed", message="no memory"))
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/marks?kind=error")
    assert [mark["text"].splitlines()[-1] for mark in found["marks"]] == ["ValueError: no rows", "no memory"]
    assert found["counts"]["error"] == 2


def test_error_lines_are_found_however_many_there_are(server: Server) -> None:
    voice = speaking()
    for number in range(30):
        lines(voice, f"fine {number}")
        lines(voice, f"wrong {number}", level="ERROR")
    server.archive(voice.events[:40])
    server.tell(voice.events[38:])

    def asked(more: str) -> list[str]:
        return [mark["text"] for mark in server.get(f"/runs/{RUN}/marks?kind=error{more}")["marks"]]

    every = server.get(f"/runs/{RUN}/marks?kind=error")
    assert asked("") == [f"wrong {number}" for number in range(30)]
    assert every["counts"]["error"] == 30
    times = [mark["time"] for mark in every["marks"]]
    assert asked(f"&after={times[10]}&limit=3") == ["wrong 11", "wrong 12", "wrong 13"]
    assert asked(f"&before={times[10]}&limit=3") == ["wrong 9", "wrong 8", "wrong 7"]
    assert asked(f"&after={times[10]}&before={times[12]}") == ["wrong 11"]


def test_nothing_is_answered_while_what_the_tail_forgot_is_not_archived(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log, a curve or a moment that lacks a part without a word would be kept as if it were whole."""
    monkeypatch.setattr("runreel_server.feed.feed.OPEN_SECONDS", 0.0)
    voice = speaking()
    lines(voice, "first")
    server.archive(voice.events)
    server.get(f"/runs/{RUN}")
    server.services.feed._recent._most = 1
    told = [lines(voice, "second"), lines(voice, "third")]
    server.tell(told)
    for address in ("logs?limit=5", f"delta?from={START}&at={voice.clock.now}", "marks"):
        assert "behind the tail" in server.get(f"/runs/{RUN}/{address}", 503)["detail"]
    server._offsets = [offset - len(told) if offset > len(told) else offset for offset in server._offsets]
    server.archive(told)
    found = server.get(f"/runs/{RUN}/logs?limit=5")["lines"]
    assert [line["text"] for line in found] == ["first", "second", "third"]
