"""`runreel emit`: say one thing, from a shell script."""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from runreel import events, ids
from runreel.environment import user
from runreel.errors import SettingError
from runreel.levels import level as level_of
from runreel.outputs import output
from runreel.run import Run
from runreel.session import Session
from runreel.settings import Settings
from runreel.speaker import Speaker
from runreel.step import Step
from runreel.step import inside as path_inside
from runreel.surroundings import EXECUTION, PARENT_SESSION, RUN, STEP, is_safe
from runreel.transports.choice import check
from runreel.values import clean, masked
from runreel.voice import SILENCE, Voice

SOURCE = "shell"
STATES = ["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED", "CACHED"]

_OUTER = "RUNREEL_OUTER"
"""The steps round the current one, innermost first: `PATH#EXECUTION:PATH#EXECUTION`. Paths have neither sign."""


def _run_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_safe(value):
        raise SettingError(RUN, value, "give the id of a run (letters, digits, . _ -), or unset it")
    return value


def _some_run(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    found = _run_id(context, parameter, value)
    if not found:
        raise click.UsageError(f"which run? eval what `runreel emit start` prints, set {RUN}, or give --run")
    return found


run_option = click.option("--run", envvar=RUN, callback=_some_run, help=f"The run's id. Default: {RUN}.")
step_option = click.option("--step", envvar=STEP, help=f"The step's path. Default: {STEP}.")
execution_option = click.option("--execution", envvar=EXECUTION, help=f"The attempt of the step. Default: {EXECUTION}.")


@click.group("emit")
def command() -> None:
    """Say one thing of a run, from a shell script.

    \b
    eval "$(runreel emit start nightly)"             # sets RUNREEL_RUN_ID
    eval "$(runreel emit step load --total 3)"       # sets RUNREEL_STEP and RUNREEL_EXECUTION
    runreel emit progress 1
    runreel emit metric rows 5021
    runreel emit log "first file done"
    runreel emit artifact result.csv --type Dataset
    eval "$(runreel emit finish --this-step)"        # sets them back
    runreel emit finish

    What was said is safe when the command returns. Where nothing answers, it waits in the spool, one line says so, and
    the exit code is still 0: a script does not fail because nobody listens.
    """


def speak(
    run: str,
    said: Sequence[tuple[str, Any]],
    *,
    step: str | None = None,
    execution: str | None = None,
    source: str = SOURCE,
) -> None:
    """Say these events in a one-shot session, and wait for their delivery at most RUNREEL_EXIT_WAIT seconds."""
    settings = Settings()
    if settings.disabled:
        return
    session = _session(settings, run, source, one_shot=True)
    for number, (kind, data) in enumerate(said, 1):
        session.say(kind, data, subject=step, execution=execution, final=number == len(said))
    session.close()


def _session(settings: Settings, run: str, source: str = SOURCE, *, one_shot: bool) -> Session:
    check(settings)
    return Session(
        settings,
        run=run,
        workspace=settings.workspace,
        source=f"/{settings.workspace}/{quote(source, safe='')}",
        role="member",
        parent=None if one_shot else os.environ.get(PARENT_SESSION) or None,
        one_shot=one_shot,
    )


def export(variables: Mapping[str, str | None]) -> None:
    """Print lines that a shell evaluates; None unsets."""
    for name, value in variables.items():
        click.echo(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")


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
    "--run",
    envvar=RUN,
    callback=_run_id,
    help=f"The run's id, where it is given from outside. Default: {RUN}, else a new one.",
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
    """Start a run of PIPELINE; prints the line that sets RUNREEL_RUN_ID.

    Nobody's process owns the run: `runreel emit finish` ends it.
    """
    run = run or ids.new_run()
    began = events.RunStarted(pipeline=clean(pipeline), experiment=clean(experiment), owner=user(), given=True)
    said: list[tuple[str, Any]] = [(events.RUN_STARTED, began)]
    if params:
        said.append((events.PARAMS, masked("params", params)))
    if tags:
        said.append((events.TAGS, masked("tags", tags)))
    if graph:
        declared = {}
        for text in graph:
            name, _, parents = text.partition(":")
            after = [ids.encode_segment(parent) for parent in parents.split(",") if parent]
            declared[ids.encode_segment(name)] = events.GraphStep(parents=after)
        said.append((events.GRAPH, events.Graph(steps=declared)))
    speak(run, said, source=pipeline)
    export({RUN: run})


@command.command("step")
@click.argument("name")
@run_option
@click.option("--inside", envvar=STEP, help=f"The path of the step that this one is part of. Default: {STEP}.")
@click.option("--after", multiple=True, help="A step of the same level that this one follows; may be repeated.")
@click.option("--total", type=float, help="How many units it will do.")
@click.option("--unit", help="What they are.")
def step(
    name: str, run: str, inside: str | None, after: tuple[str, ...], total: float | None, unit: str | None
) -> None:
    """Start an attempt of step NAME; prints the lines that set RUNREEL_STEP and RUNREEL_EXECUTION.

    While RUNREEL_STEP is set, the step becomes part of that one: end a step by evaluating what
    `runreel emit finish --this-step` prints before the next one begins.
    """
    if not name:
        raise click.BadParameter("is empty: give the step a name", param_hint="NAME")
    path = path_inside(inside, name)
    execution = ids.new_execution()
    parents = [path_inside(inside, parent) for parent in after]
    data = events.StepStarted(parents=parents or None, total=total, unit=unit)
    speak(run, [(events.STEP_STARTED, data)], step=path, execution=execution)
    around = os.environ.get(STEP)
    outer = f"{around}#{os.environ.get(EXECUTION, '')}:{os.environ.get(_OUTER, '')}" if around else None
    export({STEP: path, EXECUTION: execution, _OUTER: outer})


@command.command("progress")
@click.argument("done", type=float)
@click.option("--total", type=float, help="Of how many.")
@click.option("--unit", help="What they are.")
@click.option("--message", help="A word about it.")
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
    """Say TEXT in the log; without TEXT, each line of standard input, as it comes."""
    try:
        level = level_of(level)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--level") from None
    if text is not None:
        said = events.Logs(time=[now()], level=[level], text=[clean(text)])
        speak(run, [(events.LOGS, said)], step=step, execution=execution)
        return
    settings = Settings()
    session = SILENCE if settings.disabled else _session(settings, run, one_shot=False)
    for line in sys.stdin.buffer:
        session.line(step, execution, line.rstrip(b"\r\n"), level=level)
    session.close()


@command.command("artifact")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="What it is called. Default: the file's name.")
@click.option("--type", "kind", help="Dataset, Model, HTML, ... Default: what the file's name says.")
@click.option("--metadata", multiple=True, callback=pairs, help="KEY=VALUE; may be given several times.")
@click.option("--show", is_flag=True, help="It is meant to be looked at: the page shows it with the run.")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds to wait for its delivery.")
@run_option
@step_option
@execution_option
def artifact(
    file: Path,
    name: str | None,
    kind: str | None,
    metadata: dict[str, Any],
    show: bool,
    timeout: float,
    run: str,
    step: str | None,
    execution: str | None,
) -> int:
    """Keep FILE (a folder becomes one zip file) as an output; exit code 1 where it cannot be kept."""
    settings = Settings()
    voice: Voice = SILENCE
    if not settings.disabled:
        check(settings)
        voice = _LastWord(
            settings, run=run, workspace=settings.workspace, source=f"/{settings.workspace}/{SOURCE}", role="member",
            one_shot=True,
        )  # fmt: skip
    speaker: Speaker = Run(run, settings, settings.workspace, voice=voice)
    if step:
        speaker = Step(speaker.run, speaker, step, execution or "", owned=False)
    made = output(speaker, name or file.resolve().name, file, kind, metadata, None, False, None, show=show)
    voice.close(timeout)
    return 1 if made.state == "failed" else 0


class _LastWord(Session):
    """A one-shot session of one event."""

    def say(self, type: str, data: Any, *, final: bool = True, **where: Any) -> None:  # noqa: A002
        """Say it, and nothing after it."""
        super().say(type, data, final=final, **where)


@command.command("finish")
@click.option("--state", type=click.Choice(STATES), default="SUCCEEDED", show_default=True, help="How it ended.")
@click.option("--error", help="Why it failed.")
@click.option("--this-step", is_flag=True, help=f"End the step of {STEP} and {EXECUTION} rather than the run.")
@run_option
@step_option
@execution_option
def finish(state: Any, error: str | None, this_step: bool, run: str, step: str | None, execution: str | None) -> None:
    """End the run, or with --this-step the step; then prints the lines that set back RUNREEL_STEP and
    RUNREEL_EXECUTION."""
    told = events.Error(message=clean(error)) if error else None
    if not this_step:
        speak(run, [(events.RUN_FINISHED, events.RunFinished(state=state, error=told))])
        return
    if not step or not execution:
        raise click.UsageError(
            f"--this-step needs {STEP} and {EXECUTION}: eval the lines that `runreel emit step` prints"
        )
    speak(run, [(events.STEP_FINISHED, events.StepFinished(state=state, error=told))], step=step, execution=execution)
    around, _, further = os.environ.get(_OUTER, "").partition(":")
    path, _, attempt = around.partition("#")
    export({STEP: path or None, EXECUTION: attempt or None, _OUTER: further or None})
