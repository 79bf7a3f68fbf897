"""`runreel tail`: follow a run in the terminal."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final

import click

from runreel.cli.api import Api, Json
from runreel.cli.runs import when
from runreel.errors import NotReachable
from runreel.events import ENDED
from runreel.ids import short
from runreel.settings import Settings

AGAIN_SECONDS: Final = 1.0
MARKS: Final = {
    "PENDING": "○",
    "RUNNING": "▶",
    "SUCCEEDED": "✓",
    "FAILED": "✗",
    "SKIPPED": "–",
    "CACHED": "=",
    "CANCELED": "⊘",
    "STALLED": "△",
}


@click.command("tail")
@click.argument("run", default="last")
@click.option("--steps-only", is_flag=True, help="Do not show the log.")
def command(run: str, steps_only: bool) -> int:
    """Follow RUN: its steps as they start and end, their progress, and the log. RUN is any unique end of a run's id,
    or `last`. Ends with the run; the exit code is 1 where it failed."""
    api = Api(Settings())
    state = api.run(run)
    click.echo(f"{state['pipeline']} {short(state['id'])}  {state['state']}  {api.url}/runs/{state['id']}")
    screen = Screen(steps_only)
    for kind, data in frames(api, state["id"]):
        if kind == "snapshot":
            screen.show(data["state"])
        elif kind == "delta":
            screen.lines(data.get("lines"))
            screen.show(data["patch"])
        if screen.state in ENDED:
            break
    return 0 if screen.state in ("SUCCEEDED", "CACHED", "SKIPPED") else 1


def frames(api: Api, run: str) -> Any:
    """The frames of a run's stream; where it breaks, it is taken up where it was."""
    token = ""
    while True:
        try:
            for kind, data, said in api.stream(f"/api/v1/runs/{run}/stream", token):
                token = said or token
                yield kind, data
        except NotReachable as error:
            click.echo(f"{error}; trying again", err=True)
        time.sleep(AGAIN_SECONDS)


class Screen:
    """What was shown last, so that only changes are shown."""

    def __init__(self, steps_only: bool) -> None:
        self.state = ""
        self._steps_only = steps_only
        self._shown: dict[str, tuple[Any, ...]] = {}

    def show(self, state: Json) -> None:
        """Show what has changed in a state or a patch of one."""
        for path, step in (state.get("steps") or {}).items():
            progress = step.get("progress") or {}
            done, total = progress.get("done"), progress.get("total")
            tenth = int(10 * done / total) if done is not None and total else done
            looks = (step["state"], tenth)
            if self._shown.get(path, ("PENDING", None)) != looks:
                self._shown[path] = looks
                click.echo(line(path, step))
        if state.get("state") and state["state"] != self.state:
            self.state = state["state"]
            if self.state in ENDED:
                error = (state.get("error") or {}).get("message", "")
                click.echo(f"{MARKS.get(self.state, ' ')} {self.state} {error}".rstrip())

    def lines(self, lines: Json | None) -> None:
        """Show the log lines that came."""
        if not lines or self._steps_only:
            return
        hidden = lines["count"] - len(lines["last"])
        if hidden > 0:
            click.echo(f"  … {hidden:,} lines more")
        for one in lines["last"]:
            clock = datetime.fromtimestamp(one["time"] / 1e6).strftime("%H:%M:%S")
            level = "" if one["level"] == "INFO" else f"{one['level']} "
            click.echo(f"  {clock} {one['step'] or '':<20} {level}{one['text']}")


def line(path: str, step: Json) -> str:
    """A step as one line."""
    progress = step.get("progress") or {}
    done, total, unit = progress.get("done"), progress.get("total"), progress.get("unit") or ""
    far = f"{done:g} of {total:g} {unit}" if done is not None and total else f"{done:g} {unit}" if done else ""
    error = (step.get("error") or {}).get("message", "")
    started, finished = when(step.get("started")), when(step.get("finished"))
    took = f"{(finished - started).total_seconds():.1f} s" if started and finished else ""
    parts = (MARKS.get(step["state"], " "), f"{path:<24}", f"{step['state']:<9}", far, took, error)
    return " ".join(part for part in parts if part).rstrip()
