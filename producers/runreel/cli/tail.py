"""`runreel tail`: follow a run in the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click

from runreel.cli.api import Api, Json
from runreel.cli.runs import MARKS, when
from runreel.cli.terminal import MOST_METRICS, begun_first, last_values, merged
from runreel.codec import iso, parse_time
from runreel.errors import NotReachable
from runreel.events import ENDED
from runreel.ids import short
from runreel.measures import size_of, span
from runreel.moments import moment_of
from runreel.settings import Settings

AGAIN_SECONDS: Final = 1.0
LINES: Final = 200
GOOD: Final = frozenset({"SUCCEEDED", "CACHED", "SKIPPED"})


@click.command("tail")
@click.argument("run", default="last")
@click.option("--steps-only", is_flag=True, help="Do not show the log; implies --plain.")
@click.option("--plain", is_flag=True, help="Lines, as where the output is no terminal, instead of a page.")
@click.option("--at", "moment", metavar="TIME", help="The page as it was at this moment, once.")
def command(run: str, steps_only: bool, plain: bool, moment: str | None) -> int:
    """Follow RUN: its steps with their progress, last metrics, and the log. RUN is any unique end of a run's id,
    or `last`. Ends with the run; the exit code is 1 where it failed.

    TIME is ISO 8601, a clock's (`17:07`), or a span after the run's start (`90`, `15 min`) or before its end (`-30`).
    """
    api = Api(Settings())
    state = api.run(run)
    page = None if plain or steps_only else terminal(f"{api.url}/runs/{state['id']}")
    if moment is not None:
        return past(api, state, moment, page)
    if page is not None and sys.stdout.isatty():
        return follow(api, state, page)
    click.echo(f"{state['pipeline']} {short(state['id'])}  {state['state']}  {api.url}/runs/{state['id']}")
    screen = Screen(steps_only)
    for kind, told in said(api, state["id"]):
        if kind == "lines":
            screen.lines(told)
        else:
            screen.show(told)
        if screen.state in ENDED:
            break
    return 0 if screen.state in GOOD else 1


def terminal(url: str) -> Any:
    """The page in a terminal; None where rich is not installed."""
    from runreel.cli.terminal import Terminal

    try:
        return Terminal(url)
    except ModuleNotFoundError:
        return None


def past(api: Api, now: Json, moment: str, page: Any) -> int:
    """Show a run, of which this is the state now, as it was at a moment."""
    end = parse_time(now["finished"]) if now.get("finished") else time.time_ns() // 1000
    try:
        at = moment_of(moment, parse_time(now["started"]) if now.get("started") else end, end)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from None
    run, then = now["id"], iso(at)
    state = api.get(f"/api/v1/runs/{run}", at=then)
    lines = api.get(f"/api/v1/runs/{run}/logs", until=then, limit=LINES)["lines"]
    if page is None:
        screen = Screen(steps_only=False)
        screen.lines({"count": len(lines), "last": lines})
        screen.show(state)
        return 0
    page.now = datetime.fromtimestamp(at / 1e6, UTC)
    page.show(state)
    page.lines(lines)
    page.print()
    return 0


def follow(api: Api, state: Json, page: Any) -> int:
    """Show a run's page until it ends, or somebody presses Ctrl-C."""
    page.show(state)
    with page:
        for kind, told in said(api, state["id"]):
            if kind == "lines":
                page.lines(told["last"])
            elif kind == "state":
                page.show(told)
            else:
                page.patch(told)
            if kind != "lines" and page.state["state"] in ENDED:
                break
    return 0 if page.state["state"] in GOOD else 1


def said(api: Api, run: str) -> Iterator[tuple[str, Json]]:
    """What is said of a run, as (`state`, `patch` or `lines`, what): the log's last lines first, and no line twice."""
    known: set[str] | None = None
    for kind, data in frames(api, run):
        if kind == "snapshot":
            if known is None:  # only now: what is said from here on the stream has, and between them is no gap
                found = api.get(f"/api/v1/runs/{run}/logs", limit=LINES)
                known = {one["cursor"] for one in found["lines"]}
                yield "lines", {"count": found["total"], "last": found["lines"]}
            yield "state", data["state"]
        elif kind == "delta":
            lines = data.get("lines")
            if lines:
                new = [one for one in lines["last"] if place(one) not in (known or ())]
                yield "lines", {"count": lines["count"] - len(lines["last"]) + len(new), "last": new}
            yield "patch", data["patch"]


def place(line: Json) -> str:
    """The cursor of a line of the stream."""
    return f"{line['time']}-{line['session']}-{line['seq']}-{line['row']}"


def frames(api: Api, run: str) -> Iterator[tuple[str, Json]]:
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
        self._artifacts: dict[str, Json] = {}
        self._series: Json = {}

    def show(self, state: Json) -> None:
        """Show what has changed in a state or a patch of one."""
        for path, step in begun_first(state.get("steps") or {}):
            progress = step.get("progress") or {}
            done, total = progress.get("done"), progress.get("total")
            tenth = int(10 * done / total) if done is not None and total else done
            looks = (step["state"], tenth)
            if self._shown.get(path, ("PENDING", None)) != looks:
                self._shown[path] = looks
                click.echo(line(path, step))
        for key, change in (state.get("artifacts") or {}).items():
            if change is None:  # spoken of before it is declared
                self._artifacts.pop(key, None)
                continue
            known = self._artifacts[key] = merged(self._artifacts.get(key, {}), change)
            sent, declared = known.get("sent"), known.get("declared")
            looks = (known["state"], int(10 * sent / declared) if sent is not None and declared else sent)
            before = self._shown.get(f"\0{key}", None if self.state else ("stored", None))
            if before != looks:
                self._shown[f"\0{key}"] = looks
                click.echo(artifact_line(known))
        self._series = merged(self._series, state.get("series") or {})
        if state.get("state") and state["state"] != self.state:
            self.state = state["state"]
            if self.state in ENDED:
                values = last_values(self._series)[-MOST_METRICS:]
                click.echo("".join(f"  {label} {last}\n" for label, last in values), nl=False)
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


def artifact_line(artifact: Json) -> str:
    """An artifact as one line."""
    state = {"pending": "on its way", "stored": ""}.get(artifact["state"], artifact["state"])
    parts = ("◇", f"{artifact['name']:<24}", f"{artifact['type']:<9}", size_of(artifact), state)
    return " ".join(part for part in parts if part).rstrip()


def line(path: str, step: Json) -> str:
    """A step as one line."""
    progress = step.get("progress") or {}
    done, total, unit = progress.get("done"), progress.get("total"), progress.get("unit") or ""
    far = f"{done:g} of {total:g} {unit}" if done is not None and total else f"{done:g} {unit}" if done else ""
    error = (step.get("error") or {}).get("message", "")
    started, finished = when(step.get("started")), when(step.get("finished"))
    took = span((finished - started).total_seconds()) if started and finished else ""
    parts = (MARKS.get(step["state"], " "), f"{path:<24}", f"{step['state']:<9}", far, took, error)
    return " ".join(part for part in parts if part).rstrip()
