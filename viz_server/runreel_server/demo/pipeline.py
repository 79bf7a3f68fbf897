"""The pipeline: which steps there are, and each run as a process of its own.

`python -m runreel_server.demo.pipeline run` runs all of it against whatever the settings name (`RUNREEL_KAFKA`, or the
`runreel up` of this machine); `step NAME` runs one step, as the pipeline does in its processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

import runreel

MONTHS = range(1, 13)
FOLDS = range(3)
GRAPH = {
    "extract": [],
    "clean": ["extract"],
    "weather": [],
    "join-weather": ["clean", "weather"],
    "features": ["join-weather"],
    "train": ["features"],
    "baseline": ["features"],
    "evaluate": ["train", "baseline"],
    "publish": ["evaluate"],
}


# How much work is done: the full size is worth watching, the quick one is for a first look and for tests.
FULL = {"keep": 1, "epochs": 20, "trees": 100, "rows": 20_000}
QUICK = {"keep": 25, "epochs": 3, "trees": 20, "rows": 1_000}


def main(*, quick: bool = False, fail: bool = False, work: Path | None = None) -> bool:
    """Run the whole pipeline; answers whether it succeeded.

    Args:
        quick: a twenty-fifth of the flights and a short training.
        fail: the weather comes without a column, and the step that needs it fails.
        work: folder of the tables between the steps; by default a temporary one, removed at the end.
    """
    size = QUICK if quick else FULL
    if work is None:
        with tempfile.TemporaryDirectory(prefix="runreel-demo-") as folder:
            return main(quick=quick, fail=fail, work=Path(folder))
    params = {"months": len(MONTHS), **size}
    tags = {"demo": "quick" if quick else "full"}
    run = runreel.start("nyc-flights", experiment="delays", params=params, tags=tags, graph=GRAPH)
    click.echo(f"run {run.id[-8:]} {run.url or ''}")
    try:
        ended = steps(run, size, work, fail)
    except BaseException as error:
        run.finish(error=error)
        raise
    failed = sorted(name for name, code in ended.items() if code)
    run.finish("FAILED" if failed else None, error=f"{', '.join(failed)} failed" if failed else None)
    click.echo(f"the run {'failed: ' + ', '.join(failed) if failed else 'succeeded'} {run.url or ''}")
    click.echo(f"see it again: runreel replay {run.id[-8:]}")
    return not failed


def steps(run: runreel.Run, size: Mapping[str, int], work: Path, fail: bool) -> dict[str, int]:
    """Start each step when its parents are done, side by side where they can be; answers each one's exit code."""
    going: dict[str, list[subprocess.Popen[bytes]]] = {}
    groups: dict[str, runreel.Step] = {}
    ended: dict[str, int] = {}
    try:
        while len(ended) < len(GRAPH):
            for name, parents in GRAPH.items():
                if name not in going and all(ended.get(parent) == 0 for parent in parents):
                    going[name] = start(run, name, groups, size, work, fail)
            for name, processes in going.items():
                done = sum(process.poll() is not None for process in processes)
                if name in groups and name not in ended:
                    groups[name].progress(done)
                if name not in ended and done == len(processes):
                    ended[name] = max(abs(process.returncode) for process in processes)
                    if name in groups:
                        groups[name].finish("FAILED" if ended[name] else None)
            if any(ended.values()) and going.keys() == ended.keys():
                return ended  # what is left needs what failed
            time.sleep(0.05)
    finally:
        for processes in going.values():
            for process in processes:
                if process.poll() is None:
                    process.terminate()
                    process.wait(10)
    return ended


def start(
    run: runreel.Run, name: str, groups: dict[str, runreel.Step], size: Mapping[str, int], work: Path, fail: bool
) -> list[subprocess.Popen[bytes]]:
    """The processes of one step. A step of several is opened here, so that they are its children."""
    parts = {"extract": [f"{month:02d}" for month in MONTHS], "train": [str(fold) for fold in FOLDS]}.get(name)
    environ = run.environ()
    if parts:
        groups[name] = run.step(name, after=GRAPH[name], total=len(parts), unit="part")
        environ = groups[name].environ()
    arguments = ["--work", str(work), *(f"--{key}={value}" for key, value in size.items())]
    if fail and name == "weather":
        arguments.append("--without=wind_gust")
    command = [sys.executable, "-m", "runreel_server.demo.pipeline", "step", name]
    return [
        subprocess.Popen(
            [*command, *arguments, f"--part={part}"], env={**os.environ, **environ}, start_new_session=False
        )
        for part in parts or ["0"]
    ]


@click.group()
def commands() -> None:
    """The demo's pipeline."""


@commands.command("run")
@click.option("--quick", is_flag=True, help="A twenty-fifth of the flights and a short training.")
@click.option("--fail", is_flag=True, help="The weather comes without a column.")
def run(quick: bool, fail: bool) -> None:
    """Run all steps; the exit code is 1 where one failed that was not asked to."""
    if main(quick=quick, fail=fail) == fail:
        sys.exit(1)


@commands.command("step")
@click.argument("name", type=click.Choice(list(GRAPH)))
@click.option("--part", type=int, default=0, help="Which month or fold.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder of the tables between the steps.")
@click.option("--without", default=None, help="A column of the weather to leave out.")
@click.option("--keep", default=1, help="Take every nth flight.")
@click.option("--epochs", default=14)
@click.option("--trees", default=100)
@click.option("--rows", default=20_000, help="Rows for the permutation importance.")
def step(name: str, part: int, work: Path, without: str | None, keep: int, epochs: int, trees: int, rows: int) -> None:
    """Run one step in this process; the run's identity comes from the environment."""
    os.nice(5)  # who watches goes first
    if name == "extract":
        from runreel_server.demo.extract import month

        month(part, work, keep)
    elif name in ("train", "baseline"):
        from runreel_server.demo import train

        train.fold(part, work, epochs) if name == "train" else train.baseline(work, trees)
    elif name in ("evaluate", "publish"):
        from runreel_server.demo import publish

        publish.evaluate(work, rows) if name == "evaluate" else publish.publish(work)
    else:
        from runreel_server.demo import prepare

        if name == "weather":
            prepare.weather(work, without)
        else:
            {"clean": prepare.clean, "join-weather": prepare.join, "features": prepare.features}[name](work)


if __name__ == "__main__":
    commands()
