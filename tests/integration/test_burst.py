"""More than the built-in broker keeps, 5 MiB a partition, the oldest out with nothing said: nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from commands import data, environ, lines, run, up
from runreel import codec
from runreel.events import Event
from runreel.spool import waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def emitter(folder: Path, source: str, **variables: str) -> subprocess.Popen[str]:
    """A program that speaks as fast as it can."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environ(folder, RUNREEL_EXIT_WAIT="200", RUNREEL_SPOOL_LIMIT="2 GiB", **variables),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def exported(folder: Path, run_: str) -> list[Event]:
    """All that the archive has of a run."""
    done = run(folder, "export", run_, timeout=100)
    assert done.returncode == 0, done.stderr
    return [codec.decode(line) for line in done.stdout.splitlines()]


def test_a_burst_of_log_lines_arrives_whole(tmp_path: Path) -> None:
    """50 MB from one step, in order, each line once."""
    count, line = 250_000, "x" * 193
    with up(tmp_path) as machine:
        with emitter(tmp_path, f"""
            import runreel
            with runreel.start("burst") as run:
                for i in range({count}):
                    run.log(f"{{i:06d}} {line}")
            print(run.id)
        """) as step:  # fmt: skip
            number = step.communicate(timeout=250)[0].strip()
        assert step.returncode == 0
        state = machine.complete(number)
        assert (state["missing"], state["losses"], state["lines"]["total"]) == ([], {}, count)
        assert lines(exported(tmp_path, number)) == [f"{i:06d} {line}" for i in range(count)]
        assert waiting(machine.settings).bytes == 0
        assert machine.memory() < 1 << 30


def test_three_emitters_that_outrun_the_broker_lose_nothing(tmp_path: Path) -> None:
    """In one run, so that all of it goes through one partition."""
    source = """
        import os, runreel
        name = os.environ["NAME"]
        with runreel.start("three") as run, run.step(name) as step:
            for i in range(40_000):
                step.metric("n", i)
                step.log(f"{name} {i} " + "y" * 150)
    """
    names = ("a", "b", "c")
    with up(tmp_path) as machine:
        steps = [emitter(tmp_path, source, NAME=name, RUNREEL_RUN_ID="three-1") for name in names]
        for step in steps:
            with step:
                assert step.wait(250) == 0
        assert run(tmp_path, "emit", "finish", RUNREEL_RUN_ID="three-1").returncode == 0
        state = machine.complete("three-1")
        assert (state["missing"], state["losses"], state["conflicts"]) == ([], {}, [])
        events = exported(tmp_path, "three-1")
        for name in names:
            mine = [event for event in events if event.subject == name]
            assert [text.split()[1] for text in lines(mine)] == [str(i) for i in range(40_000)]
            points = [value for one in data(mine, "runreel.metrics") for value in one["value"]]
            assert sorted(points) == list(range(40_000))
        assert waiting(machine.settings).bytes == 0
