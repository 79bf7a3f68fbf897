"""What lasts, in a real server on a real socket: content, uploads, events and streams beside the pages."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from runreel import codec, ids
from runreel import events as ev
from runreel_consumers.blobs.artifacts import ArtifactInfo, write_info
from runreel_server.asgi import THREADS
from runreel_server.queries.lines import LineQuery
from serving import Server, listening
from support import wait_for

BIG = 8 << 20


class Served:
    """A running server and its store."""

    def __init__(self, server: Server, port: int) -> None:
        self._server, self.services, self.port = server, server.services, port

    def connect(self, timeout: float = 10) -> http.client.HTTPConnection:
        """A connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """A whole answer."""
        connection = self.connect()
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def keep(self, data: bytes) -> str:
        """Have an artifact of these bytes; answers its id."""
        artifact, sha256 = ids.new_artifact(), hashlib.sha256(data).hexdigest()
        self.services.store.put(f"content/{sha256}", data)
        info = ArtifactInfo(
            id=artifact,
            run=self.run,
            workspace="default",
            state="stored",
            size=len(data),
            sha256=sha256,
            content=f"content/{sha256}",
            position="p",
            time=1,
        )
        write_info(self.services.store, info)
        return artifact

    run = ids.new_run()

    def begin(self, run: str, *, stored: bool = True) -> None:
        """Have the archive hold a run, or the tail bring it."""
        session = ids.new_session()
        began = ev.Event(
            type=ev.RUN_STARTED,
            run=run,
            time=time.time_ns() // 1000,
            id=f"{session}-0",
            source="/default/p",
            session=session,
            seq=0,
            final=True,
            data=codec.encode_data(ev.RunStarted(pipeline="p")),
        )
        (self._server.archive if stored else self._server.tell)([began])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of an archive without Kafka, which takes three streams."""
    server = Server(tmp_path_factory.mktemp("served"), max_streams=3, port=21_000)
    with ExitStack() as stack:
        made = Served(server, listening(server.services, stack)[1])
        made.begin(made.run)
        yield made


def test_content_is_streamed_whole_or_in_the_part_that_is_asked_for(served: Served) -> None:
    data = bytes(range(256)) * 4096
    path = f"/api/v1/artifacts/{served.keep(data)}/content"
    whole, body = served.get(path)
    assert (whole.status, body) == (200, data)
    for header, start, end in (("bytes=0-9", 0, 10), ("bytes=1000000-", 1_000_000, len(data)), ("bytes=-7", -7, None)):
        part, body = served.get(path, range=header)
        assert (part.status, body) == (206, data[start:end])
    beyond, _ = served.get(path, range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.getheader("content-range")) == (416, f"bytes */{len(data)}")
    same, body = served.get(path, if_none_match=str(whole.getheader("etag")))
    assert (same.status, body) == (304, b"")


def test_content_runs_in_no_origin_of_ours(served: Served) -> None:
    answer, _ = served.get(f"/api/v1/artifacts/{served.keep(b'<script>alert(1)</script>')}/content")
    assert str(answer.getheader("content-security-policy")).startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in str(answer.getheader("content-security-policy"))
    assert answer.getheader("x-content-type-options") == "nosniff"


def test_ten_paused_downloads_slow_nothing(served: Served) -> None:
    """Each holds a few pieces and no thread; the pages have all of theirs."""
    path = f"/api/v1/artifacts/{served.keep(b'x' * BIG)}/content"
    with ExitStack() as stack:
        paused = []
        for _ in range(10):
            connection = socket.create_connection(("127.0.0.1", served.port), 10)
            stack.enter_context(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 200")
            paused.append(connection)
        for address in ("/healthz", "/api/v1/runs", "/"):
            answer, _ = served.get(address)
            assert answer.status == 200
        other, body = served.get(path)
        assert (other.status, len(body)) == (200, BIG)


def test_an_unknown_artifact_is_a_problem_in_the_one_shape(served: Served) -> None:
    answer, body = served.get("/api/v1/artifacts/none/content")
    assert (answer.status, answer.getheader("content-type")) == (404, "application/problem+json")
    assert json.loads(body).keys() == {"type", "title", "status", "detail"}


def test_a_claimed_artifact_is_sent_to_the_server_and_kept(served: Served) -> None:
    artifact, data = ids.new_artifact(), b"claimed bytes" * 100_000
    claim = served.services.claims.claim(artifact, len(data), run=served.run, workspace="default")
    assert claim.url == f"{served.services.url}/api/v1/uploads/{artifact}"
    connection = served.connect()
    connection.request("PUT", f"/api/v1/uploads/{artifact}", data, claim.headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"size": len(data)})
    connection.request("PUT", f"/api/v1/uploads/{artifact}", data + b"more", claim.headers)
    too_long = connection.getresponse()
    assert (too_long.status, "claimed" in json.loads(too_long.read())["detail"]) == (400, True)
    connection.close()
    connection = served.connect()
    connection.request("PUT", f"/api/v1/uploads/{artifact}", data, {"X-Runreel-Upload": "guessed"})
    assert connection.getresponse().status == 404
    connection.close()


def test_a_name_that_is_not_this_machines_is_not_served(served: Served) -> None:
    """A page of another site can have its own name lead to loopback; the Host header tells."""
    for host, status in (("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("evil.example", 421)):
        answer, _ = served.get("/healthz", host=host)
        assert (host, answer.status) == (host, status)


def stream(served: Served, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """An open stream."""
    connection = served.connect()
    connection.request("GET", path)
    return connection, connection.getresponse()


def event(answer: http.client.HTTPResponse) -> tuple[str, dict[str, object]]:
    """The next event of a stream."""
    fields: dict[str, str] = {}
    while line := answer.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields["event"], json.loads(fields["data"])


def test_at_the_cap_a_stream_says_bye_and_ends(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            connection, answer = stream(served, "/api/v1/stream?watch=runs")
            stack.callback(connection.close)
            assert event(answer)[0] == "snapshot"
        connection, answer = stream(served, "/api/v1/stream?watch=runs")
        stack.callback(connection.close)
        assert answer.status == 200
        name, data = event(answer)
        assert name == "bye"
        assert data["retry_ms"] == 5000
        assert answer.read() == b""
    application_frees = "/api/v1/stream?watch=runs"

    def again() -> bool:
        connection, answer = stream(served, application_frees)
        try:
            return event(answer)[0] == "snapshot"
        finally:
            connection.close()

    wait_for(again, what="a place for a stream")


def test_a_stream_of_nothing_is_a_problem(served: Served) -> None:
    for path, status in (
        ("/api/v1/stream", 400),
        ("/api/v1/stream?watch=everything", 400),
        (f"/api/v1/runs/{ids.new_run()}/stream", 404),
    ):
        answer, body = served.get(path)
        assert (answer.status, json.loads(body)["status"]) == (status, status)


def test_what_lasts_takes_no_parameter_that_it_does_not_know(served: Served) -> None:
    """A misspelt filter must not pass for none, nor a misspelt play for what is live."""
    for path in (
        f"/api/v1/runs/{served.run}/events?types=metrics",
        f"/api/v1/runs/{served.run}/stream?form=0",
        "/api/v1/stream?watch=runs&speeed=2",
    ):
        answer, body = served.get(path)
        assert (answer.status, "unknown parameter" in json.loads(body)["detail"]) == (400, True), path


def test_another_method_is_told_which_one_is_wanted(served: Served) -> None:
    for path, method, wanted in (
        (f"/api/v1/runs/{served.run}/events", "HEAD", "GET"),
        (f"/api/v1/runs/{served.run}/series.csv", "POST", "GET"),
        ("/api/v1/artifacts/any/content", "DELETE", "GET, HEAD"),
        ("/api/v1/uploads/any", "POST", "PUT"),
    ):
        with closing(served.connect()) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        assert (answer.status, answer.getheader("allow")) == (405, wanted)
        assert method == "HEAD" or json.loads(body)["detail"] == f"{method} is nothing for {path}: use {wanted}"


def test_a_run_streams_its_snapshot(served: Served) -> None:
    for named in (served.run, served.run[-8:]):
        connection, answer = stream(served, f"/api/v1/runs/{named}/stream")
        name, data = event(answer)
        connection.close()
        assert name == "snapshot"
    assert data["state"]["pipeline"] == "p"  # type: ignore[index]


@pytest.mark.parametrize("stored", [True, False])
def test_a_page_goes_on_from_the_state_that_it_has(served: Served, stored: bool) -> None:
    """Of a run of the archive and of one of the tail; what is said between the page and its stream comes as a delta."""
    run = ids.new_run()
    served.begin(run, stored=stored)
    _, page = served.get(f"/runs/{run}")
    found = re.search(rb'id="page-data"[^>]*>(.*?)</script>', page)
    assert found
    here = json.loads(found[1])["here"]
    address = f"/api/v1/stream?watch=run:{run}&watch=runs&after=old&after={here['token']}"
    connection, answer = stream(served, address)
    with closing(connection):
        told = [event(answer) for _ in range(3)]
    mine = [(name, data["position"]) for name, data in told if data.get("watch") == f"run:{run}"]
    assert set(mine) == {("ping", here["position"])}
    served.begin(run, stored=False)  # another session
    connection, answer = stream(served, address)
    with closing(connection):
        while (told_now := event(answer))[1].get("watch") != f"run:{run}" or told_now[0] == "ping":
            pass
    assert (told_now[0], told_now[1]["from"]) == ("delta", here["position"])


def test_a_run_that_is_not_there_holds_up_no_other_and_comes_when_it_is(served: Served) -> None:
    later = ids.new_run()
    connection, answer = stream(served, f"/api/v1/stream?watch=run:{later}&watch=run:{served.run}")
    with closing(connection):
        told = dict([event(answer), event(answer)])
        assert told["gone"] == {"watch": f"run:{later}", "reason": f"no run {later}"}
        assert told["snapshot"]["watch"] == f"run:{served.run}"
        served.begin(later, stored=False)
        while (told_later := event(answer))[0] != "snapshot":
            assert told_later[0] in {"ping", "gone"}
        assert told_later[1]["watch"] == f"run:{later}"


def test_an_answer_does_not_wait_for_the_receipt_of_its_header(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server, port = listening(Server(tmp_path, port=21_500).services, stack)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        stack.callback(connection.close)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        (kept,) = server.server_state.connections
        accepted = kept.transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_that_ends_tells_its_streams(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server, port = listening(Server(tmp_path, port=21_500).services, stack)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        stack.callback(connection.close)
        connection.request("GET", "/api/v1/stream?watch=runs")
        answer = connection.getresponse()
        assert event(answer)[0] == "snapshot"
        server.should_exit = True
        while (name := event(answer)[0]) == "ping":
            pass
        assert name == "bye"


def test_lines_are_answered_while_many_questions_to_whole_runs_go_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those, one whose client has gone while it waited for its turn is never begun."""
    begun, free = [], threading.Event()
    counts = LineQuery.counts

    def slow(*arguments: Any) -> Any:
        begun.append(arguments)
        assert free.wait(30)
        return counts(*arguments)

    monkeypatch.setattr(LineQuery, "counts", slow)
    path = f"/api/v1/runs/{served.run}/density?of=lines&width=10"
    with ExitStack() as stack:
        stack.callback(free.set)
        asking = [stack.enter_context(closing(served.connect(30))) for _ in range(THREADS + 2)]
        for connection in asking[:THREADS]:
            connection.request("GET", path)
        wait_for(lambda: len(begun) == THREADS)
        left, last = asking[THREADS:]
        left.request("GET", path)
        served.get("/healthz")
        left.close()
        last.request("GET", path)
        answer, _ = served.get(f"/api/v1/runs/{served.run}/logs")
        assert answer.status == 200
        assert len(begun) == THREADS
        free.set()
        assert last.getresponse().status == 200
        assert [connection.getresponse().status for connection in asking[:THREADS]] == [200] * THREADS
    assert len(begun) == THREADS + 1
