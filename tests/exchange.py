"""The recorded exchange of docs/stream.jsonl: what a browser asks of the live stream, and what it gets.

A run is told to a real live run, event by event with fixed ids and times, so that the recording can be made again:

    python tests/exchange.py > docs/stream.jsonl

Each line is one JSON object: `{"get": ADDRESS}` for a request, `{"event": KIND, "data": {...}, "id": TOKEN}` for a
frame.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from runreel import codec
from runreel import events as ev
from runreel.state import RunState, Tally
from runreel_server.feed import run as run_module
from runreel_server.feed.recent import Taken
from runreel_server.feed.run import LiveRun
from runreel_server.stream import Channel, Watcher, bye, read_token
from runreel_server.stream import watcher as watcher_module
from runs import RUN, Clock, Voice

RECORDING = Path(__file__).parents[1] / "docs" / "stream.jsonl"
WATCH = f"run:{RUN}"
STREAM = f"/api/v1/stream?watch={WATCH}"
ARTIFACT = "3c7c7ff0c73ae881eacae57ce6b2f822"


class Exchange:
    """A live run that is told events, and a client of its channel."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.owner = Voice("a" * 32, self.clock)
        self.entries: list[dict[str, Any]] = []
        self._offsets = itertools.count()
        self._live = LiveRun(RUN)
        self._live.open(RunState(RUN), Tally(RUN), [], {})
        self._channel = Channel(self._live)
        self._token = ""

    def say(self, kind: str, data: Any, subject: str | None = None, execution: str | None = None) -> None:
        """The owner says something, half a second later."""
        self._hear(self.owner.say(kind, data, subject=subject, execution=execution, passes=0.5))

    def service(self, kind: str, data: Any) -> None:
        """A consumer says something, once and in a session of its own."""
        voice = Voice("b" * 32, self.clock)
        self._hear(voice.say(kind, data, final=True, passes=0.5))

    def stored(self) -> None:
        """The archive has all of it."""
        topic, partition, offset = self._live.at.split(":")
        assert self._live.stored_upto(topic, int(partition), int(offset))

    async def early(self) -> Watcher:
        """A client comes before the run does."""
        self.entries.append({"get": STREAM})
        client = Watcher([self._channel.name], {})
        client.refuse(self._channel.name, f"no run {RUN}")
        self.write(await client.next())
        client.add(self._channel)
        return client

    def connect(self, after: str = "", *, elsewhere: bool = False) -> Watcher:
        """A client comes, with a token or without, to this server or to another one that knows as much."""
        if elsewhere:
            self._channel = Channel(self._live)
        self.entries.append({"get": STREAM + (f"&after={after}" if after else "")})
        client = Watcher([self._channel.name], read_token(after))
        client.add(self._channel)
        return client

    async def read(self, client: Watcher) -> None:
        """Make a frame of what was said, and write down what the client gets."""
        self._live.advance()
        self._channel.pull()
        self.write(await client.next())

    async def silence(self, client: Watcher) -> None:
        """Nothing is said for a second: write down what the client gets."""
        with patch.object(watcher_module, "PING_SECONDS", 0.0):
            self.write(await client.next())

    def write(self, wire: bytes) -> None:
        """Write down what went over the wire."""
        for entry in frames(wire):
            self.entries.append(entry)
            self._token = entry.get("id", self._token)

    @property
    def token(self) -> str:
        """The newest one."""
        return self._token

    def _hear(self, event: ev.Event) -> None:
        raw = codec.encode(event)
        self._live.hear(Taken("runreel.events", "kafka1", 3, next(self._offsets), RUN, raw, self.clock.now))


def frames(wire: bytes) -> Iterator[dict[str, Any]]:
    """The events in a piece of a stream, as a browser reads them."""
    for block in wire.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            entry = {"event": fields["event"], "data": json.loads(fields["data"])}
            yield {**entry, "id": fields["id"]} if "id" in fields else entry


async def _exchange(told: Exchange) -> None:
    error = ev.Error(type="ValueError", message="no rows", traceback="ValueError: no rows")
    told.say(ev.SESSION_OPENED, ev.SessionOpened(role="owner", host="etl-02", pid=4711, sdk="runreel-python/0.1.0"))
    told.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly", experiment="trips", owner="ada"))
    graph = {"extract": ev.GraphStep(), "train": ev.GraphStep(parents=["extract"])}
    told.say(ev.GRAPH, ev.Graph(steps=graph))
    client = await told.early()
    await told.read(client)
    told.say(ev.STEP_STARTED, ev.StepStarted(total=4, unit="file"), "extract", "e1")
    told.say(ev.PROGRESS, ev.Progress(time=[told.clock.now], done=[1.0], message="march"), "extract", "e1")
    await told.read(client)
    lines = ev.Logs(time=[told.clock.now], level=["WARNING"], text=["a late file"])
    told.say(ev.LOGS, lines, "extract", "e1")
    output = ev.Artifact(name="table", id=ARTIFACT, type="Dataset", size=20, media_type="text/csv", by="chunks")
    told.say(ev.ARTIFACT, output, "extract", "e1")
    await told.read(client)
    await told.silence(client)
    told.service(ev.ARTIFACT_STORED, ev.ArtifactStored(id=ARTIFACT, uri="content/4309ac", size=20))
    told.say(ev.STEP_FINISHED, ev.StepFinished(state="SUCCEEDED"), "extract", "e1")
    await told.read(client)
    client.close()
    here = told.token
    times = [told.clock.now, told.clock.now + 1_000, told.clock.now + 2_000]
    told.say(ev.STEP_STARTED, ev.StepStarted(), "train", "t1")
    told.say(ev.METRICS, ev.Metrics(name="loss", at=[0, 1, 2], time=times, value=[0.75, "NaN", 0.5]), "train", "t1")
    told.say(ev.STEP_FINISHED, ev.StepFinished(state="FAILED", error=error), "train", "t1")
    client = told.connect(after=here)  # it was away, and goes on where it was
    await told.read(client)
    told.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED"))
    told.say(ev.SESSION_CLOSED, ev.SessionClosed(last=told.owner.last + 1))
    await told.read(client)
    told.stored()
    await told.read(client)
    client.close()
    told.write(bye(1_000, "the server ends"))
    client = told.connect(after=here, elsewhere=True)  # a position that is not in that log
    await told.read(client)
    client.close()


def record() -> list[dict[str, Any]]:
    """The exchange, made anew."""
    told = Exchange()
    with ExitStack() as clocks:
        for module in (run_module, watcher_module):
            clocks.enter_context(patch.object(module, "_now", lambda: told.clock.now))
        asyncio.run(_exchange(told))
    return told.entries


def recorded() -> list[dict[str, Any]]:
    """The exchange, as the documents have it."""
    return [json.loads(line) for line in RECORDING.read_text().splitlines()]


if __name__ == "__main__":
    sys.stdout.writelines(json.dumps(entry, separators=(",", ":"), ensure_ascii=False) + "\n" for entry in record())
