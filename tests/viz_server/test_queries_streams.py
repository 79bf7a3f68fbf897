"""Series, lines, counts and marks: of the archive and the tail as one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel import events as ev
from runreel.events import Event
from runs import RUN, SECOND, START, Clock, Voice
from serving import Server

X = "e" * 16


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def speaking() -> Voice:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("train", X)
    return voice


def points(voice: Voice, values: list[float], name: str = "loss", at: list[int] | None = None, **where: Any) -> Event:
    times = [voice.clock.now + 1000 * number for number in range(len(values))]
    said = ev.Metrics(name=name, time=times, value=list(values), at=None if at is None else list(at))
    return voice.say(ev.METRICS, said, **{"subject": "train", "execution": X, **where}, time=times[-1], passes=1)


def lines(voice: Voice, *texts: str, level: str = "INFO", step: str | None = "train") -> Event:
    voice.clock.pass_(0.001)
    times = [voice.clock.now + number for number in range(len(texts))]
    said = ev.Logs(time=times, level=[level] * len(texts), text=list(texts))
    return voice.say(ev.LOGS, said, subject=step, execution=X if step else None, time=times[-1], passes=1)


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


# -- lines


def texts(answer: Any) -> list[str]:
    return [line["text"] for line in answer["lines"]]


def test_lines_that_the_archive_lacks_come_from_the_tail(server: Server) -> None:
    voice = speaking()
    for number in range(10):
        lines(voice, f"line {number}")
    server.archive(voice.events[:-3])
    server.tell(voice.events[-3:])
    found = server.get(f"/runs/{RUN}/logs?limit=5")
    assert texts(found) == [f"line {number}" for number in range(5, 10)]
    assert found["total"] == 10
    earlier = server.get(f"/runs/{RUN}/logs?before={found['before']}")
    assert texts(earlier) == [f"line {number}" for number in range(5)]
    assert earlier["before"] is None


def test_a_follower_gets_each_line_once(server: Server) -> None:
    voice = speaking()
    lines(voice, "one", "two")
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/logs")
    assert texts(found) == ["one", "two"]
    server.tell([lines(voice, "three"), lines(voice, "four")])
    after = server.get(f"/runs/{RUN}/logs?after={found['after']}")
    assert texts(after) == ["three", "four"]
    assert texts(server.get(f"/runs/{RUN}/logs?after={after['after']}")) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 7), back=st.booleans())
def test_slices_in_a_row_are_the_log(
    tmp_path_factory: pytest.TempPathFactory, seed: int, limit: int, back: bool
) -> None:
    """However lines are spread over archive, tail and both, walking by cursors meets each line once, in order."""
    chance = random.Random(seed)
    one, other = speaking(), Voice("b" * 32, Clock())
    for number in range(12):
        voice = chance.choice((one, other))
        voice.clock.pass_(chance.choice((0, 0.5)))
        lines(voice, *[f"{voice.session[0]}{number}.{row}" for row in range(chance.randint(1, 3))])
    events = sorted([*one.events, *other.events], key=lambda event: event.time)
    server = Server(tmp_path_factory.mktemp("log"))
    cut = chance.randint(0, len(events))
    server.archive(events[:cut] or events[:1])
    server.tell(events[max(1, cut - 3) :])
    whole = server.get(f"/runs/{RUN}/logs?limit=1000")
    start = f"after={whole['lines'][0]['cursor']}" if not back else f"before={whole['lines'][-1]['cursor']}"
    met: list[str] = []
    cursor: str | None = start
    while cursor is not None:
        found = server.get(f"/runs/{RUN}/logs?limit={limit}&{cursor}")
        met = texts(found) + met if back else met + texts(found)
        if back:
            cursor = found["before"] and f"before={found['before']}"
        else:
            cursor = f"after={found['after']}" if found["lines"] else None
    assert met == (texts(whole)[:-1] if back else texts(whole)[1:])


def test_lines_are_chosen_by_step_level_and_text(server: Server) -> None:
    voice = speaking()
    lines(voice, "all is well", step=None)
    lines(voice, "Loss is NaN", level="error")
    lines(voice, "epoch 1", "epoch 2")
    server.archive(voice.events[:-1])
    server.tell(voice.events[-1:])
    assert texts(server.get(f"/runs/{RUN}/logs?step=")) == ["all is well"]
    assert texts(server.get(f"/runs/{RUN}/logs?step=train&level=ERROR")) == ["Loss is NaN"]
    found = server.get(f"/runs/{RUN}/logs?q=EPOCH")
    assert (texts(found), found["hits"], found["scanned"]) == (["epoch 1", "epoch 2"], 2, 4)
    assert texts(server.get(f"/runs/{RUN}/logs?until={voice.events[-1].time - 1}"))[-1] == "epoch 1"


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


def test_marks_lead_from_one_moment_of_interest_to_the_next(server: Server) -> None:
    voice = speaking()
    lines(voice, "it broke", level="ERROR")
    voice.output("train", X, "model", "b" * 32)
    voice.finish("train", X, "FAILED", error=ev.Error(type="ValueError", message="no rows"))
    lost = voice.say(ev.PARAMS, {"a": 1})
    voice.close()
    server.archive([event for event in voice.events if event is not lost])
    every = server.get(f"/runs/{RUN}/marks")["marks"]
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
