"""`runreel emit`: say one thing, from a shell script."""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from runreel import events, ids
from runreel.session import Session
from runreel.settings import Settings

RUN, STEP, EXECUTION = "RUNREEL_RUN_ID", "RUNREEL_STEP", "RUNREEL_EXECUTION"
STATES = ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED", "CACHED"]

run_option = click.option("--run", envvar=RUN, required=True, help=f"The run's id. Default: {RUN}.")
step_option = click.option("--step", envvar=STEP, help=f"The step's path. Default: {STEP}.")
execution_option = click.option("--execution", envvar=EXECUTION, help=f"The attempt of the step. Default: {EXECUTION}.")


@click.group("emit")
def command() -> None:
    """Say one thing of a run, from a shell script.

    \b
    eval "$(runreel emit start nightly)"          # sets RUNREEL_RUN_ID
    eval "$(runreel emit step load --total 3)"    # sets RUNREEL_STEP and RUNREEL_EXECUTION
    runreel emit progress 1; runreel emit metric rows 5021; runreel emit log "first file done"
    runreel emit artifact result.csv --type Dataset
    runreel emit finish --this-step; runreel emit finish
    """


def speak(
    run: str,
    said: Sequence[tuple[str, Any]],
    *,
    step: str | None = None,
    execution: str | None = None,
    source: str = "shell",
) -> bool:
    """Say these events in a one-shot session and wait for their delivery; answers whether they were delivered."""
    settings = Settings()
    source = f"/{settings.workspace}/{source}"
    session = Session(settings, run=run, workspace=settings.workspace, source=source, role="member", one_shot=True)
    for number, (kind, data) in enumerate(said, 1):
        session.say(kind, data, subject=step, execution=execution, final=number == len(said))
    return session.close()


def export(variables: Mapping[str, str]) -> None:
    """Print lines that a shell evaluates."""
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def pairs(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` options as a mapping; numbers are numbers."""
    found: dict[str, Any] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r}: write KEY=VALUE")
        found[key] = number(value)
    return found


def number(text: str) -> int | float | str:
    """A number where the text is one, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@command.command("start")
@click.argument("pipeline")
@click.option(
    "--run", envvar=RUN, help=f"The run's id, where it is given from outside. Default: {RUN}, else a new one."
)
@click.option("--experiment", default="", help="The run's experiment.")
@click.option("--param", "params", multiple=True, callback=pairs, help="KEY=VALUE; may be given several times.")
@click.option("--tag", "tags", multiple=True, callback=pairs, help="KEY=VALUE; may be given several times.")
@click.option("--graph", multiple=True, help="STEP or STEP:PARENT,PARENT: a step that is to come.")
def start(
    pipeline: str,
    run: str | None,
    experiment: str,
    params: dict[str, Any],
    tags: dict[str, Any],
    graph: tuple[str, ...],
) -> None:
    """Start a run of PIPELINE; prints the line that sets RUNREEL_RUN_ID."""
    run = run or ids.new_run()
    owner = os.environ.get("USER", "")
    said: list[tuple[str, Any]] = [
        (events.RUN_STARTED, events.RunStarted(pipeline=pipeline, experiment=experiment, owner=owner, given=True))
    ]
    if params:
        said.append((events.PARAMS, params))
    if tags:
        said.append((events.TAGS, tags))
    if graph:
        declared = {}
        for text in graph:
            name, _, parents = text.partition(":")
            declared[name] = events.GraphStep(parents=[parent for parent in parents.split(",") if parent])
        said.append((events.GRAPH, events.Graph(steps=declared)))
    speak(run, said, source=pipeline)
    export({RUN: run})


@command.command("step")
@click.argument("name")
@run_option
@click.option("--parent", envvar=STEP, help=f"The step that this one is part of. Default: {STEP}.")
@click.option("--after", multiple=True, help="A step that this one follows; may be given several times.")
@click.option("--total", type=float, help="How many units it will do.")
@click.option("--unit", help="What they are.")
def step(
    name: str, run: str, parent: str | None, after: tuple[str, ...], total: float | None, unit: str | None
) -> None:
    """Start an attempt of step NAME; prints the lines that set RUNREEL_STEP and RUNREEL_EXECUTION."""
    segment = ids.encode_segment(name)
    path = f"{parent}/{segment}" if parent else segment
    execution = ids.new_execution()
    data = events.StepStarted(parents=list(after) or None, total=total, unit=unit)
    speak(run, [(events.STEP_STARTED, data)], step=path, execution=execution)
    export({STEP: path, EXECUTION: execution})


@command.command("progress")
@click.argument("done", type=float)
@click.option("--total", type=float)
@click.option("--unit")
@click.option("--message")
@run_option
@step_option
@execution_option
def progress(
    done: float,
    total: float | None,
    unit: str | None,
    message: str | None,
    run: str,
    step: str | None,
    execution: str | None,
) -> None:
    """Say that DONE units are done."""
    data = events.Progress(time=[now()], done=[done], total=total, unit=unit, message=message)
    speak(run, [(events.PROGRESS, data)], step=step, execution=execution)


@command.command("metric", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("value", type=float)
@click.option("--at", type=float, help="The point's index. Default: they count.")
@run_option
@step_option
@execution_option
def metric(name: str, value: float, at: float | None, run: str, step: str | None, execution: str | None) -> None:
    """Say that metric NAME is VALUE."""
    whole = value.is_integer() if math.isfinite(value) else False
    at = int(at) if at is not None and at.is_integer() else at
    data = events.Metrics(
        name=name, time=[now()], value=[int(value) if whole else value], at=None if at is None else [at]
    )
    speak(run, [(events.METRICS, data)], step=step, execution=execution)


@command.command("log")
@click.argument("text", required=False)
@click.option("--level", default="INFO", help="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
@run_option
@step_option
@execution_option
def log(text: str | None, level: str, run: str, step: str | None, execution: str | None) -> None:
    """Say TEXT as a line of the log; without TEXT, each line of standard input."""
    settings = Settings()
    source = f"/{settings.workspace}/shell"
    session = Session(settings, run=run, workspace=settings.workspace, source=source, role="member", one_shot=True)
    for line in [text] if text is not None else sys.stdin.buffer:
        session.line(step, execution, line.rstrip(b"\r\n") if isinstance(line, bytes) else line, level=level.upper())
    session.close()


@command.command("finish")
@click.option("--state", type=click.Choice(STATES), default="SUCCEEDED", show_default=True)
@click.option("--error", help="Why it failed.")
@click.option("--this-step", is_flag=True, help=f"End the step of {STEP} and {EXECUTION} rather than the run.")
@run_option
@step_option
@execution_option
def finish(state: Any, error: str | None, this_step: bool, run: str, step: str | None, execution: str | None) -> None:
    """End the run, or with --this-step the step."""
    told = events.Error(message=error) if error else None
    if not this_step:
        speak(run, [(events.RUN_FINISHED, events.RunFinished(state=state, error=told))])
        return
    if not step or not execution:
        raise click.UsageError(
            f"--this-step needs {STEP} and {EXECUTION}: eval the lines that `runreel emit step` prints"
        )
    speak(run, [(events.STEP_FINISHED, events.StepFinished(state=state, error=told))], step=step, execution=execution)
