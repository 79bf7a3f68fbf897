"""A run that is played over HTTP: `at` and `speed` of its stream."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runreel import events as ev
from runreel.codec import iso
from runs import RUN, SECOND, Clock, Voice
from serving import Server, listening
from support import wait_for
from watching import Watch, bare


class Place:
    """A served store with one run of some steps."""

    def __init__(self, server: Server, stack: ExitStack, voice: Voice) -> None:
        self.server, self.voice = server, voice
        _, port = listening(server.services, stack)
        self.url = f"http://127.0.0.1:{port}"

    def status(self, query: str) -> tuple[int, str]:
        """What a stream answers that is refused."""
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{self.url}/api/v1/{query}", timeout=10)
        with raised.value as answer:
            return answer.code, json.loads(answer.read())["detail"]


def spoken(clock: Clock, *, steps: int = 40) -> Voice:
    """A run that goes on: a step each three seconds."""
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for n in range(steps):
        voice.start(f"step-{n}", f"{n:016x}")
        lines = ev.Logs(time=[clock.now, clock.now + SECOND], level=["INFO"] * 2, text=[f"a {n}", f"b {n}"])
        voice.say(ev.LOGS, lines, subject=f"step-{n}", execution=f"{n:016x}", passes=1)
        voice.finish(f"step-{n}", f"{n:016x}")
        clock.pass_(2)
    return voice


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One that has ended."""
    voice = spoken(Clock())
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    server = Server(tmp_path, port=24_000, max_streams=3)
    server.archive(voice.events)
    with ExitStack() as stack:
        yield Place(server, stack, voice)


@pytest.mark.parametrize("speed", ["max", "60"])
def test_a_stored_run_is_played_to_its_end(place: Place, speed: str) -> None:
    begun = place.voice.events[0].time
    with Watch(place.url, RUN, at=iso(begun), speed=speed) as watch:
        wait_for(lambda: watch.reason, what="the end")
    assert (watch.reason, watch.wrong) == ("end", [])
    assert watch.kinds.count("snapshot") == 1
    assert len(watch.kinds) > 10
    assert watch.lines == 80
    end = max(event.time for event in place.voice.events)
    assert bare(watch.state) == bare(place.server.get(f"/runs/{RUN}?at={end}"))
    assert watch.state["state"] == "SUCCEEDED"


def test_a_play_goes_on_from_a_token(place: Place) -> None:
    """A cut wire, or a browser that comes back by itself, starts no play anew."""
    middle = place.voice.events[len(place.voice.events) // 2].time
    with Watch(place.url, RUN, at=str(middle), speed="3") as watch:
        wait_for(lambda: len(watch.kinds) > 3, what="some frames")
        watch.cut()
        seen = len(watch.kinds)
        wait_for(lambda: watch.comings > 1 and len(watch.kinds) > seen + 3, what="more of them")
    assert watch.wrong == []
    assert watch.kinds.count("snapshot") == 1


def test_a_play_of_a_run_that_goes_on_becomes_live(tmp_path: Path) -> None:
    clock = Clock(time.time_ns() // 1000 - 121 * SECOND)
    voice = spoken(clock)
    server = Server(tmp_path, port=24_500)
    server.archive(voice.events)
    with ExitStack() as stack:
        place = Place(server, stack, voice)
        begun = iso(voice.events[0].time)
        with Watch(place.url, RUN, at=begun, speed="max") as watch:
            wait_for(lambda: watch.kinds.count("snapshot") == 2, what="the live snapshot")
            clock.now = time.time_ns() // 1000
            server.tell([voice.start("now", "f" * 16)])
            wait_for(lambda: "now" in watch.state["steps"], what="what is said now")
            watch.cut()
            server.tell([voice.finish("now", "f" * 16)])
            wait_for(lambda: watch.state["steps"]["now"]["state"] == "SUCCEEDED", what="what was said meanwhile")
        assert watch.wrong == []
        assert watch.reason == ""
        assert watch.kinds.count("snapshot") == 2  # the token that it came back with is a live one


def test_how_a_run_cannot_be_played_is_said(place: Place) -> None:
    stream = f"runs/{RUN}/stream"
    assert place.status(f"{stream}?at=yesterday")[0] == 400
    assert place.status(f"{stream}?at=1&speed=0") == (400, "speed='0': give a number from 0.01 to 1000000, or max")
    assert place.status(f"{stream}?at=1&speed=nan")[0] == 400
    assert place.status(f"{stream}?speed=2") == (400, "speed='2' plays a run: give at=TIME, too")
    for watched in ("watch=runs", f"watch=run:{RUN}&watch=run:other", f"watch=run:{RUN}&watch=runs"):
        status, detail = place.status(f"stream?{watched}&at=1")
        assert (status, "at= plays one run" in detail) == (400, True)
    assert place.status("runs/0192f3c1-a7e2-7c31-9d1e-ffffffffffff/stream?at=1")[0] == 404


def test_one_run_of_the_common_stream_can_be_played_too(place: Place) -> None:
    address = f"{place.url}/api/v1/stream?watch=run:{RUN}&at=0&speed=max"
    with urllib.request.urlopen(address, timeout=30) as answer:
        said = answer.read().decode()
    assert said.startswith("event: snapshot\n")
    assert said.endswith('event: bye\ndata: {"retry_ms":5000,"reason":"end"}\n\n')


def test_plays_are_streams_of_which_so_many_are_taken(place: Place) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            watch = stack.enter_context(Watch(place.url, RUN, at="0", speed="1"))
            wait_for(lambda w=watch: w.kinds, what="its snapshot")  # type: ignore[misc]
        with urllib.request.urlopen(f"{place.url}/api/v1/runs/{RUN}/stream?at=0", timeout=10) as answer:
            assert b"3 streams are open" in answer.read()
