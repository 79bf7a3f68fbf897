"""What a log of ten million lines costs over HTTP, from request to bytes, without a network: opened at its end, at a
moment, by level, searched; while its run goes on (segments of the archive) and after its end (its own objects)."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from runreel import events as ev
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.partitions import partition_of
from runs import RUN, START, Clock, Voice
from serving import PARTITIONS, Server

LINES = 10_000_000
EACH = 250
"""Lines in an event: what a busy step is sealed to."""

STEPS = 16
FILL = 400  # events in one go: what the making holds in memory
GAP = 1_000  # microseconds between lines

Row = dict[str, Any]


def fill(server: Server, lines: int = LINES, start: int = START) -> list[Voice]:
    """Have the archive hold a run of so many lines, said from `start` on: an error in 10,000, a text that only one has.
    Answers its sessions, the owner first."""
    clock, random = Clock(start), Random(7)
    owner = Voice(f"{0:032x}", clock)
    owner.open()
    owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for step in range(STEPS):
        owner.start(f"train/fold-{step}", f"{step:016x}")
    server.archive(owner.events)
    voices = [Voice(f"{number + 1:032x}", clock) for number in range(STEPS)]
    done, rare = 0, lines // 2 + 123
    while done < lines:
        for voice in voices:
            voice.events.clear()
        for _ in range(FILL):
            voice = voices[done // EACH % STEPS]
            numbers = range(done, done + EACH)
            texts = [
                f"step {n} loss={random.random():.6f} of batch {n % 512}, {n % 97} ms, 512 rows read" for n in numbers
            ]
            if done <= rare < done + EACH:
                texts[rare - done] = "the needle that is only here"
            levels = ["ERROR" if n % 10_000 == 9_999 else "INFO" for n in numbers]
            times = [start + n * GAP for n in numbers]
            clock.now = times[-1]
            where = {"subject": f"train/fold-{done // EACH % STEPS}", "execution": f"{done // EACH % STEPS:016x}"}
            voice.say(ev.LOGS, ev.Logs(time=times, level=levels, text=texts), time=times[-1], passes=0, **where)
            done += EACH
        server.archive(sorted((event for voice in voices for event in voice.events), key=lambda event: event.time))
    return [owner, *voices]


def store(server: Server) -> None:
    """Make the run's own objects."""
    number = partition_of(RUN, PARTITIONS)
    upto = Position(0, number, server._offsets[number] - 1)
    RunObjects(server.store).make(Log(server.store), RUN, "default", upto, b"", b"{}")


def _milliseconds(work: Callable[[], Any], times: int = 5) -> float:
    """The middle one of some runs, after a first one."""
    work()
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return sorted(taken)[len(taken) // 2] * 1e3


def _searched(server: Server, query: str) -> int:
    """A search over all of the log, slice by slice; answers how many hits there are."""
    hits, cursor = 0, ""
    while True:
        found = server.get(f"/runs/{RUN}/hits?{query}{cursor}")
        hits += found["hits"]
        if found["before"] is None:
            return hits
        cursor = f"&before={found['before']}"


def _rows(server: Server, when: str, lines: int) -> list[Row]:
    middle = START + lines // 2 * GAP
    address = f"/runs/{RUN}/logs?width=1000&overwritten=drop"
    first = server.get(f"{address}&limit=200")
    assert len(first["lines"]) == 200
    questions = {
        "opened at its end": f"{address}&limit=200",
        "the page before": f"{address}&limit=200&before={first['before']}",
        "jump to the middle": f"{address}&limit=200&around={middle}",
        "errors, the last 200": f"{address}&limit=200&level=ERROR",
        "one step of 16": f"{address}&limit=200&under=train/fold-3",
    }
    rows = []
    for what, question in questions.items():
        took = _milliseconds(lambda question=question: server.get(question))
        rows.append({"what": f"log of 10^7 lines, {when}: {what}", "value": took, "unit": "ms"})
    rows[0] |= {"least": 200, "goal": 50, "better": "less"}
    for what, query, hits in (
        ("a rare text, all of it searched", "q=the+needle", 1),
        ("an expression, all of it searched", r"regex=loss%3D0%5C.0000%5Cd%2B", None),
        ("all errors, all of it searched", "level=ERROR", lines // 10_000),
    ):
        begun = perf_counter()
        found = _searched(server, query)
        assert hits is None or found == hits, found
        rows.append(
            {"what": f"log of 10^7 lines, {when}: {what}", "value": (perf_counter() - begun) * 1e3, "unit": "ms"}
        )
    took = _milliseconds(lambda: server.get(f"/runs/{RUN}/hits?q=the+needle"))
    rows.append({"what": f"log of 10^7 lines, {when}: one slice of a search", "value": took, "unit": "ms"})
    for of in ("lines", "errors"):
        begun = perf_counter()
        server.get(f"/runs/{RUN}/density?of={of}&width=300&from={START}&to={START + lines * GAP}")
        once = (perf_counter() - begun) * 1e3
        took = _milliseconds(
            lambda of=of: server.get(f"/runs/{RUN}/density?of={of}&width=300&from={START}&to={START + lines * GAP}")
        )
        rows.append(
            {
                "what": f"log of 10^7 lines, {when}: rail of {of}",
                "value": took,
                "unit": "ms",
                "note": f"{once:.0f} at first",
            }
        )
    return rows


def run(lines: int = LINES) -> list[Row]:
    """Rows of {what, value, unit}."""
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as scratch:
        server = Server(Path(scratch))
        fill(server, lines)
        rows = _rows(server, "running", lines)
        begun = perf_counter()
        store(server)
        rows.append({"what": "log of 10^7 lines: put away", "value": perf_counter() - begun, "unit": "s"})
        return rows + _rows(server.beside(), "ended", lines)


if __name__ == "__main__":
    for row in run(*map(int, sys.argv[1:2])):
        print(f"{row['what']:75} {row['value']:>10.1f} {row['unit']} {row.get('note', '')}")
