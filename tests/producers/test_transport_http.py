"""Events over HTTP: answered when acknowledged, tried again, halved until the one that is refused is found."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from answering import Reply, Request, Server
from runreel import events
from runreel.codec import BATCH_CONTENT_TYPE
from runreel.errors import SettingError
from runreel.transports.choice import choose
from sessions import session, settings, texts, unique, values
from support import wait_for


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def test_batches_are_posted_over_one_connection_with_the_token(tmp_path: Path, server: Server) -> None:
    one = session(tmp_path, None, url=server.url + "/base/", token="t0ken")
    series = one.series("a", "e", "loss")
    for i in range(50_000):
        one.point(series, None, i)
    assert one.close(30)
    assert values(unique(server.taken())) == list(range(50_000))
    for method, path, headers, body in server.requests:
        assert (method, path) == ("POST", "/base/api/v1/events")
        assert headers["Content-Type"] == BATCH_CONTENT_TYPE
        assert headers["Authorization"] == "Bearer t0ken"
        assert len(body) < 2 << 20
    assert server.connections == 1


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_what_may_pass_is_tried_again(tmp_path: Path, server: Server, status: int) -> None:
    failures = [status] * 3
    server.answer = lambda request: (failures.pop() if failures else 200, {"Retry-After": "0"}, b"{}")
    one = session(tmp_path, None, url=server.url)
    one.line("a", "e", "x")
    assert one.close(30)
    assert texts(unique(server.taken())) == ["x"]
    assert len(server.requests) >= 4


def test_the_one_event_that_is_refused_is_found_replaced_and_kept(tmp_path: Path, server: Server) -> None:
    def answer(request: Request) -> Reply:
        if b'"bad"' in request[3]:
            return 422, {}, json.dumps({"title": "no", "detail": "bad is not taken"}).encode()
        return 200, {}, b"{}"

    server.answer = answer
    one = session(tmp_path, None, url=server.url)
    for i in range(20):
        one.say(events.TAGS, {"bad" if i == 7 else "good": i})
    assert one.close(30)
    said = unique(server.taken(lambda request: b'"bad"' not in request[3]))
    assert sum(event.type == events.TAGS for event in said) == 19
    assert sum(event.type == events.LOSS for event in said) == 1
    (refused,) = (tmp_path / "spool" / "refused").iterdir()
    assert "bad is not taken" in json.loads(refused.read_text())["reason"]


def test_a_connection_that_breaks_is_made_anew(tmp_path: Path, server: Server) -> None:
    broken = [True]

    def answer(request: Request) -> Reply:
        if broken:
            broken.pop()
            raise ConnectionAbortedError
        return 200, {"Connection": "close"}, b"{}"

    server._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # it is meant to break
    server.answer = answer
    one = session(tmp_path, None, url=server.url)
    one.line("a", "e", "x")
    assert one.close(30)
    assert texts(unique(server.taken())) == ["x"]
    assert server.connections >= 2


def test_a_server_that_is_not_there_yet_gets_what_waited(tmp_path: Path, server: Server) -> None:
    url = server.url
    server.close()
    one = session(tmp_path, None, url=url)
    one.line("a", "e", "x")
    assert not one.flush(0.5)
    way = one.opened().worker.transport
    wait_for(lambda: way.reachable is False)
    assert not one.close(0.1)


def test_an_answer_that_takes_long_holds_back_no_sealing(tmp_path: Path, server: Server) -> None:
    answered = threading.Event()
    server.answer = lambda request: (200 if answered.wait(20) else 500, {}, b"{}")
    one = session(tmp_path, None, url=server.url)
    one.say(events.TAGS, {"first": 1})
    wait_for(lambda: server.requests)
    one.say(events.TAGS, {"second": 2})
    wait_for(lambda: one.opened().shipper.ledger.mark.next >= 3)
    answered.set()
    assert one.close(30)


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="RUNREEL_URL"):
        choose(settings(tmp_path, url="server:80"))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "up"),
        ({"kafka": "k:1"}, "kafka"),
        ({"url": "http://s"}, "http"),
        ({"kafka": "k:1", "url": "http://s"}, "kafka"),
        ({"kafka": "k:1", "url": "http://s", "transport": "http"}, "http"),
        ({"transport": "kafka"}, "up"),
        ({"transport": "null"}, "null"),
        ({"transport": "console"}, "console"),
    ],
)
def test_the_way_out_follows_from_the_settings(tmp_path: Path, changes: dict[str, str], name: str) -> None:
    assert choose(settings(tmp_path, **changes)).name == name


@pytest.mark.parametrize("way", ["null", "console"])
def test_the_simple_ways_acknowledge(tmp_path: Path, way: str, capfd: pytest.CaptureFixture[str]) -> None:
    one = session(tmp_path, None, transport=way)
    one.line("a", "e", "shown")
    assert one.close(10)
    printed = capfd.readouterr().err.encode().splitlines()
    assert texts(unique(printed)) == (["shown"] if way == "console" else [])
