"""`runreel doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import click

from runreel.checks import findings
from runreel.settings import Settings

MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}


@click.command("doctor")
def command() -> int:
    """Look at the settings, the spool, Kafka, the store, the topics and the server; exit code 1 where one is wrong."""
    wrong = 0
    for finding in findings(Settings()):
        click.echo(f"{MARKS[finding.level]}  {finding.about}: {finding.text}")
        if finding.way_out:
            click.echo(f"         -> {finding.way_out}")
        wrong += finding.level == "wrong"
    return 1 if wrong else 0
