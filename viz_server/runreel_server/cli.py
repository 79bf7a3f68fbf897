"""The server's commands: `up`, `serve`, `demo`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from runreel.cli.service import log_to_stderr
from runreel.hub import Hub
from runreel.settings import Settings

host_option = click.option("--host", help="Address to bind. Default: RUNREEL_HOST, 127.0.0.1.")
port_option = click.option("--port", type=int, help="Port to bind; where it is taken, the next one. Default: 8765.")
data_option = click.option("--data", type=click.Path(path_type=Path), help="Folder of the archive.")


@click.command("up")
@host_option
@port_option
@data_option
def up(host: str | None, port: int | None, data: Path | None) -> int:
    """Start everything on this machine: broker, consumers, server. Ctrl-C stops it and keeps all data."""
    import flask  # noqa: F401  # first: where an extra is missing, the server's is the one to name

    from runreel_consumers import serving
    from runreel_server import web
    from runreel_server.up import machine

    serving.prepare()
    settings = Settings({"host": host, "port": port})
    log_to_stderr()
    with machine(settings, data) as running:
        web.announce(settings, running.hub.url)
        click.echo(f"runreel is up: {running.hub.url}")
        click.echo(f"data: {running.hub.store.removeprefix('dir:')}")
        click.echo("steps of this machine find it by themselves; Ctrl-C ends it, all data stays")
        with contextlib.suppress(KeyboardInterrupt):  # one that comes before it serves
            running.serve()
        click.echo("stopping")
    return web.leave()


@click.command("serve")
@host_option
@port_option
def serve(host: str | None, port: int | None) -> int:
    """Start the web server alone, for the Kafka and the store that the settings name; any number of them may run.

    Without Kafka it shows what the archive has, and nothing moves.
    """
    from runreel_server import application_of, web

    settings = Settings({"host": host, "port": port})
    from runreel_consumers import serving
    from runreel_consumers.checks import require_kafka, require_store, require_topics
    from runreel_server.services import Services

    serving.prepare()
    hub = None if settings.store else Hub.find(settings)
    require_store(settings)
    if settings.kafka:
        require_kafka(settings)
        require_topics(settings, [*settings.event_topics, settings.topic_runs])
    listener = web.bind(settings)
    url = web.address(listener)
    services = Services(settings, hub=hub, url=settings.url or url)
    log_to_stderr()
    web.announce(settings, url)
    if not settings.kafka and hub is None:
        click.echo("RUNREEL_KAFKA is not set: only what the archive has is shown", err=True)
    click.echo(f"serving {url}")
    web.server(application_of(services)).run(sockets=[listener])
    return web.leave()


@click.command("demo")
@click.option("--quick", is_flag=True, help="A short one, of about 15 seconds.")
@click.option("--fail", is_flag=True, help="One step fails, to show what that looks like; exit code 0 all the same.")
@click.option("--exit", "leave", is_flag=True, help="End when the run is over, rather than serve until Ctrl-C.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@host_option
@port_option
@data_option
def demo(
    quick: bool, fail: bool, leave: bool, no_browser: bool, host: str | None, port: int | None, data: Path | None
) -> int:
    """Run a real ETL over the flights of New York, 2013, and watch it.

    Everything runs on this machine, unless RUNREEL_KAFKA is set: then the steps speak to that Kafka, and the page is
    that of the server at RUNREEL_URL. Where `runreel up` runs already, its page shows the run.
    """
    from runreel_server.demo import place

    settings = Settings({"host": host, "port": port})
    return place.run(settings, data, quick=quick, fail=fail, leave=leave, browser=not no_browser)
