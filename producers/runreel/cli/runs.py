"""`runreel runs`: the list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from runreel.cli.api import Api
from runreel.ids import short
from runreel.settings import Settings

COLUMNS = "{:<10} {:<9} {:<24} {:<16} {:>19} {:>9} {:>10}"


@click.command("runs")
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--experiment", help="Only runs of this experiment.")
@click.option("--state", help="Only runs in this state, such as FAILED.")
@click.option("-n", "--limit", default=20, show_default=True, help="How many.")
def command(pipeline: str | None, experiment: str | None, state: str | None, limit: int) -> None:
    """List runs, the newest first."""
    api = Api(Settings())
    found = api.get("/api/v1/runs", pipeline=pipeline, experiment=experiment, state=state, limit=limit)["runs"]
    if not found:
        click.echo("no runs")
        return
    click.echo(COLUMNS.format("run", "state", "pipeline", "experiment", "started", "took", "events"))
    for run in found:
        click.echo(row(run))


def row(run: dict[str, Any]) -> str:
    """One line of the list."""
    started, finished = when(run.get("started")), when(run.get("finished"))
    took = span((finished or datetime.now().astimezone()) - started) if started else "–"
    return COLUMNS.format(
        short(run["id"]),
        run.get("state") or "",
        (run.get("pipeline") or "")[:24],
        (run.get("experiment") or "")[:16],
        f"{started:%Y-%m-%d %H:%M:%S}" if started else "–",
        took,
        f"{run.get('events') or 0:,}",
    ).rstrip()


def when(text: str | None) -> datetime | None:
    """A time of the API in the reader's zone."""
    return datetime.fromisoformat(text).astimezone() if text else None


def span(length: Any) -> str:
    """A duration as m:ss or h:mm:ss."""
    minutes, seconds = divmod(max(0, int(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
