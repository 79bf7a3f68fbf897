"""What any moment of a run costs over HTTP, from request to bytes, without a network: states, and patches as they are
asked for while the playhead is dragged."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any
from urllib.parse import quote

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from runreel import events as ev
from runreel.events import Event
from runreel_consumers import serving
from runs import RUN, Clock, Voice
from serving import Server

STEPS = 5_000
WORKERS = 50
BATCHES = 10_000
POINTS = 1_000
MOMENTS = 60

Row = dict[str, Any]


def many_steps(clock: Clock | None = None) -> list[Event]:
    """100,000 events: 5,000 steps by 50 workers side by side, each with params, an output, points, lines, progress."""
    clock = clock or Clock()
    owner = Voice(f"{0:032x}", clock)
    owner.open()
    owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    workers = [Voice(f"{number:032x}", clock) for number in range(1, WORKERS + 1)]
    for voice in workers:
        voice.open("member")
    for round_ in range(STEPS // WORKERS):
        steps = [
            (voice, {"subject": f"group-{number}/step-{round_}", "execution": f"{round_ * WORKERS + number:016x}"})
            for number, voice in enumerate(workers)
        ]
        for voice, step in steps:
            voice.start(step["subject"], step["execution"], total=5)
            voice.say(ev.PARAMS, {"seed": round_, "rate": 0.1}, **step)
        for turn in range(5):
            for voice, step in steps:
                time = [clock.now - 4_000 + i * 1000 for i in range(5)]
                points = ev.Metrics(name="loss", time=time, value=[turn + i * 0.5 for i in range(5)])
                voice.say(ev.METRICS, points, **step, time=time[-1])
                voice.say(ev.PROGRESS, ev.Progress(time=[clock.now], done=[turn + 1.0]), **step, time=clock.now)
                texts = [f"epoch {turn}, batch {i}: all is well" for i in range(5)]
                voice.say(ev.LOGS, ev.Logs(time=time, level=["INFO"] * 5, text=texts), **step, time=time[-1])
        for voice, step in steps:
            voice.output(step["subject"], step["execution"], "data", step["execution"] * 2, size=3)
            voice.finish(step["subject"], step["execution"])
    for voice in (*workers, owner):
        if voice is owner:
            voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
        voice.close()
    return sorted((event for voice in (owner, *workers) for event in voice.events), key=lambda event: event.time)


def many_points(run: str) -> list[Event]:
    """Ten million points of ten steps that go on side by side, in batches of a second."""
    random = np.random.default_rng(1)
    clock = Clock()
    owner = Voice("a" * 32, clock, run=run)
    owner.open()
    owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voices = [Voice(f"{number:032x}", clock, run=run) for number in range(1, 11)]
    for number, voice in enumerate(voices):
        voice.open("member")
        voice.start(f"train/fold-{number}", f"{number:016x}")
    for batch in range(BATCHES):
        number = batch % 10
        time = [clock.now - 1_000_000 + i * 1000 for i in range(POINTS)]
        points = ev.Metrics(name="loss", time=time, value=random.normal(size=POINTS).tolist())
        step = {"subject": f"train/fold-{number}", "execution": f"{number:016x}"}
        voices[number].say(ev.METRICS, points, **step, time=time[-1], passes=0.1)
    for number, voice in enumerate(voices):
        voice.finish(f"train/fold-{number}", f"{number:016x}")
        voice.close()
    owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    owner.close()
    return sorted((event for voice in (owner, *voices) for event in voice.events), key=lambda event: event.time)


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    serving.prepare()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_of("100,000 events, 5,000 steps", 200, many_steps(), Path(folder) / "steps", RUN))
        other = RUN[:-1] + "2"
        rows += _of("10 million points", 300, many_points(other), Path(folder) / "points", other)
    return rows


def _of(what: str, least: float, events: list[Event], folder: Path, run: str) -> Iterator[Row]:
    folder.mkdir()
    server, random = Server(folder), Random(1)
    server.archive(events, each=2_000)
    first, last = events[0].time, events[-1].time
    charted = next(event.subject for event in events if event.type == ev.METRICS)
    events.clear()
    client = server.app.test_client()
    client.get("/healthz")

    def ask(address: str) -> None:
        answer = client.get(f"/api/v1/runs/{run}{address}")
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def anywhere() -> int:
        return random.randint(first, last)

    def drag() -> Iterator[str]:
        """The playhead goes back and forth, one of a thousand pixels at a time, as a hand does."""
        here, pixel = (first + last) // 2, (last - first) // 1000
        while True:
            way = random.choice((-1, 1))
            for _ in range(random.randint(5, 40)):
                there = min(last, max(first, here + way * pixel * random.randint(1, 3)))
                yield f"/delta?from={here}&at={there}"
                here = there

    yield from _times(f"{what}: state now, first", None, ask, [""])
    yield from _times(f"{what}: state at a moment, first", None, ask, [f"?at={anywhere()}"])
    yield from _times(f"{what}: state at a moment", least, ask, [f"?at={anywhere()}" for _ in range(MOMENTS)])
    dragged = drag()
    ask(next(dragged))
    yield from _times(f"{what}: patch while dragging", least, ask, [next(dragged) for _ in range(3 * MOMENTS)])
    jumps = [f"/delta?from={anywhere()}&at={anywhere()}" for _ in range(MOMENTS)]
    yield from _times(f"{what}: patch of a jump", least, ask, jumps)
    chart = f"/series?key={quote(charted or '', safe='/')}:loss&x=time&width=400&until="
    yield from _times(f"{what}: chart at a moment, first", None, ask, [f"{chart}{anywhere()}"])
    yield from _times(f"{what}: chart at a moment", least, ask, [f"{chart}{anywhere()}" for _ in range(MOMENTS)])
    yield from _times(f"{what}: graph at a moment", None, ask, [f"/graph?at={anywhere()}" for _ in range(MOMENTS // 3)])
    yield from _times(f"{what}: state now", least, ask, [""] * 10)


def _times(what: str, least: float | None, ask: Callable[[str], None], addresses: list[str]) -> Iterator[Row]:
    walls, works = [], []
    for address in addresses:
        wall, work = perf_counter(), process_time()
        ask(address)
        walls.append((perf_counter() - wall) * 1e3)
        works.append((process_time() - work) * 1e3)
    wanted = {} if least is None else {"least": least, "better": "less"}
    if len(addresses) == 1:
        yield {"what": what, "value": round(walls[0], 1), "unit": "ms", "note": f"CPU {works[0]:.0f} ms"}
        return
    for name, share in (("p50", 50), ("p95", 95)):
        wall, work = (round(float(np.percentile(one, share)), 1) for one in (walls, works))
        bound = wanted if name == "p95" else {}
        yield {"what": f"{what}, {name}", "value": wall, "unit": "ms", "note": f"CPU {work:.0f} ms", **bound}


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']:60} {row['value']:10} {row['unit']} {row.get('note', '')}")
