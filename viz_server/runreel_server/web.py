"""The web server as a process: a socket that is bound first, uvicorn on it."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any, Final

import click
import uvicorn

from runreel.errors import SettingError
from runreel.settings import Settings

TRIES: Final = 50
GRACE_SECONDS: Final = 2
"""Open streams are told to go and get so long; without a bound they would hold the process for ever."""

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def bind(settings: Settings, *, exact: bool = False) -> socket.socket:
    """A listening socket at the settings' host and port; where the port is taken, at the next free one.

    Args:
        settings: name host and port.
        exact: take that port or none.

    Raises:
        SettingError: no such address on this machine, or no port is free.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for port in range(settings.port, settings.port + (1 if exact else TRIES)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            way_out = f"cannot be bound ({error.strerror}): use 127.0.0.1, or an address of this machine"
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
    if not url.endswith(f":{settings.port}"):
        click.echo(f"port {settings.port} is taken, using {url.rpartition(':')[2]}", err=True)
    if settings.host not in LOOPBACK:
        click.echo(f"listening on {settings.host}: everybody who reaches this machine can read every run", err=True)


class Quiet(uvicorn.Server):
    """uvicorn that tells the open streams to go before it waits for them."""

    def __init__(self, config: uvicorn.Config, application: Any) -> None:
        super().__init__(config)
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: streams first, then what is open, within the grace."""
        if self._application.streams is not None:
            self._application.streams.close()
        await super().shutdown(sockets)


def server(application: Any) -> Quiet:
    """A server of this ASGI application; `serve` runs it on a socket until a signal comes."""
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
