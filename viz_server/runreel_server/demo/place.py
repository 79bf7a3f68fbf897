"""Where the demo runs: everything on this machine, the `runreel up` that runs here already, or a real Kafka."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from runreel.hub import Hub
from runreel.settings import Settings
from runreel_server.demo import source

END_SECONDS: Final = 15.0
"""How long the pipeline may take to end its steps and say so."""

INTERRUPTED: Final = 130


def run(
    settings: Settings, data: Path | None, *, quick: bool, fail: bool, leave: bool = False, browser: bool = False
) -> int:
    """Run the demo and show it; answers the exit code.

    Ctrl-C and SIGTERM end all its processes.

    Args:
        settings: with `kafka`, the steps speak to that one, and the page is that of the server at `url`.
        data: folder of the archive, where this starts one.
        quick, fail: see `pipeline.main`.
        leave: end when the run is over, rather than serve on.
        browser: open one.

    Raises:
        ModuleNotFoundError: the data are not installed.
        SettingError: what `runreel up` needs cannot be had.
    """
    source.folder()
    hub = None if settings.kafka or data is not None else Hub.find(settings)
    with _terminable():
        if settings.kafka:
            page = settings.url or "that of `runreel serve`; with RUNREEL_URL set there is a link to it"
            return _elsewhere(page, quick, fail)
        if hub is not None:
            return _elsewhere(f"{hub.url} (of the `runreel up` that runs here)", quick, fail)
        return _here(settings, data, quick=quick, fail=fail, leave=leave, browser=browser)


def _elsewhere(page: str, quick: bool, fail: bool) -> int:
    click.echo(f"the page: {page}")
    try:
        return _pipeline(quick=quick, fail=fail)
    except KeyboardInterrupt:
        return INTERRUPTED


def _here(settings: Settings, data: Path | None, *, quick: bool, fail: bool, leave: bool, browser: bool) -> int:
    from runreel_consumers import serving
    from runreel_server import web
    from runreel_server.up import machine

    serving.prepare()
    with machine(settings, data) as running:
        hub = running.hub
        web.announce(settings, hub.url)
        click.echo(f"the page: {hub.url}")
        over = threading.Event()

        def serve() -> None:
            try:
                running.serve()
            finally:
                over.set()

        threading.Thread(target=serve, name="runreel-web", daemon=True).start()
        code = INTERRUPTED
        try:
            running.listening()
            if browser:
                webbrowser.open(hub.url)
            code = _pipeline(quick=quick, fail=fail)
            click.echo(f"the data: {hub.store.removeprefix('dir:')}")
            if not leave:
                click.echo("serving until Ctrl-C; `runreel up` finds the run again")
                over.wait()  # a join that Ctrl-C interrupts takes its thread for ended (CPython 3.11)
        except KeyboardInterrupt:
            click.echo("stopping; what was said is kept")
        finally:
            running.stop()
            over.wait(web.GRACE_SECONDS + 1)
    return web.leave(code)


def _pipeline(*, quick: bool, fail: bool) -> int:
    """Run the pipeline as a process of its own, as a user's would be; answers its exit code.

    It has a session of its own, so that a Ctrl-C in the terminal comes to it and to its steps in one way only: through
    here, as SIGTERM.
    """
    options = [name for name, chosen in (("--quick", quick), ("--fail", fail)) if chosen]
    command = [sys.executable, "-m", "runreel_server.demo.pipeline", "run", *options]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does, rather than leave its processes behind."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
