"""Artifacts as inputs, and their bytes in another process."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import runreel
from runreel import events, fetch
from runreel.artifacts import Artifact
from runreel.run import Run
from runreel.settings import Settings
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def run(said: Said) -> Iterator[Run]:
    with runreel.start("p") as run:
        yield run


def settings(url: str = "") -> Settings:
    return Settings({"url": url, "state_dir": "/nonexistent"}, environ={}, folder="/nonexistent")


class Server:
    """A server that knows some artifacts and, after a while, their content."""

    def __init__(self) -> None:
        self.state: dict[str, object] = {}
        self.content: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.late = 0
        self.status = 404
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                outer.asked.append(self.path)
                body = outer.answer(self.path)
                self.send_response(outer.status if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, path: str) -> bytes | None:
        if self.late:
            self.late -= 1
            return None
        if path == "/api/v1/runs/r1":
            return json.dumps(self.state).encode()
        return self.content.get(path)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def test_an_input_is_what_output_answered_its_name_or_step_and_name(said: Said, run: Run) -> None:
    with run.step("extract") as extract:
        flights = extract.output("flights", b"1")
    with run.step("other") as other:
        other.output("weather", b"2")
    with run.step("train") as train:
        assert train.input(flights) is flights
        assert train.input("flights") is flights
        assert train.input((extract, "flights")) is flights
        assert train.input(("extract", "flights")) is flights
        assert train.input(("other", "weather")).name == "weather"
    used = said.state["steps"]["train"]["inputs"]
    assert {one["state"] for one in used} == {"resolved"}
    assert said.state["steps"]["train"]["parents"] == ["extract", "other"]


def test_an_input_may_be_named_before_it_is_made(said: Said, run: Run) -> None:
    with run.step("train") as train:
        artifact = train.input((("prepare", "clean"), "rows"))
        assert (artifact.id, artifact.step, artifact.name) == (None, "prepare/clean", "rows")
    assert [one["state"] for one in said.state["steps"]["train"]["inputs"]] == ["pending"]
    with run.step("prepare") as prepare, prepare.step("clean") as clean:
        clean.output("rows", b"x")
    assert [one["state"] for one in said.state["steps"]["train"]["inputs"]] == ["resolved"]


def test_an_input_may_be_a_uri_or_a_file(said: Said, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n")
    assert run.input("s3://bucket/rows.csv").uri == "s3://bucket/rows.csv"
    artifact = run.input(path)  # type: ignore[arg-type]
    assert artifact.uri == path.as_uri()
    assert artifact.path() == path
    assert [data.uri for data in said.data(events.ARTIFACT)] == ["s3://bucket/rows.csv", path.as_uri()]


def test_the_newest_output_of_a_name_is_meant(run: Run) -> None:
    run.output("data", b"1")
    newest = run.output("data", b"2")
    assert run.input("data") is newest


def test_in_another_process_the_spools_copy_serves(run: Run) -> None:
    artifact = pickle.loads(pickle.dumps(run.output("data", b"bytes")))
    with artifact.open() as file:
        assert file.read() == b"bytes"
    assert artifact.path().name == "data"


def test_a_fetched_file_stays_when_the_spool_lets_go_of_its_copy(run: Run) -> None:
    artifact = run.output("data", b"bytes")
    path = artifact.path()
    assert artifact.copy is not None
    Path(artifact.copy).unlink(missing_ok=True)
    assert artifact.path() == path
    assert path.read_bytes() == b"bytes"


def test_a_uri_that_is_a_file_here_is_read_where_it_lies(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "with space.bin"
    path.write_bytes(b"x")
    assert run.output("a", uri=path.as_uri()).path() == path
    assert run.output("b", uri=str(path)).path() == path


def test_through_the_server_by_id(server: Server) -> None:
    server.content["/api/v1/artifacts/a1/content"] = b"bytes"
    artifact = Artifact(run="r1", name="rows", id="a1", file_name="rows.csv")
    path = artifact.path(settings=settings(server.url))
    assert (path.name, path.read_bytes()) == ("rows.csv", b"bytes")
    artifact.path(settings=settings(server.url))
    assert len(server.asked) == 1


def test_through_the_server_by_step_and_name(server: Server) -> None:
    server.state = {
        "artifacts": {
            "a1": {"id": "a1", "name": "rows", "step": "extract", "role": "output", "version": 1},
            "a2": {"id": "a2", "name": "rows", "step": "extract", "role": "output", "version": 2},
            "a3": {"id": "a3", "name": "rows", "step": "other", "role": "output", "version": 3},
        }
    }
    server.content["/api/v1/artifacts/a2/content"] = b"newest"
    artifact = Artifact(run="r1", name="rows", step="extract")
    assert artifact.path(settings=settings(server.url)).read_bytes() == b"newest"


def test_it_waits_until_the_artifact_has_reached_the_store(server: Server) -> None:
    server.late = 2
    server.content["/api/v1/artifacts/a9/content"] = b"late"
    artifact = Artifact(run="r1", name="late", id="a9")
    assert artifact.path(settings=settings(server.url)).read_bytes() == b"late"
    assert len(server.asked) == 3


def test_what_never_comes_is_not_found(server: Server) -> None:
    with pytest.raises(runreel.NotFound, match="'none' is not in the store after 0 s"):
        Artifact(run="r1", name="none", id="nope").path(timeout=0, settings=settings(server.url))
    server.state = {"artifacts": {}}
    with pytest.raises(runreel.NotFound, match="'none' is not in the store after 0 s: run r1 has no output 'none'"):
        Artifact(run="r1", name="none").path(timeout=0, settings=settings(server.url))


def test_a_long_wait_is_told_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fetch, "SILENT", 0.0)
    server.late = 3
    server.content["/api/v1/artifacts/a1/content"] = b"x"
    artifact = Artifact(run="r1", name="late", id="a1")
    assert artifact.path(timeout=30, settings=settings(server.url)).read_bytes() == b"x"
    assert [record.message for record in caplog.records] == [
        "runreel: waits up to 30 s for artifact 'late', which is not there yet"
    ]


def test_a_server_that_fails_is_not_reachable(server: Server) -> None:
    server.status = 500
    with pytest.raises(runreel.NotReachable, match="answers 500"):
        Artifact(run="r1", name="x", id="gone").path(settings=settings(server.url))


def test_other_bytes_than_those_that_were_said_are_refused(server: Server) -> None:
    server.content["/api/v1/artifacts/a5/content"] = b"other"
    artifact = Artifact(run="r1", name="x", id="a5", sha256="0" * 64)
    with pytest.raises(runreel.NotReachable, match="sha256 differs"):
        artifact.path(timeout=0, settings=settings(server.url))


def test_many_threads_may_fetch_one_artifact(server: Server) -> None:
    server.content["/api/v1/artifacts/a6/content"] = b"x" * (5 << 20)
    artifact = Artifact(run="r1", name="x", id="a6")
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(artifact.path, settings=settings(server.url)) for _ in range(8)]
        assert {path.result().stat().st_size for path in found} == {5 << 20}


def test_no_server_and_no_file_says_what_to_set() -> None:
    with pytest.raises(runreel.NotReachable, match="set RUNREEL_URL, or start `runreel up`"):
        Artifact(run="r1", name="x", id="a77").path(settings=settings())
    with pytest.raises(runreel.NotReachable, match="does not answer"):
        Artifact(run="r1", name="x", id="a78").path(timeout=0, settings=settings("http://127.0.0.1:1"))
