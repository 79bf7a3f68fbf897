"""What an installed runreel must do, run by the environment that it is installed in: `python smoke.py FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

STEP = """
import pandas, runreel
with runreel.start("smoke", params={"a": 1}) as run:
    with run.step("one", total=3) as step:
        for i in step.track(range(3)):
            step.metric("loss", 1 / (i + 1))
            step.log(f"line {i}")
        step.output("frame", pandas.DataFrame({"x": [1, 2]}))
print(run.id)
"""


def get(url: str) -> bytes:
    """The body at an address."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def main(folder: Path) -> None:
    """Start `runreel up`, run a step, and look at the run over HTTP until it is complete."""
    environ = {**os.environ, "RUNREEL_STATE_DIR": str(folder)}
    up = subprocess.Popen([sys.executable, "-m", "runreel", "up", "--port", "23000"], env=environ)
    end = time.monotonic() + 60
    try:
        while not (folder / "hub.json").exists():
            assert up.poll() is None, "runreel up ended"
            assert time.monotonic() < end, "runreel up did not start in time"
            time.sleep(0.1)
        url = json.loads((folder / "hub.json").read_bytes())["url"]
        run = subprocess.run([sys.executable, "-c", STEP], env=environ, check=True, capture_output=True, text=True)
        address = f"{url}/api/v1/runs/{run.stdout.strip()}"
        state = json.loads(get(address))
        while not state["complete"] or any(a["state"] != "stored" for a in state["artifacts"].values()):
            assert time.monotonic() < end, f"not complete in time: {state}"
            time.sleep(0.1)
            state = json.loads(get(address))
        assert state["state"] == "SUCCEEDED", state
        assert state["series"]["one"]["loss"]["count"] == 3, state
        (artifact,) = state["artifacts"]
        assert get(f"{url}/api/v1/artifacts/{artifact}/content")[:4] == b"PAR1"
        assert b"smoke" in get(f"{url}/runs/{state['id']}")
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(10) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
