"""Viewers that do not do as they should: those that read nothing, and one too many."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from runreel import events as ev
from runs import RUN, Clock, Voice
from serving import Server, listening
from support import wait_for

PATH = f"/api/v1/runs/{RUN}/stream"


def viewer(port: int, *, buffer: int | None = None) -> socket.socket:
    """A client that has asked for the stream, and has read nothing."""
    found = socket.socket()
    if buffer is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    found.settimeout(30)
    found.connect(("127.0.0.1", port))
    found.sendall(f"GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return found


def lines(voice: Voice) -> Any:
    """A change of 200 kB."""
    logs = ev.Logs(time=[voice.clock.now] * 50, level=["INFO"] * 50, text=["x" * 4000] * 50)
    return voice.say(ev.LOGS, logs, passes=1)


def test_a_viewer_that_reads_nothing_is_dropped_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel_server.asgi.http.PATIENCE", 0.5)
    monkeypatch.setattr("runreel_server.web.UNREAD_MS", 1_000)
    server = Server(tmp_path, port=22_000)
    voice = Voice("a" * 32, Clock())
    server.archive([voice.open(), voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))])
    with ExitStack() as stack:
        web, port = listening(server.services, stack)
        streams = web._application.streams
        assert streams is not None
        asleep = [stack.enter_context(closing(viewer(port, buffer=4096))) for _ in range(3)]
        awake = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        stack.callback(awake.close)
        awake.request("GET", PATH)
        answer = awake.getresponse()
        wait_for(lambda: streams.open == 4, what="four streams")

        def told() -> bool:
            server.tell([lines(voice)])
            while (line := answer.readline()).startswith(
                (b"event: ping", b"data: ", b"id: ", b"\n", b"event: snapshot")
            ):
                pass
            assert line == b"event: delta\n"
            return streams.open == 1

        wait_for(told, what="the sleepers to be dropped")
        # Not only forgotten: the connections are cut, though nobody reads there, and nothing is kept for them.
        wait_for(lambda: len(web.server_state.connections) == 1, what="the sleepers' connections to be cut")
        assert len(asleep) == 3
        server.tell([lines(voice)])
        assert answer.readline()


def test_one_viewer_too_many_is_told_when_to_come_back_and_let_go(tmp_path: Path) -> None:
    server = Server(tmp_path, port=22_500, max_streams=2)
    server.archive([Voice("a" * 32, Clock()).open()])
    with ExitStack() as stack:
        _, port = listening(server.services, stack)
        there = [stack.enter_context(closing(viewer(port))) for _ in range(2)]
        for client in there:
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
        late = stack.enter_context(closing(viewer(port)))
        said = b""
        while data := late.recv(1 << 16):  # until the server closes: nobody hangs there
            said += data
        assert said.startswith(b"HTTP/1.1 200 OK")
        (data,) = [line for line in said.split(b"\n") if line.startswith(b"data: ")]
        assert json.loads(data[6:]) == {"retry_ms": 5000, "reason": "2 streams are open, no more are taken here"}
        there[0].close()

        def taken() -> bool:
            with closing(viewer(port)) as again:
                return b"event: snapshot" in again.recv(1 << 16) + again.recv(1 << 16)

        wait_for(taken, what="the place that became free")


def test_a_large_snapshot_goes_in_pieces_to_who_reads_slowly(tmp_path: Path) -> None:
    """What a client has not taken yet must not lie in the server as a whole."""
    server = Server(tmp_path, port=23_000)
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.GRAPH, {"steps": {f"step-{n:05d}": {} for n in range(2_000)}})
    server.archive(voice.events)
    with ExitStack() as stack:
        _, port = listening(server.services, stack)
        client = stack.enter_context(closing(viewer(port, buffer=4096)))
        said = b""
        while b"\n\n" not in said.partition(b"event: snapshot")[2]:
            said += client.recv(3_000)
        body = dechunked(said)
        data = next(line for line in body.split(b"\n") if line.startswith(b"data: "))
        assert len(json.loads(data[6:])["state"]["steps"]) == 2_000


def dechunked(answer: bytes) -> bytes:
    """The body of a chunked answer, as far as it came."""
    rest, body = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body
