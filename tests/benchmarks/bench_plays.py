"""What a frame of a played run costs: 100,000 events and 5,000 steps, one player and many of them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_moments import many_steps

from runreel_server.feed import LiveRun
from runreel_server.queries.plays import PlayQuery
from runs import RUN
from serving import Server

FRAMES = 200
PLAYERS = 20

Row = dict[str, Any]


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    with tempfile.TemporaryDirectory() as folder:
        server, events = Server(Path(folder)), many_steps()
        server.archive(events, each=2_000)
        first, last = events[0].time, events[-1].time
        step = round((last - first) / FRAMES)
        plays: PlayQuery = server.app.extensions["runreel"]["source"].plays
        live = server.services.feed.live(RUN)
        began = process_time()
        turn = plays.begin(live, first, "")
        begin = process_time() - began
        times: list[float] = []
        while turn.then == "on":
            turn = _timed(times, plays, live, turn, turn.head.time + step)
        rows = [
            {
                "what": "played run of 100,000 events, 5,000 steps: the first frame",
                "value": begin * 1000,
                "unit": "ms CPU",
            },
            *_rows(f"a frame of {FRAMES} to its end", times, 100),
        ]
        random = Random(1)
        heads = [plays.begin(live, random.randint(first, (first + last) // 2), "") for _ in range(PLAYERS)]
        for number in range(20):
            times = times if number > 2 else []  # the first ones find their places
            heads = [_timed(times, plays, live, head, head.head.time + step) for head in heads]
        return rows + _rows(f"a frame of {PLAYERS} players, each elsewhere", times, 100)


def _timed(times: list[float], plays: PlayQuery, live: LiveRun, turn: Any, until: int) -> Any:
    began = process_time()
    made = plays.turn(live, turn.head, turn.position, until)
    times.append((process_time() - began) * 1000)
    return made


def _rows(what: str, times: list[float], least: float) -> list[Row]:
    times.sort()
    row = {"unit": "ms CPU", "better": "less"}
    return [
        {"what": f"{what}: p50", "value": round(times[len(times) // 2], 1), **row},
        {"what": f"{what}: p95", "value": round(times[len(times) * 95 // 100], 1), "least": least, **row},
    ]
