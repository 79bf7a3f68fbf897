"""Many viewers of one server: how long an update takes from its emitter to the last of their sockets."""

from __future__ import annotations

import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hall import Hall
from viewers import Viewers

from feeding import Emitter
from runreel import events as ev
from runreel_server.up import Broker
from support import wait_for

UPDATES = 20
RUNS, WATCHED, EVENTS = 100, 10, 5
"""Live runs, those of them that are watched, and the events that each says between two marks."""

AFTER_SECONDS = 5.0
"""For what is still under way on a busy machine."""

STILL = 500
DROPPED_SECONDS = 60.0

Row = dict[str, Any]


def run() -> list[Row]:
    """One live run with ever more viewers; some that read nothing; a hundred live runs."""
    rows = []
    for count, least, goal in ((200, 50, 50), (5_000, 300, 300), (10_000, None, 500)):
        with hall() as (server, broker):
            rows += watched(server, broker, count, least, goal)
    with hall() as (server, broker):
        rows += beside_sleepers(server, broker)
    for count in (1, RUNS):
        with hall() as (server, broker):
            rows += side_by_side(server, broker, count)
    return rows


@contextmanager
def hall() -> Iterator[tuple[Hall, str]]:
    """A server process, and the address of the built-in broker that it listens to."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        broker = Broker()
        server = Hall(Path(name), broker.address())
        stack.callback(server.close)
        yield server, broker.address()
        del broker


def begun(server: Hall, broker: str) -> Emitter:
    """A run that the server knows."""
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(emitter.step("work"))
    wait_for(lambda: _answers(f"{server.url}/api/v1/runs/{emitter.run}"), 60, what="the run")
    return emitter


def stream(emitter: Emitter) -> str:
    """The path of a run's stream."""
    return f"/api/v1/runs/{emitter.run}/stream"


def mark(emitter: Emitter) -> None:
    """Say one line that tells when it was said."""
    now = time.time_ns()
    line = ev.Logs(time=[now // 1000], level=["INFO"], text=[f"mark {now}"])
    emitter.send(emitter.event(ev.LOGS, line, "work", "e-work"))


def watched(server: Hall, broker: str, count: int, least: float | None, goal: float) -> list[Row]:
    """One run and so many viewers."""
    emitter = begun(server, broker)
    viewers = Viewers(server.port, count, [stream(emitter)])
    try:
        before = server.told()
        for number in range(UPDATES):
            time.sleep(max(0.0, before["at"] + 1.0 + number - time.monotonic()))
            mark(emitter)
        after = server.told()
        time.sleep(AFTER_SECONDS)
        found = viewers.ended()
    finally:
        viewers.close()
    assert found["marks"] == [UPDATES, UPDATES], found["marks"]
    share = (after["cpu"] - before["cpu"]) / (after["at"] - before["at"])
    loop = f"its loop was late by {after['lag']['most']:.0f} ms at most"
    note = f"server {after['memory']:.0f} MB, {share:.0%} of a core; {loop}"
    return late(f"{count:,} viewers of a live run, an update a second", found, least, goal, note)


def beside_sleepers(server: Hall, broker: str) -> list[Row]:
    """Viewers that read nothing, until they are dropped, beside some that do; an update of 200 kB each time."""
    emitter = begun(server, broker)
    sleepers = Viewers(server.port, STILL, [stream(emitter)])
    sleepers.stop()
    viewers = Viewers(server.port, 20, [stream(emitter)])
    try:
        before, deadline = server.told(), time.monotonic() + DROPPED_SECONDS
        began, most = time.monotonic(), 0.0
        while _open(server) > 20 and time.monotonic() < deadline:
            logs = ev.Logs(time=[0] * 50, level=["INFO"] * 50, text=["x" * 4_000] * 50)
            emitter.send(emitter.event(ev.LOGS, logs, "work", "e-work"))
            mark(emitter)
            time.sleep(0.5)
            most = max(most, server.told()["memory"])
        left = _open(server) - 20
        took = time.monotonic() - began
        found = viewers.ended()
    finally:
        viewers.close()
        sleepers.close()
    each = (most - before["memory"]) / STILL * 1000
    what = f"{STILL} viewers that read nothing"
    return [
        {"what": f"{what}: memory each", "value": round(each), "unit": "kB", "least": 1_000, "better": "less"},
        {"what": f"{what}: left after {took:.0f} s", "value": left, "unit": "", "least": 0, "better": "less"},
        *late("20 viewers beside them", found, None, None, ""),
    ]


def side_by_side(server: Hall, broker: str, count: int) -> list[Row]:
    """So many runs live at once, each at its own pace, and a viewer of each of the first ten."""
    emitters = [begun(server, broker) for _ in range(min(count, WATCHED))]
    viewers = Viewers(server.port, len(emitters), [stream(emitter) for emitter in emitters])
    for _ in range(count - len(emitters)):
        emitters.append(Emitter(broker))
        emitters[-1].begin()
    try:
        before = server.told()
        for number in range(UPDATES * EVENTS):
            for place, emitter in enumerate(emitters):
                due = before["at"] + 1.0 + (number + place / count) / EVENTS
                time.sleep(max(0.0, due - time.monotonic()))
                if place < WATCHED and number % EVENTS == 0:
                    mark(emitter)
                else:
                    emitter.put(emitter.points("work", "loss", float(number)))
        time.sleep(AFTER_SECONDS)
        found = viewers.ended()
    finally:
        viewers.close()
    what = f"{count} live runs, {min(count, WATCHED)} of them watched" if count > 1 else "1 live run, watched"
    return late(what, found, None, None, f"{count * EVENTS} events a second")


def late(what: str, found: Row, least: float | None, goal: float | None, note: str) -> list[Row]:
    """p50 and p99 of how old marks were when they came."""
    ages = found["late"]
    half, most = ages[len(ages) // 2], ages[len(ages) * 99 // 100]
    row = {"unit": "ms", "better": "less"}
    bounds = {"least": least, "goal": goal, "note": note}
    return [
        {"what": f"{what}: p50", "value": round(half, 1), **row},
        {"what": f"{what}: p99", "value": round(most, 1), **row, **bounds},
    ]


def _open(server: Hall) -> int:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("runreel_streams_open "))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except OSError:
        return False
