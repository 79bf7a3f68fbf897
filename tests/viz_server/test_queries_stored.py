"""Charts of runs that are put away: read from their own objects, and right when more comes or the objects go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runreel import events as ev
from runreel.events import Event
from runreel_consumers.archive.objects import RunObjects
from runs import RUN, Clock, Voice
from serving import Server

X = "e" * 16
COUNT = 8_000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr("runreel_consumers.archive.stored_points.LONG", 1_000)
    monkeypatch.setattr("runreel_server.charts.stored.FEW", 1_000)
    return Server(tmp_path)


def points(voice: Voice, values: list[float], at: list[int] | None = None, name: str = "loss") -> Event:
    times = [voice.clock.now + 1000 * number for number in range(len(values))]
    said = ev.Metrics(name=name, time=times, value=list(values), at=None if at is None else list(at))
    return voice.say(ev.METRICS, said, subject="train", execution=X, time=times[-1], passes=1)


def speaking(session: str = "a") -> Voice:
    voice = Voice(session * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("train", X)
    return voice


def asked(server: Server, more: str = "", name: str = "loss") -> Any:
    return server.get(f"/runs/{RUN}/series?key=train:{name}&width=50{more}")[f"train:{name}"]


def said_values() -> list[float]:
    return [float((7 * number) % 997) for number in range(COUNT)]


@pytest.mark.parametrize("more", ["&x=at", "&x=time", "&x=elapsed", "&x=at&from=1000&to=7000.5"])
def test_a_stored_chart_is_that_of_all_points(server: Server, more: str) -> None:
    voice = speaking()
    for start in range(0, COUNT, 1_000):
        points(voice, said_values()[start : start + 1_000])
    server.archive(voice.events)
    whole = asked(server, more)

    server.put_away(RUN)
    found = asked(server.beside(), more)

    assert found.keys() == whole.keys()
    assert (found["count"], found["bucketed"], found["repeats"]) == (whole["count"], True, False)
    assert (found["at"][0], found["at"][-1]) == (whole["at"][0], whole["at"][-1])
    assert (min(found["value"]), max(found["value"])) == (min(whole["value"]), max(whole["value"]))
    assert len(found["value"]) <= 2 * 4 * 50 + 2
    said = dict(enumerate(said_values()))
    assert all(said[int(at)] == value for at, value in zip(found["at"], found["value"], strict=True))


def test_a_stored_chart_ends_at_its_moment_exactly(server: Server) -> None:
    voice = speaking()
    begun = voice.clock.now
    points(voice, said_values())
    server.archive(voice.events)
    server.put_away(RUN)
    for last in (7_777, 2_000, 999):
        found = asked(server, f"&until={begun + 1000 * last}")
        assert (found["count"], found["at"][-1]) == (last + 1, float(last))


def test_what_comes_after_the_objects_is_in_the_chart_and_a_copy_changes_nothing(server: Server) -> None:
    voice = speaking()
    first = points(voice, said_values())
    server.archive(voice.events)
    server.put_away(RUN)
    assert asked(server)["count"] == COUNT
    series = next(iter(server.services.feed.series(RUN).get([(X, "loss")]).values()))
    assert series.stored is not None
    server.tell([first])
    assert asked(server)["count"] == COUNT
    late = points(voice, [5_000.0])
    server.tell([late])
    assert asked(server)["count"] == COUNT + 1
    assert max(asked(server)["value"]) == 5_000.0

    server.archive([first, late])
    found = asked(server.beside())
    assert (found["count"], max(found["value"]), found["at"][-1]) == (COUNT + 1, 5_000.0, float(COUNT))


def test_a_chart_outlives_the_objects_that_it_was_read_from(server: Server) -> None:
    voice = speaking()
    points(voice, said_values())
    server.archive(voice.events)
    folder = server.put_away(RUN)
    assert asked(server)["count"] == COUNT
    server.put_away(RUN)
    RunObjects(server.store).remove(folder)
    assert asked(server, "&from=100&to=6000")["count"] == 5_901


def test_indices_that_fall_in_time_are_drawn_from_all_points(server: Server) -> None:
    """Two workers share the indices; the one says the second half of them first."""
    voice = speaking()
    points(voice, said_values()[COUNT // 2 :], at=list(range(COUNT // 2, COUNT)))
    points(voice, said_values()[: COUNT // 2], at=list(range(COUNT // 2)))
    points(voice, [1.0] * 2_000, at=[3] * 2_000, name="same")
    server.archive(voice.events)
    server.put_away(RUN)
    by_time = asked(server, "&x=time")
    assert (by_time["at"][0], by_time["repeats"]) == (COUNT / 2, False)
    by_index = asked(server, "&x=at")
    assert (by_index["at"][0], by_index["at"][-1], by_index["count"]) == (0.0, COUNT - 1.0, COUNT)
    assert asked(server, "&x=time", name="same")["repeats"]
