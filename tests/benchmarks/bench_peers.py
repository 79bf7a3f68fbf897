"""One logged point in a loop: `runreel.metric()` and the same call of others, in one run on one machine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

CALLS = 20_000

PROGRAMS = {
    "runreel": """
import runreel
run = runreel.start("bench")
def log(i, run=run): run.metric("loss", 0.5 * i)
def end(): run.finish()
""",
    "tensorboardX": """
from tensorboardX import SummaryWriter
writer = SummaryWriter("board")
def log(i): writer.add_scalar("loss", 0.5 * i, i)
def end(): writer.close()
""",
    "trackio": """
import trackio
trackio.init(project="bench", embed=False)
def log(i): trackio.log({"loss": 0.5 * i})
def end(): trackio.finish()
""",
}

LOOP = """
import json, os, sys, time
took, clock = [], time.perf_counter_ns
for i in range(500): log(i)
for i in range({calls}):
    began = clock(); log(i); took.append(clock() - began)
took.sort()
print("took", json.dumps([took[len(took) // 2] / 1000, took[len(took) * 99 // 100] / 1000]), flush=True)
end()
"""


def measured(name: str, program: str) -> list[dict[str, Any]]:
    """p50 and p99 of one peer's call, in a process and a folder of its own."""
    bounds = {"runreel": ((2, 1), (10, 3))}.get(name)
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "RUNREEL_STATE_DIR": folder, "RUNREEL_TRANSPORT": "null", "RUNREEL_ENVIRONMENT": "0"}
        environ |= {"HOME": folder, "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
        done = subprocess.run(
            [sys.executable, "-c", program + LOOP.replace("{calls}", str(CALLS))],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    line = next((line for line in done.stdout.splitlines() if line.startswith("took ")), None)
    if line is None:
        raise RuntimeError(f"{name} did not measure: {done.stderr[-500:]}")
    rows = []
    for number, (share, value) in enumerate(zip(("p50", "p99"), json.loads(line[5:]), strict=True)):
        row: dict[str, Any] = {"what": f"{name}: one point logged in a loop, {share}", "value": value, "unit": "µs"}
        if bounds:
            row |= {"least": bounds[number][0], "goal": bounds[number][1], "better": "less"}
        rows.append(row)
    return rows


def run() -> list[dict[str, Any]]:
    """All peers that are installed (`pip install 'runreel[bench]'`)."""
    rows = []
    for name, program in PROGRAMS.items():
        if importlib.util.find_spec(name) is None:
            rows.append({"what": f"{name}: one point logged in a loop", "value": "not installed", "unit": ""})
            continue
        rows += measured(name, program)
    return rows
