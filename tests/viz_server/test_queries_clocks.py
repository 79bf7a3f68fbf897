"""Points of a host whose clock is wrong: they lie where they were said, by the broker's clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runreel import events as ev
from runreel.events import Event
from runs import RUN, SECOND, Voice, speaking
from runs import TRAIN as X
from serving import Server

HOUR = 3_600 * SECOND


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def points(voice: Voice, *values: float) -> Event:
    """Points that are a second apart."""
    times = [voice.clock.now + SECOND * number for number in range(len(values))]
    said = ev.Metrics(name="loss", time=times, value=list(values))
    return voice.say(ev.METRICS, said, subject="train", execution=X, time=times[-1], passes=1)


def offset(voice: Voice, micros: int) -> Event:
    return voice.say(ev.SESSION_OFFSET, ev.SessionOffset(session=voice.session, offset=micros))


def asked(server: Server, more: str = "") -> Any:
    return server.get(f"/runs/{RUN}/series?key=train:loss&x=time{more}")["train:loss"]


def test_points_of_archive_and_tail_lie_by_the_brokers_clock(server: Server) -> None:
    voice = speaking()
    offset(voice, HOUR)
    begun = voice.clock.now
    points(voice, 1.0, 2.0)
    server.archive(voice.events)
    assert asked(server)["time"] == [begun + HOUR, begun + HOUR + SECOND]
    server.tell([points(voice, 3.0)])
    assert len(asked(server)["time"]) == 3
    assert asked(server, f"&until={begun + HOUR}")["value"] == [1.0]
    assert asked(server, f"&until={begun + HOUR - 1}")["value"] == []


def test_an_offset_that_is_told_later_moves_the_points_that_were_read(server: Server) -> None:
    voice = speaking()
    begun = voice.clock.now
    points(voice, 1.0)
    server.archive(voice.events)
    assert asked(server)["time"] == [begun]
    server.tell([offset(voice, -HOUR)])
    assert asked(server)["time"] == [begun - HOUR]


def test_a_frames_points_are_those_of_the_series(server: Server) -> None:
    voice = speaking()
    offset(voice, HOUR)
    server.archive(voice.events)
    live = server.app.extensions["runreel"]["source"].live(RUN)
    live.advance()
    live.drain()
    server.tell([points(voice, 1.0, 2.0)])
    live.advance()
    (frame,) = live.drain()
    said = json.loads(frame.body.split(b"data: ")[1])["points"]["train:loss"]
    assert said["time"] == asked(server)["time"]


def test_a_long_series_in_the_runs_own_objects_is_corrected_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel_consumers.archive.stored_points.LONG", 100)
    monkeypatch.setattr("runreel_server.charts.stored.FEW", 100)
    voice = speaking()
    begun = voice.clock.now
    points(voice, *map(float, range(1_000)))
    server.archive(voice.events)
    server.put_away(RUN)
    found = asked(server, f"&until={begun + 10 * SECOND}")
    assert found["count"] == 11
    server.tell([offset(voice, HOUR)])
    found = asked(server, f"&until={begun + HOUR + 10 * SECOND}")
    assert (found["count"], found["time"][0]) == (11, begun + HOUR)
