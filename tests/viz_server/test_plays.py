"""A run played again: at any pace, and at each moment what it was then."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runreel import events as ev
from runreel.events import Event
from runreel.state import fold, fold_streams
from runreel_server.queries.plays import PlayQuery
from runreel_server.stream import Turn
from runs import RUN, SECOND, START, Clock, Voice, random_run
from serving import Server
from watching import bare, merge

LOOKED = ("eta", "median", "stored", "complete")
"""What depends on who looks, and when."""


class Client:
    """Applies frames as docs/stream.md says."""

    def __init__(self) -> None:
        self.position, self.state = "", {}
        self.kinds: list[str] = []
        self.lines = 0
        self.texts: list[str] = []
        self.points: dict[str, list[tuple[Any, Any, Any]]] = {}

    def take(self, turn: Turn) -> None:
        if turn.frame is None:
            return
        data = json.loads(turn.frame.body.split(b"data: ", 1)[1])
        self.kinds.append(turn.frame.body.split(b"\n")[0].decode().removeprefix("event: "))
        if self.kinds[-1] == "snapshot":
            self.state = data["state"]
        else:
            assert data["from"] == self.position
            self.state = merge(self.state, data["patch"])
        self.position = data["position"]
        assert self.position == turn.position
        self.lines += data.get("lines", {}).get("count", 0)
        self.texts += [line["text"] for line in data.get("lines", {}).get("last", [])]
        for key, columns in data.get("points", {}).items():
            self.points.setdefault(key, []).extend(zip(*(columns[n] for n in ("at", "time", "value")), strict=True))


def plays_of(server: Server) -> PlayQuery:
    found: PlayQuery = server.app.extensions["runreel"]["source"].plays
    return found


def folded(events: list[Event], until: int) -> Any:
    """The state at `until` by the fold's own definition."""
    return timeless(fold(events, until).view(now=until, tally=fold_streams(events, until)))


def timeless(state: dict[str, Any]) -> Any:
    """A state without what depends on who looks."""
    state = {name: value for name, value in state.items() if name not in LOOKED}
    for part in ("steps", "sessions"):
        state[part] = {
            key: {name: value for name, value in one.items() if name not in LOOKED} for key, one in state[part].items()
        }
    return bare(state)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def ended(seed: int, steps: int = 8) -> list[Event]:
    """A random run that has come to its end."""
    events = random_run(random.Random(seed), steps=steps)
    service = Voice("f" * 32, Clock(max(event.time for event in events) + SECOND))
    return [*events, service.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"), final=True)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("large", [False, True])
def test_a_client_has_at_a_hundred_moments_of_a_play_what_a_fresh_fold_has(
    server: Server, monkeypatch: pytest.MonkeyPatch, seed: int, large: bool
) -> None:
    if large:
        monkeypatch.setattr("runreel_server.queries.moments.LARGE", 0)
    events = ended(seed)
    server.archive(events)
    live, plays = server.services.feed.live(RUN), plays_of(server)
    first, last = server.app.extensions["runreel"]["source"].moments.span(live)
    chance = random.Random(seed)
    moments = sorted(chance.randint(first, last) for _ in range(100))
    client, turn = Client(), plays.begin(live, first, "")
    client.take(turn)
    for moment in [*moments, last]:
        turn = plays.turn(live, turn.head, turn.position, moment)
        client.take(turn)
        assert timeless(client.state) == folded(events, moment)
    assert turn.then == ("end" if client.state["state"] in ev.ENDED else "on")
    assert client.kinds.count("snapshot") == 1


def test_points_and_lines_are_told_once_row_by_row(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("train", "1" * 16)
    texts, values = [], []
    for batch in range(10):
        now = voice.clock.now
        times = [now + n * SECOND for n in range(10)]  # rows of batches of the two lie between one another
        values += [float(batch * 10 + n) for n in range(10)]
        points = ev.Metrics(name="loss", time=times, value=values[-10:])
        texts += [f"line {batch * 10 + n}" for n in range(10)]
        lines = ev.Logs(time=times, level=["INFO"] * 10, text=texts[-10:])
        for kind, data in ((ev.METRICS, points), (ev.LOGS, lines)):
            voice.say(kind, data, subject="train", execution="1" * 16, time=times[-1])
        voice.clock.pass_(10)
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    server.archive(voice.events)
    live, plays = server.services.feed.live(RUN), plays_of(server)
    client, turn = Client(), plays.begin(live, 0, "")
    client.take(turn)
    while turn.then == "on":
        turn = plays.turn(live, turn.head, turn.position, turn.head.time + 3_700_000)
        client.take(turn)
        assert client.lines == (client.state["steps"].get("train", {}).get("lines") or {"total": 0})["total"]
    assert client.texts == texts
    assert client.lines == 100
    assert [(at, value) for at, _, value in client.points["train:loss"]] == [(float(n), float(n)) for n in range(100)]


def test_a_play_as_fast_as_frames_go_is_short_and_leads_to_the_end(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for n in range(200):
        voice.start(f"step-{n}", f"{n:016x}")
        voice.finish(f"step-{n}", f"{n:016x}")
        voice.clock.pass_(n)
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    events = voice.events
    server.archive(events)
    live, plays = server.services.feed.live(RUN), plays_of(server)
    client, turn = Client(), plays.begin(live, 0, "")
    client.take(turn)
    turns = 0
    while turn.then == "on":
        turn, turns = plays.turn(live, turn.head, turn.position, None), turns + 1
        client.take(turn)
    assert turns <= 52
    assert turn.then == "end"
    assert timeless(client.state) == folded(events, turn.head.time)
    assert bare(client.state) == bare(server.get(f"/runs/{RUN}?at={turn.head.time}"))


def test_who_comes_back_goes_on_where_the_play_was_also_on_another_server(server: Server) -> None:
    events = ended(1)
    server.archive(events)
    again = server.beside()
    moments = sorted(event.time for event in events)
    client, plays, live = Client(), plays_of(server), server.services.feed.live(RUN)
    turn = plays.begin(live, moments[3], "")
    client.take(turn)
    client.take(plays.turn(live, turn.head, turn.position, moments[len(moments) // 2]))
    live, plays = again.services.feed.live(RUN), plays_of(again)
    turn = plays.begin(live, moments[3], client.position)
    assert turn.frame is None
    assert turn.head.time == moments[len(moments) // 2]
    client.take(plays.turn(live, turn.head, turn.position, moments[-3]))
    assert client.kinds == ["snapshot", "delta", "delta"]
    assert timeless(client.state) == folded(events, moments[-3])


def test_what_comes_late_from_before_the_play_head_makes_a_snapshot(server: Server) -> None:
    voice, late = Voice("a" * 32, Clock()), Voice("b" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    late.open("member")
    late.start("late", "2" * 16)
    for n in range(6):
        voice.start(f"step-{n}", f"{n:016x}")
        voice.clock.pass_(10)
    server.archive(voice.events)
    live, plays, client = server.services.feed.live(RUN), plays_of(server), Client()
    turn = plays.begin(live, START + 25 * SECOND, "")
    client.take(turn)
    server.tell(late.events)
    ahead = Voice("c" * 32, Clock(START + 45 * SECOND))
    server.tell([ahead.open("member")])
    turn = plays.turn(live, turn.head, turn.position, START + 35 * SECOND)
    client.take(turn)
    assert client.kinds == ["snapshot", "snapshot"]
    assert "late" in client.state["steps"]
    server.tell([ahead.start("ahead", "3" * 16)])  # what comes from later moments is no reason
    client.take(plays.turn(live, turn.head, turn.position, START + 55 * SECOND))
    assert client.kinds == ["snapshot", "snapshot", "delta"]
    assert "ahead" in client.state["steps"]


def test_those_who_play_the_same_have_the_same_frames(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    events = ended(2)
    server.archive(events)
    live, plays = server.services.feed.live(RUN), plays_of(server)
    asked = Counter[tuple[int, int]]()
    delta = plays._moments.delta

    def counted(run: Any, start: int, end: int) -> bytes:
        asked[start, end] += 1
        return delta(run, start, end)

    monkeypatch.setattr(plays._moments, "delta", counted)
    first, last = min(event.time for event in events), max(event.time for event in events)
    grid = range(first // SECOND * SECOND, last, SECOND)
    frames: list[list[Any]] = []
    for _ in range(3):
        turn = plays.begin(live, first, "")
        frames.append([])
        for moment in grid:
            turn = plays.turn(live, turn.head, turn.position, moment)
            frames[-1].append(turn.frame)
    assert set(asked.values()) == {1}
    for one, other, third in zip(*frames, strict=True):
        assert one is other is third


def test_a_run_that_goes_on_is_played_until_there_is_no_more_of_it(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.clock.pass_(30)
    voice.start("a", "1" * 16)
    server.archive(voice.events)
    live, plays = server.services.feed.live(RUN), plays_of(server)
    turn = plays.begin(live, START, "")
    assert turn.then == "on"
    turn = plays.turn(live, turn.head, turn.position, voice.clock.now + 10 * SECOND)
    assert (turn.then, turn.frame is not None) == ("on", True)
    turn = plays.turn(live, turn.head, turn.position, voice.clock.now + 3600 * SECOND)
    assert (turn.then, turn.frame) == ("live", None)
    assert plays.begin(live, voice.clock.now + 3600 * SECOND, "").then == "live"
