"""`runreel sync`: ship what waits in this machine's spools."""

from __future__ import annotations

import click

from runreel.settings import Settings
from runreel.spool import recover, waiting
from runreel.transports.choice import check


@click.command("sync")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds to go on trying.")
def command(timeout: float) -> int:
    """Ship what ended processes of this machine left in their spools; exit code 1 where something stays."""
    settings = Settings()
    check(settings)
    before = waiting(settings)
    recover(settings, timeout=timeout)
    after = waiting(settings)
    click.echo(f"{before.sessions - after.sessions} of {before.sessions} spools shipped, {after.bytes:,} bytes wait")
    return 1 if after.sessions else 0
