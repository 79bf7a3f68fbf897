"""The pipeline: which steps there are, and each run as a process of its own.

`python -m runreel_server.demo.pipeline run` runs all of it against whatever the settings name (`RUNREEL_KAFKA`, or the
`runreel up` of this machine); `step NAME` runs one step, as the pipeline does in its processes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

import runreel

GRAPH = {
    "extract": [],
    "weather": [],
    "clean": ["extract"],
    "join-weather": ["clean", "weather"],
    "features": ["join-weather"],
    "train": ["features"],
    "baseline": ["features"],
    "evaluate": ["train", "baseline"],
    "publish": ["evaluate"],
}
PARTS = {"extract": [f"{month:02d}" for month in range(1, 13)], "train": ["0", "1", "2"]}
"""The steps that are several, side by side: months, and folds."""

# How much work is done: the full size is worth watching, the quick one is for a first look and for tests.
FULL = {"keep": 1, "epochs": 20, "trees": 100, "rows": 20_000}
QUICK = {"keep": 25, "epochs": 10, "trees": 20, "rows": 1_000}

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Steps run side by side; numpy's threads in each of them would only be in each other's way."""

END_SECONDS = 8.0
"""How long a step that is told to end may take to say so."""


def main(*, quick: bool = False, fail: bool = False, work: Path | None = None) -> bool:
    """Run the whole pipeline; answers whether it succeeded.

    Args:
        quick: a twenty-fifth of the flights and a short training.
        fail: the weather comes without a column, and the step that needs it fails.
        work: folder of the tables between the steps; by default a temporary one, removed at the end.
    """
    if work is None:
        with tempfile.TemporaryDirectory(prefix="runreel-demo-") as folder:
            return main(quick=quick, fail=fail, work=Path(folder))
    size = QUICK if quick else FULL
    tags = {"demo": "quick" if quick else "full"}
    with runreel.start("nyc-flights", experiment="delays", params=size, tags=tags, graph=GRAPH) as run:
        click.echo(f"run {run.id[-8:]}: {run.url or 'set RUNREEL_URL to have a link'}")
        done = asyncio.run(Pipeline(run, size, work, fail).all())
        failed = [name for name in GRAPH if not done[name]]
        if failed:
            run.finish("FAILED", error=f"not done: {', '.join(failed)}")
    click.echo(f"the run {'failed' if failed else 'succeeded'}: {run.url or run.id}")
    click.echo(f"see it again: {tool()} replay {run.id[-8:]}")
    return not failed


def tool() -> str:
    """How to call runreel here: by its name, or by its path where that is not on PATH."""
    own = Path(sys.executable).with_name("runreel")
    return "runreel" if shutil.which("runreel") else os.path.relpath(own)


class Pipeline:
    """Runs the steps, each as soon as its parents are done.

    Args:
        run: the run they belong to.
        size: how much work is done: FULL or QUICK.
        work: folder of the tables between the steps.
        fail: leave out a column of the weather.
    """

    def __init__(self, run: runreel.Run, size: Mapping[str, int], work: Path, fail: bool) -> None:
        self._run, self._fail = run, fail
        self._options = [f"--work={work}", *(f"--{name}={value}" for name, value in size.items())]
        self._steps: dict[str, asyncio.Task[bool]] = {}

    async def all(self) -> dict[str, bool]:
        """Run them all; answers whether each was done. SIGTERM cancels it, as Ctrl-C does."""
        main = asyncio.current_task()
        assert main is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
        self._steps = {name: asyncio.create_task(self._step(name)) for name in GRAPH}
        try:
            return dict(zip(GRAPH, await asyncio.gather(*self._steps.values()), strict=True))
        finally:  # cancelled, they have processes to end
            await asyncio.wait(self._steps.values())

    async def _step(self, name: str) -> bool:
        parents = await asyncio.gather(*(self._steps[parent] for parent in GRAPH[name]))
        if not all(parents):
            self._run.step(name, after=GRAPH[name]).finish("SKIPPED")
            return False
        began = time.monotonic()
        if name in PARTS:
            done = await self._parts(name)
        else:
            done = await self._process(name, self._run.environ())
        click.echo(f"  {name:<12} {'done' if done else 'FAILED'} in {time.monotonic() - began:.1f} s")
        return done

    async def _parts(self, name: str) -> bool:
        """A step of several processes: opened here, so that each of them is a step inside it."""
        with self._run.step(name, after=GRAPH[name]) as group:
            processes = [self._process(name, group.environ(), f"--part={part}") for part in PARTS[name]]
            done = await asyncio.gather(*processes)
            if not all(done):
                group.finish("FAILED", error=f"{done.count(False)} of {len(done)} parts failed")
            return all(done)

    async def _process(self, name: str, environ: Mapping[str, str], *options: str) -> bool:
        """One step's process; answers whether it ended well. Cancelled, it ends the process."""
        if self._fail and name == "weather":
            options = ("--without=wind_gust",)
        process = await started(
            *(sys.executable, "-m", "runreel_server.demo.pipeline", "step", name, *self._options, *options),
            env={**os.environ, **ONE_THREAD, **environ},
        )
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                await end(process)


async def started(*command: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """A process that runs. Canceled while it starts, it is ended: else nobody would know of it."""
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*command, env=env))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end(await starting)
        raise


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process: by SIGTERM, upon which its step says that it is canceled, or else by force."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


@click.group()
def commands() -> None:
    """The demo's pipeline."""


@commands.command("run")
@click.option("--quick", is_flag=True, help="A twenty-fifth of the flights and a short training.")
@click.option("--fail", is_flag=True, help="The weather comes without a column.")
def run(quick: bool, fail: bool) -> None:
    """Run all steps; the exit code is 1 where one failed that was not asked to."""
    os.nice(5)  # who watches goes first
    try:
        succeeded = main(quick=quick, fail=fail)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    sys.exit(1 if succeeded == fail else 0)


@commands.command("step")
@click.argument("name", type=click.Choice(list(GRAPH)))
@click.option("--part", type=int, default=0, help="Which month or fold.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder of the tables between the steps.")
@click.option("--without", default=None, help="A column of the weather to leave out.")
@click.option("--keep", default=FULL["keep"], help="Take every nth flight.")
@click.option("--epochs", default=FULL["epochs"])
@click.option("--trees", default=FULL["trees"])
@click.option("--rows", default=FULL["rows"], help="Rows for the permutation importance.")
def step(name: str, part: int, work: Path, without: str | None, keep: int, epochs: int, trees: int, rows: int) -> None:
    """Run one step in this process; the run's identity comes from the environment."""
    if name == "extract":
        from runreel_server.demo import extract

        extract.month(part, work, keep)
    elif name in ("train", "baseline"):
        from runreel_server.demo import train

        train.fold(part, work, epochs) if name == "train" else train.baseline(work, trees)
    elif name == "evaluate":
        from runreel_server.demo import evaluate

        evaluate.evaluate(work, rows)
    elif name == "publish":
        from runreel_server.demo import publish

        publish.publish(work)
    else:
        from runreel_server.demo import prepare

        if name == "weather":
            prepare.weather(work, without)
        else:
            {"clean": prepare.clean, "join-weather": prepare.join, "features": prepare.features}[name](work)


if __name__ == "__main__":
    commands()
