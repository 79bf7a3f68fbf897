"""`runreel runs`: what it asks the server for, and how it ends where that cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from answering import Server
from commands import run


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.answer = lambda request: (200, {}, b'{"runs": []}')
    yield server
    server.close()


def test_each_filter_is_passed_on(server: Server, tmp_path: Path) -> None:
    given = [
        "--state",
        "failed",
        "--state",
        "CANCELED",
        "--tag",
        "kind=nightly",
        "--since",
        "24h",
        "-q",
        "etl",
        "-n",
        "5",
    ]
    ended = run(tmp_path, "runs", *given, "--sort", "-duration", RUNREEL_URL=server.url)
    assert (ended.returncode, ended.stdout) == (0, b"no runs\n")
    assert parse_qs(urlsplit(server.requests[-1][1]).query) == {
        "state": ["FAILED", "CANCELED"],
        "tag": ["kind=nightly"],
        "since": ["24h"],
        "q": ["etl"],
        "sort": ["-duration"],
        "limit": ["5"],
    }


@pytest.mark.parametrize(
    ("given", "said"), [(["--state", "BAD"], b"'bad' is not one of 'pending', 'running'"), (["-n", "0"], b"1<=x<=500")]
)
def test_what_cannot_be_asked_is_an_error_of_use(server: Server, tmp_path: Path, given: list[str], said: bytes) -> None:
    ended = run(tmp_path, "runs", *given, RUNREEL_URL=server.url)
    assert ended.returncode == 2
    assert said in ended.stderr.lower()
    assert not server.requests


def test_what_the_server_refuses_is_one_too(server: Server, tmp_path: Path) -> None:
    problem = {"status": 400, "detail": "sort 'colour' is none: one of started"}
    server.answer = lambda request: (400, {}, json.dumps(problem).encode())
    ended = run(tmp_path, "runs", "--sort", "colour", RUNREEL_URL=server.url)
    assert ended.returncode == 2
    assert b"sort 'colour' is none: one of started" in ended.stderr
    assert b"Traceback" not in ended.stderr
