"""Uploads that stand still, and media types that are none: the server goes on, and ends when it is told to."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from runreel import ids
from runreel_consumers.blobs import TOKEN_HEADER
from runreel_consumers.store.base import RESERVED
from runreel_server import application_of, web
from runreel_server.asgi import content
from runreel_server.asgi.http import Request
from runreel_server.services import Services
from serving import Server
from support import wait_for


def paused(services: Services, port: int, stack: ExitStack) -> None:
    """Begin an upload of which one byte comes."""
    artifact = ids.new_artifact()
    claim = services.claims.claim(artifact, 1000, run="r", workspace="default")
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
    lines = [f"PUT /api/v1/uploads/{artifact} HTTP/1.1", "host: localhost", "content-length: 1000"]
    lines.append(f"{TOKEN_HEADER}: {claim.headers[TOKEN_HEADER]}")
    connection.sendall("\r\n".join([*lines, "", "x"]).encode())


def test_uploads_that_stand_still_slow_nothing_and_hold_no_end_up(tmp_path: Path) -> None:
    services = Server(tmp_path, port=22_000).services
    listener = web.bind(services.settings)
    server = web.server(application_of(services))
    with ExitStack() as stack:
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        port = listener.getsockname()[1]
        for _ in range(10):
            paused(services, port, stack)
        wait_for(lambda: len(list((tmp_path / "store" / RESERVED).iterdir())) == 10, what="ten uploads")
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        connection.sendall(b"GET /api/v1/artifacts/none/content HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 404")
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("image/png", "image/png"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/csv; charset=latin-1", "text/csv; charset=latin-1"),
        ("application/vnd.plotly.v1+json", "application/vnd.plotly.v1+json"),
        ("text/html\r\nset-cookie: a=b", "application/octet-stream"),
        ("text/pläin", "application/octet-stream"),
        ("\u4e2d", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_a_media_type_that_is_none_becomes_no_header(said: str | None, shown: str) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    def find(_: str) -> tuple[dict[str, Any], Any]:
        return {"size": 1, "media_type": said, "name": "x"}, lambda start, length: iter([b"x"])

    scope = {"method": "GET", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(content.serve(Request(scope, receive, send), "a", find))
    assert dict(sent[0]["headers"])[b"content-type"].decode() == shown
