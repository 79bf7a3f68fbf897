"""A burst of log lines through `runreel up`, whose broker keeps 5 MiB a partition: how fast all of it is archived."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import commands
from puppets import Puppet

SIZE = 64_000_000
LINE = 200
COUNT = SIZE // LINE


def run() -> list[dict[str, Any]]:
    """One process says all of it as fast as it can."""
    with tempfile.TemporaryDirectory() as name, commands.up(Path(name)) as up:
        puppet = Puppet(Path(name))
        puppet.do('run = runreel.start("burst"); step = run.step("say")')
        run = puppet.ask("run.id")
        began = time.monotonic()
        puppet.do(f"for n in range({COUNT}): step.log(f'{{n:0{LINE}d}}')")
        said = time.monotonic() - began
        puppet.do("run.flush(600)")
        puppet.do("run.finish()")
        puppet.close()
        state = up.complete(run, 120)
        took = time.monotonic() - began
        lines, memory = state["steps"]["say"]["lines"]["total"], up.memory() / 1e6
    if lines != COUNT or state["missing"] or state["losses"]:
        raise AssertionError(f"{lines:,} of {COUNT:,} lines came; missing {state['missing']}, lost {state['losses']}")
    what = f"burst of {SIZE / 1e6:.0f} MB of log lines through up"
    return [
        {"what": f"{what}: said in", "value": round(said, 2), "unit": "s"},
        {"what": f"{what}: complete after", "value": round(took, 2), "unit": "s"},
        {"what": f"{what}: rate", "value": round(SIZE / 1e6 / took, 2), "unit": "MB/s"},
        {"what": f"{what}: memory of up at most", "value": round(memory, 1), "unit": "MB"},
    ]
