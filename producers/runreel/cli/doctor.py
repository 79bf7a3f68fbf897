"""`runreel doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import click

from runreel.checks import all_findings
from runreel.cli import EXIT_SETTING

MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}


@click.command("doctor")
def command() -> int:
    """Look at the settings, the spool, Kafka, the topics, the store and the server, and say how to mend what is wrong.

    Exit code 2 where something is wrong; warnings are none.
    """
    wrong = False
    for finding in all_findings():
        click.echo(f"{MARKS[finding.level]}  {finding.about}: {finding.text}")
        if finding.way_out:
            click.echo(f"         -> {finding.way_out}")
        wrong |= finding.level == "wrong"
    return EXIT_SETTING if wrong else 0
