"""For how long the event loop of a server is held up: by a large run that changes fast, and by who comes for it."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_viewers import stream
from hall import Hall
from viewers import Viewers

from feeding import Emitter
from runreel import events as ev
from runreel_server.up import Broker
from serving import Server

STEPS = 5_000
UPDATES = 100
SECONDS = 20
VIEWERS = 20
COMERS = 20
"""Who come for a snapshot, one a second."""

Row = dict[str, Any]


def run() -> list[Row]:
    """A run of 5,000 steps, 100 updates a second, viewers that stay and others that come."""
    with tempfile.TemporaryDirectory() as name:
        broker = Broker()
        emitter = Emitter(broker.address())
        emitter.event(ev.SESSION_OPENED, ev.SessionOpened(role="owner", host="h", pid=1))
        emitter.event(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
        names = [f"group-{number % 50}/step-{number}" for number in range(STEPS)]
        emitter.event(ev.GRAPH, {"steps": {path: {} for path in names}})
        for path in names[::2]:
            emitter.step(path)
        Server(Path(name)).archive(emitter.said)
        server = Hall(Path(name), broker.address())
        viewers = Viewers(server.port, VIEWERS, [stream(emitter)])
        try:
            server.told()
            before = time.monotonic()
            comers = threading.Thread(target=_come, args=(server, stream(emitter)))
            comers.start()
            chance = Random(7)
            for number in range(UPDATES * SECONDS):
                time.sleep(max(0.0, before + number / UPDATES - time.monotonic()))
                emitter.put(_update(emitter, chance.choice(names[::2]), number))
            comers.join()
            lag = server.told()["lag"]
        finally:
            viewers.close()
            server.close()
        del broker
    what = f"event loop late, {STEPS:,} steps, {UPDATES} updates a second"
    note = f"{VIEWERS} viewers that stay, one that comes each second"
    row = {"unit": "ms", "better": "less"}
    return [
        {"what": f"{what}: p99", "value": round(lag["p99"], 1), "least": 10, "note": note, **row},
        {"what": f"{what}: at most", "value": round(lag["most"], 1), **row},
    ]


def _update(emitter: Emitter, path: str, number: int) -> ev.Event:
    now = time.time_ns() // 1000
    if number % 2:
        return emitter.points(path, "loss", float(number))
    return emitter.event(ev.PROGRESS, ev.Progress(time=[now], done=[number % 100], total=100.0), path, f"e-{path}")


def _come(server: Hall, path: str) -> None:
    for _ in range(COMERS):
        viewers = Viewers(server.port, 1, [path])
        time.sleep(max(0.0, SECONDS / COMERS - 0.3))
        viewers.close()
