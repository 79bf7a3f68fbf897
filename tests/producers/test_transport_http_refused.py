"""A server that refuses us, whatever we say: the reason is told, once, and nothing is lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from answering import Server
from sessions import session, texts, unique
from support import wait_for


@pytest.mark.parametrize("status", [401, 404])
def test_why_a_server_takes_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int) -> None:
    caplog.set_level(logging.WARNING, "runreel")
    server = Server()
    try:
        problem = json.dumps({"title": "no", "detail": "send RUNREEL_TOKEN's value"}).encode()
        server.answer = lambda request: (status, {}, problem)
        one = session(tmp_path, None, url=server.url, token="wr0ng")
        one.line("a", "e", "x")
        wait_for(lambda: len(server.requests) >= 3)
        (told,) = [record.getMessage() for record in caplog.records if "HTTP" in record.getMessage()]
        assert f"{server.url}: HTTP {status}: send RUNREEL_TOKEN's value" in told
        assert "wr0ng" not in told
        server.answer = lambda request: (200, {}, b"{}")
        before = len(server.requests)
        assert one.close(30)
        assert texts(unique(server.taken(lambda request: server.requests.index(request) >= before))) == ["x"]
    finally:
        server.close()
