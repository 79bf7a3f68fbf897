"""What questions over HTTP cost, from request to bytes, without a network: a run of 5,000 steps, a million points."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from runreel import events as ev
from runreel.events import Event
from runs import RUN, SECOND, Clock, Voice
from serving import Server

STEPS = 5_000
BATCHES = 1_000


def structure() -> list[Event]:
    """20,000 events of structure in a run that goes on."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for number in range(STEPS):
        path, execution = f"group-{number % 50}/step-{number}", f"{number:016x}"
        voice.start(path, execution, total=3)
        voice.say(ev.PARAMS, {"seed": number}, subject=path, execution=execution)
        voice.output(path, execution, "data", f"{number:032x}", size=3)
        voice.finish(path, execution)
    return voice.events


def streams(run: str) -> list[Event]:
    """A million points and 100,000 lines, each in a thousand events."""
    voice = Voice("b" * 32, Clock(), run=run)
    voice.open()
    voice.start("train", "e" * 16)
    for number in range(BATCHES):
        time = [voice.clock.now + i * 1000 for i in range(1000)]
        points = ev.Metrics(name="loss", time=time, value=[(number * 7 + i) % 101 * 0.5 for i in range(1000)])
        voice.say(ev.METRICS, points, subject="train", execution="e" * 16, time=time[-1], passes=1)
        texts = [f"epoch {number}, batch {i}: all is well" for i in range(100)]
        lines = ev.Logs(time=time[:1000:10], level=["INFO"] * 100, text=texts)
        voice.say(ev.LOGS, lines, subject="train", execution="e" * 16, time=time[990], passes=0)
    return voice.events


def run() -> list[dict[str, Any]]:
    """Rows of {what, value, unit}."""
    with tempfile.TemporaryDirectory() as folder:
        return list(_measured(Path(folder)))


def _measured(folder: Path) -> Iterator[dict[str, Any]]:
    other = RUN[:-1] + "2"
    many, long = structure(), streams(other)
    server = Server(folder)
    for events in (many, long):
        server.archive(events, each=2_000)
    middle, late = many[len(many) // 2].time, many[-100].time
    inside = long[len(long) // 2].time

    def told(what: str, address: str, times: int = 5) -> Iterator[dict[str, Any]]:
        spans = []
        for _ in range(times):
            begin = perf_counter()
            client.get(f"/api/v1/runs/{address}")
            spans.append(perf_counter() - begin)
        yield {"what": f"{what}, first", "value": round(spans[0] * 1e3, 1), "unit": "ms"}
        yield {"what": f"{what}, again", "value": round(min(spans[1:]) * 1e3, 1), "unit": "ms"}

    client = server.app.test_client()
    client.get("/healthz")
    yield from told("state of 5,000 steps", RUN)
    yield from told("state of 5,000 steps at a moment", f"{RUN}?at={middle}")
    yield from told("graph of 5,000 steps", f"{RUN}/graph")
    drags = []
    for number in range(20):
        start = late - number * SECOND // 100
        begin = perf_counter()
        client.get(f"/api/v1/runs/{RUN}/delta?from={start}&at={start - SECOND // 100}")
        drags.append(perf_counter() - begin)
    yield {
        "what": "patch while dragging back over 5,000 steps",
        "value": round(sorted(drags)[10] * 1e3, 1),
        "unit": "ms",
    }
    drags = []
    for number in range(20):
        start = middle + number * SECOND // 100
        begin = perf_counter()
        client.get(f"/api/v1/runs/{RUN}/delta?from={start}&at={start + SECOND // 100}")
        drags.append(perf_counter() - begin)
    yield {"what": "patch while dragging on over 5,000 steps", "value": round(sorted(drags)[10] * 1e3, 1), "unit": "ms"}
    yield from told("series of a million points", f"{other}/series?key=train:loss&x=time")
    yield from told("state with a million points at a moment", f"{other}?at={inside}")
    yield from told("log's tail of 100,000 lines", f"{other}/logs?limit=200")
    yield from told("density of 100,000 lines", f"{other}/density?of=lines&width=800")
    yield from told("search in 100,000 lines", f"{other}/logs?q=nothing")


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']:50} {row['value']:10} {row['unit']}")
