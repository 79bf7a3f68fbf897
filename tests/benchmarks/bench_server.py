"""What a server takes: memory idle, and with twenty live runs that are watched; and what importing the SDK costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import commands
from puppets import Puppet
from support import wait_for

RUNS = 20
GRAPH = '{"extract": [], "train": ["extract"]}'
BEGIN = f'runs = [runreel.start(f"bench-{{n}}", graph={GRAPH}) for n in range({RUNS})]'
STEPS = 'steps = [run.step("train") for run in runs]'
WORK = "for n in range(2_000): [step.metric(f'series-{n % 10}', n / 7) for step in steps]"
LINES = "for n in range(200): [step.log(f'line {n} of what a step has to say') for step in steps]"

IMPORTS = 15


def run() -> list[dict[str, Any]]:
    """Memory of the process of `runreel up`, which holds the broker and the consumers too."""
    with tempfile.TemporaryDirectory() as name, commands.up(Path(name)) as up:
        settled(up)
        idle = memory(up)
        busy = watched(up, Path(name))
    return [
        row("runreel up, idle: memory", idle, "MB", 200, 150, note="server, broker and consumers in one process"),
        row(f"runreel up, {RUNS} live runs, each watched: memory", busy, "MB", 400, 300),
        row("import runreel, over an empty interpreter", imported(), "ms", 80, 40),
    ]


def row(what: str, value: float, unit: str, least: float, goal: float, **more: Any) -> dict[str, Any]:
    """A row of which less is better."""
    return {
        "what": what,
        "value": round(value, 1),
        "unit": unit,
        "least": least,
        "goal": goal,
        "better": "less",
        **more,
    }


def watched(up: commands.Up, folder: Path) -> float:
    """MB with live runs of ten series and 200 lines each, all of them watched."""
    puppet = Puppet(folder)
    puppet.do(BEGIN)
    puppet.do(STEPS)
    runs = puppet.ask("' '.join(run.id for run in runs)").split()
    wait_for(lambda: {run["id"] for run in up.runs()} >= set(runs), 60, what="the runs in the list")
    answers = [urllib.request.urlopen(f"{up.hub.url}/api/v1/runs/{run}/stream", timeout=60) for run in runs]
    readers = [threading.Thread(target=_read, args=(answer,), daemon=True) for answer in answers]
    for reader in readers:
        reader.start()
    puppet.do(WORK)
    puppet.do(LINES)
    assert puppet.ask("all(run.flush(60) for run in runs)") == "True"
    found = memory(up)
    puppet.do("[run.finish() for run in runs]")
    puppet.close()
    for answer in answers:
        answer.fp.raw._sock.close()
    return found


def _read(answer: Any) -> None:
    try:
        while answer.readline():
            pass
    except (OSError, ValueError):
        return


def settled(up: commands.Up) -> None:
    """Wait until the server has answered what a first visitor asks."""
    for path in ("/", "/runs", "/metrics"):
        urllib.request.urlopen(up.hub.url + path, timeout=30).read()
    time.sleep(2)


def memory(up: commands.Up) -> float:
    """MB that the process holds now."""
    status = Path(f"/proc/{up.process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))


def imported() -> float:
    """Milliseconds that `import runreel` adds to an empty interpreter: the best of each; what else runs only adds."""
    best = [min(_seconds(code) for _ in range(IMPORTS)) for code in ("pass", "import runreel")]
    return (best[1] - best[0]) * 1000


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began
