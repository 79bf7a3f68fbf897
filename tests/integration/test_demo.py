"""The demo on one machine: a real ETL, watched while it runs, found again afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import commands
import demos
from runreel.hub import Hub
from support import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK = ("demo", "--quick", "--no-browser", "--port", "0")
SERVING = """
import asyncio, sys
from pathlib import Path
from runreel.settings import Settings
from runreel_server import web
from runreel_server.demo import place

class Slow(web.Quiet):
    async def shutdown(self, sockets=None):
        await asyncio.sleep(1)
        await super().shutdown(sockets)
        print("the server has ended", flush=True)

web.Quiet = Slow
place._pipeline = lambda **_: 0
sys.exit(place.run(Settings(), Path("data"), quick=True, fail=False))
"""
AFTER_WEATHER = ["join-weather", "features", "train", "baseline", "evaluate", "publish"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[bytes]]:
    """A quick demo that was run to its end, and the folder of its state."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, commands.run(folder, *QUICK, "--exit", timeout=500)


@pytest.fixture(scope="module")
def again(quick: tuple[Path, subprocess.CompletedProcess[bytes]]) -> Iterator[commands.Up]:
    """`runreel up` on the folder that the demo has left."""
    with commands.up(quick[0]) as machine:
        yield machine


def the_run(machine: commands.Up) -> dict[str, Any]:
    """The state of the one run there is, once all of it is in the archive."""
    (run,) = machine.runs()
    return machine.complete(run["id"])


def test_it_prints_the_page_first_and_at_the_end_where_all_is(
    quick: tuple[Path, subprocess.CompletedProcess[bytes]],
) -> None:
    """A newcomer needs nothing else."""
    folder, done = quick
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("the page: http://127.0.0.1:")
    page = lines[0].removeprefix("the page: ")
    assert lines[-3].startswith(f"the run succeeded: {page}/runs/")
    assert lines[-2] == f"see it again: runreel replay {lines[-3][-8:]}"
    assert lines[-1] == f"the data: {folder / 'state' / 'data'}"


def test_up_finds_the_run_again_whole(again: commands.Up) -> None:
    """Every step, input, artifact and point of it, and no gap."""
    demos.check(the_run(again))


def test_its_report_can_be_read_and_its_flights_add_up(again: commands.Up) -> None:
    """What the steps made is what their readers get."""
    state = the_run(again)
    found = {artifact["name"]: artifact for artifact in state["artifacts"].values()}

    def content(name: str) -> bytes:
        address = f"{again.hub.url}/api/v1/artifacts/{found[name]['id']}/content"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.read()  # type: ignore[no-any-return]

    assert content("report").startswith(b"<!doctype html>")
    matrix = json.loads(content("how good it is"))["confusionMatrix"]["rows"]
    told = sum(sum(row["row"]) for row in matrix)
    assert told == found["features"]["metadata"]["rows"] == state["series"]["features"]["rows"]["last"]


def test_a_step_that_fails_shows_why_and_what_needs_it_never_runs(tmp_path: Path) -> None:
    """What does not need it is done all the same."""
    done = commands.run(tmp_path, *QUICK, "--exit", "--fail", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with commands.up(tmp_path) as machine:
        state = the_run(machine)
    assert state["state"] == "FAILED"
    assert "weather" in state["error"]["message"]
    steps = state["steps"]
    assert steps["weather"]["state"] == "FAILED"
    assert steps["weather"]["error"]["type"] == "KeyError"
    assert "wind_gust" in steps["weather"]["error"]["message"]
    assert "demo/prepare.py" in steps["weather"]["error"]["traceback"]
    assert steps["weather"]["lines"]["levels"]["ERROR"] >= 1
    assert {steps[name]["state"] for name in AFTER_WEATHER} == {"SKIPPED"}
    assert steps["clean"]["state"] == steps["extract/07"]["state"] == "SUCCEEDED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_it_leaves_no_process_and_says_canceled(number: signal.Signals, tmp_path: Path) -> None:
    """The run, what was under way, and what the pages show afterwards."""
    process = commands.start(tmp_path, *QUICK)
    try:
        settings = commands.environ(tmp_path)
        found = commands.Settings(environ=settings, folder=tmp_path)
        hub = wait_for(lambda: Hub.find(found), 60, what="the demo's server")
        run = wait_for(lambda: _running(hub.url), 120, every=0.1, what="a month being extracted")
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"stopping" in said
    assert b"Traceback" not in said
    assert b"that handles pid" not in said  # what asyncio says of processes that nobody waited for
    assert demos.processes(tmp_path) == []
    with commands.up(tmp_path) as machine:
        state = machine.complete(run)
    assert state["state"] == "CANCELED"
    assert state["steps"]["extract"]["state"] == "CANCELED"
    assert "RUNNING" not in {step["state"] for step in state["steps"].values()}


def _running(url: str) -> str | None:
    """The id of the run in which a month is being extracted."""
    try:
        for run in json.load(urllib.request.urlopen(f"{url}/api/v1/runs", timeout=10))["runs"]:
            steps = json.load(urllib.request.urlopen(f"{url}/api/v1/runs/{run['id']}", timeout=10))["steps"]
            if any(name.startswith("extract/") and step["state"] == "RUNNING" for name, step in steps.items()):
                return str(run["id"])
    except OSError:
        pass
    return None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_ended_while_it_serves_it_says_only_that_it_stops(number: signal.Signals, tmp_path: Path) -> None:
    """The run is over: nothing is left to cancel. The server takes a while to end, and that is waited for."""
    process = subprocess.Popen(
        [sys.executable, "-uc", SERVING],
        env=commands.environ(tmp_path, RUNREEL_PORT="0"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line.decode())
            if line.startswith(b"serving until"):
                break
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, rest
    assert rest.decode() == "stopping; what was said is kept\nthe server has ended\n", said
