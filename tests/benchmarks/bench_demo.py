"""How long the demo takes: the quick one, and where FULL=1 is set the one that people watch."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import commands


def run() -> list[dict[str, Any]]:
    """Each with a state of its own, from the command to its end."""
    rows = [measured("demo --quick --exit", 30, 15, "--quick")]
    if os.environ.get("FULL"):
        rows.append(measured("demo --exit", 120, 90, note="60 to 120 s are meant, on two cores that do nothing else"))
    return rows


def measured(what: str, least: float, goal: float, *options: str, note: str = "") -> dict[str, Any]:
    """One demo."""
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        done = commands.run(Path(name), "demo", "--exit", "--no-browser", "--port", "0", *options, timeout=900)
        took = time.monotonic() - began
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    row = {"what": what, "value": round(took, 1), "unit": "s", "least": least, "goal": goal, "better": "less"}
    return {**row, "note": note} if note else row
