"""The web server as a process: a socket that is bound first, uvicorn on it."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
import uvicorn

from runreel.cli.service import ENDING
from runreel.errors import RunreelError, SettingError
from runreel.settings import Settings
from runreel_server.hosts import LOOPBACK

if TYPE_CHECKING:
    from runreel_server.asgi import Application

TRIES: Final = 50
GRACE_SECONDS: Final = 2
"""Open streams are told to go and get so long; without a bound they would hold the process for ever."""

_LAST_SECONDS: Final = 0.5
_WORKER: Final = "WSGI"  # so a2wsgi names its threads

COLLECT: Final = (10_000, 20, 100)
"""The garbage collector's thresholds."""

UNREAD_MS: Final = 35_000
"""A connection is cut when what was sent is not read for so long: a little after its writer has given up."""


def bind(settings: Settings) -> socket.socket:
    """A listening socket at the settings' host and port; where the port is taken, at the next free one.

    Raises:
        SettingError: no such address on this machine, the port may not be bound, or none is free.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for port in range(settings.port, min(settings.port + TRIES, 65_536)):
        # Only where the protocol is named does asyncio send at once; else a body waits 40 ms for its header's receipt.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by what is accepted; closing alone would wait for a reader
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        try:
            listener.bind((settings.host, port))
            listener.listen(2048)
        except (OSError, UnicodeError) as error:
            listener.close()
            code = error.errno if isinstance(error, OSError) else None
            if code == errno.EADDRINUSE:
                continue
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if code == errno.EACCES:
                raise SettingError(
                    "RUNREEL_PORT", str(port), f"may not be bound ({reason}): use one above 1023"
                ) from None
            way_out = f"cannot be bound ({reason}): use 127.0.0.1, or an address of this machine"
            raise SettingError("RUNREEL_HOST", settings.host, way_out) from None
        return listener
    raise SettingError("RUNREEL_PORT", str(settings.port), "is taken: choose another one, or end what listens there")


def address(listener: socket.socket) -> str:
    """The address that people open."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def announce(settings: Settings, url: str) -> None:
    """Say where the server listens, where that is not what one would think."""
    if settings.port and not url.endswith(f":{settings.port}"):
        click.echo(f"port {settings.port} is taken, using {url.rpartition(':')[2]}", err=True)
    if settings.host not in LOOPBACK:
        click.echo(f"listening on {settings.host}: everybody who reaches this machine can read every run", err=True)


def leave(code: int = 0) -> int:
    """The exit code of a command whose server has ended, all that it held being stored.

    Where a question is still answered that nobody hears any more, the process ends here with that code: Python would
    wait for the thread, which may read a whole run.
    """
    until = time.monotonic() + _LAST_SECONDS
    for thread in threading.enumerate():
        if thread.name.startswith(_WORKER):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logging.shutdown()
                sys.stdout.flush()
                os._exit(code)
    return code


def calm() -> None:
    """Have the garbage collector look seldom, and never at what was there from the start.

    A look at everything holds up all streams: for 60 ms where a run of 5,000 steps is live.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


class Quiet(uvicorn.Server):
    """uvicorn with this ASGI application, run on a bound socket until Ctrl-C or SIGTERM, which end it quietly.

    The open streams are told to go before it waits for them. A second signal ends it without that wait.

    Attributes:
        up: set when it serves, or will never.
        ending: called, on the event loop, as soon as it is to end; returns at once.
    """

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application = application
        self.up = threading.Event()
        self.ending: Callable[[], None] = lambda: None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is told to end.

        Raises:
            RunreelError: it could not start.
        """
        if threading.current_thread() is threading.main_thread():
            calm()
        try:
            super().run(sockets)
        finally:
            self.up.set()
        if not self.started and not self.should_exit:
            raise RunreelError("the web server did not start; its log says why")

    def end(self) -> None:
        """Have `run` return. From any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: streams first, then what is open, within the grace."""
        self.ending()
        if self._application.streams is not None:
            self._application.streams.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals while it serves. uvicorn's own raises them again at the end, which would end the process before
        its consumers have stored what they hold."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def server(application: Application) -> Quiet:
    """A server of this ASGI application; `run` runs it on a bound socket until a signal comes."""
    config = uvicorn.Config(
        application,
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 << 10,
    )
    return Quiet(config, application)
