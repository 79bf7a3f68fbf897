"""`runreel sync`: ship what waits in this machine's spools."""

from __future__ import annotations

import click

from runreel.settings import Settings
from runreel.spool import elsewhere, recover, waiting
from runreel.transports.choice import check


@click.command("sync")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds to go on trying.")
@click.option("--all", "everywhere", is_flag=True, help="Ship here also what was meant to go elsewhere.")
def command(timeout: float, everywhere: bool) -> int:
    """Ship what ended processes of this machine left in their spools; exit code 1 where something stays."""
    settings = Settings()
    check(settings)
    before = waiting(settings)
    recover(settings, timeout=timeout, everywhere=everywhere)
    after = waiting(settings)
    click.echo(f"{before.sessions - after.sessions} of {before.sessions} spools shipped, {after.bytes:,} bytes wait")
    for address, count in elsewhere(settings).items():
        click.echo(f"{count} meant for {address}: sync with its setting, or `runreel sync --all` ships them here")
    return 1 if after.sessions else 0
