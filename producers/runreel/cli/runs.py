"""`runreel runs`: the list."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click

from runreel.cli.api import Api
from runreel.events import ENDED
from runreel.ids import short
from runreel.measures import span
from runreel.settings import Settings

COLUMNS = "{:<10} {:<9} {:<24} {:<16} {:>19} {:>9} {:>10}"

#: The states of runs and steps, as one letter each.
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


STATES: Final = ("PENDING", "RUNNING", "STALLED", *sorted(ENDED))


@click.command("runs")
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--experiment", help="Only runs of this experiment.")
@click.option("--state", type=click.Choice(STATES, case_sensitive=False), multiple=True, help="Only in these states.")
@click.option("--tag", multiple=True, metavar="NAME[=VALUE]", help="Only runs that have all of these tags.")
@click.option("--since", help="Only runs that started since: a time, a day, or how long ago, as 24h.")
@click.option("-q", "--query", help="Only runs with this text in id, names, owner, params or tags.")
@click.option("--sort", help="started, duration, pipeline, metric:STEP:NAME, ...; with - before it downwards.")
@click.option("-n", "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
def command(query: str | None, **given: Any) -> None:
    """List runs, the newest first."""
    found = Api(Settings()).get("/api/v1/runs", q=query, **given)["runs"]
    if not found:
        click.echo("no runs")
        return
    click.echo(COLUMNS.format("run", "state", "pipeline", "experiment", "started", "took", "events"))
    for run in found:
        click.echo(row(run))


def row(run: dict[str, Any]) -> str:
    """One line of the list."""
    started, finished = when(run.get("started")), when(run.get("finished"))
    took = span(((finished or datetime.now().astimezone()) - started).total_seconds()) if started else "–"
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
