"""`runreel exec`: any command as a step."""

from __future__ import annotations

import os
import signal
import sys
from typing import TypeAlias

import click

import runreel
from runreel.cli.child import Child
from runreel.deadline import Deadline
from runreel.events import Error
from runreel.masks import command as shown
from runreel.settings import Settings
from runreel.spool import recover
from runreel.transports.choice import check

Outcome: TypeAlias = tuple[str, Error | None]
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells have it


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--pipeline", help="The run's pipeline, where this starts a run. Default: the command's name.")
@click.option("--experiment", default="", help="The run's experiment, where this starts a run.")
@click.option("--step", "name", help="The step's name. Default: the command's name.")
@click.option("--after", multiple=True, help="A parent of the step; may be given several times.")
@click.option("--pty", is_flag=True, help="Give the command a terminal, so that it shows progress as it would to you.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    pipeline: str | None, experiment: str, name: str | None, after: tuple[str, ...], pty: bool, command: tuple[str, ...]
) -> None:
    """Run COMMAND as a step.

    Its output is the step's log (and is still shown here), its exit code its state. The command, and whatever it
    starts, finds the run's identity in its environment. Where RUNREEL_RUN_ID is set, the step joins that run; else one
    is started. Ends with the command's own exit code, 128 + n where signal n ended it.
    """
    settings = Settings()
    check(settings)
    tool = os.path.basename(command[0])
    run = runreel.start(pipeline or tool, experiment=experiment)
    step = run.step(name or tool, after=list(after) or None, kind="command", params={"command": shown(command)})
    with Child(command, environ={**os.environ, **step.environ()}, pty=pty) as child:
        try:
            code = child.run(lambda text, stream: step.log(text, stream=stream))  # type: ignore[arg-type]
        except OSError as error:
            reason = f"{command[0]}: {error.strerror}"
            click.echo(f"runreel exec: {reason}", err=True)
            code = NOT_EXECUTABLE if isinstance(error, PermissionError) else NOT_FOUND
            ended: Outcome = "FAILED", Error(type=type(error).__name__, message=reason)
        else:
            ended = outcome(code, child.asked)
        deadline = Deadline(settings.exit_wait)
        step.finish(*ended)
        run.finish(*ended)
        if not settings.disabled and not deadline.expired:  # what the command's own processes could not ship any more
            recover(settings, timeout=deadline.left(), how="killed" if code < 0 else "recovered")
    sys.exit(code if code >= 0 else 128 - code)


def outcome(code: int, asked: int | None) -> Outcome:
    """State and error of a command from its exit code (negative: minus the signal), and the signal passed on to it."""
    if code == 0:
        return "SUCCEEDED", None
    if asked is not None:
        return "CANCELED", Error(type="Canceled", message=f"{signal.Signals(asked).name} was sent to it")
    if code < 0:
        return "FAILED", Error(type="Signal", message=f"ended by {signal.Signals(-code).name}")
    return "FAILED", Error(type="ExitCode", message=f"exit code {code}")
