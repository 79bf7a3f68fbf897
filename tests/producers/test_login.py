"""User info in an address (`https://me:hunter2@host`): it opens the door, and is shown nowhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

import runreel
from answering import Server
from commands import environ, run
from runreel import checks
from runreel.artifacts import Artifact
from runreel.cli.api import Api
from runreel.errors import NotReachable, SettingError
from runreel.parsers import split_login
from runreel.settings import Settings
from runreel.testing import capture
from runreel.transports.choice import choose
from speaking import run as program

AWAY = "http://me:hunter2@127.0.0.1:1"
SEEN = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("address", "plain", "login"),
    [
        ("https://me:hunter2@host:8765/base", "https://host:8765/base", "me:hunter2"),
        ("https://me@host", "https://host", "me"),
        ("http://:hunter2@host", "http://host", ":hunter2"),
        ("http://me:hunt/er2@host/x", "http://host/x", "me:hunt/er2"),
        ("http://me:hunt@er2@host", "http://host", "me:hunt@er2"),
        ("http://me:4711@host", "http://host", "me:4711"),
        ("me:hunter2@host", "host", "me:hunter2"),
        ("http//me:hunter2@host", "http//host", "me:hunter2"),
        ("http://host:8765/@x", "http://host:8765/@x", None),
        ("http://[::1]:8765/@x", "http://[::1]:8765/@x", None),
        ("http://host/x?mail=a@b", "http://host/x?mail=a@b", None),
        ("", "", None),
    ],
)
def test_an_address_and_its_user_info_are_parted(address: str, plain: str, login: str | None) -> None:
    assert split_login(address) == (plain, login)


def test_the_page_of_a_run_has_none() -> None:
    with capture({"RUNREEL_URL": AWAY}), runreel.start("p") as one:
        assert one.url == f"{SEEN}/runs/{one.id}"


def test_a_warning_and_what_lies_in_the_spool_have_none(tmp_path: Path) -> None:
    source = """
        import runreel
        with runreel.start("p") as run:
            run.log("said")
    """
    ended = program(tmp_path, source, {"RUNREEL_URL": AWAY, "RUNREEL_TRANSPORT": "http", "RUNREEL_EXIT_WAIT": "0.5"})
    assert SEEN in ended.err
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "program.py")
    assert SEEN.encode() in kept
    assert b"hunter2" not in kept


@pytest.mark.parametrize("command", [["doctor"], ["runs"], ["tail", "last"]])
def test_commands_tell_none(tmp_path: Path, command: list[str]) -> None:
    ended = run(tmp_path, *command, RUNREEL_URL=AWAY)
    assert ended.returncode != 0
    assert SEEN in (ended.stdout + ended.stderr).decode()
    assert b"hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("url", ["ftp://me:hunter2@host", "me:hunter2@host", "http//me:hunter2@host"])
def test_an_error_about_the_address_tells_none(url: str) -> None:
    with pytest.raises(SettingError, match="RUNREEL_URL") as caught:
        choose(Settings({"url": url, "transport": "http"}, environ={}, folder="/nonexistent"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["RUNREEL_S3_ENDPOINT", "RUNREEL_PORT"])
def test_any_wrong_setting_tells_none(tmp_path: Path, name: str) -> None:
    found = [one for one in checks.all_findings(environ(tmp_path, **{name: AWAY})) if one.level == "wrong"]
    assert [one.text for one in found] == [f"{name}='http://***@127.0.0.1:1'"]


def test_an_artifact_that_cannot_be_had_tells_none() -> None:
    settings = Settings({"url": AWAY}, environ={}, folder="/nonexistent")
    for artifact in (Artifact(run="r", name="a", id="x"), Artifact(run="r", name="a", uri=f"{AWAY}/x?token=hunter2")):
        with pytest.raises(NotReachable) as caught:
            artifact.path(timeout=0, settings=settings)
        assert "hunter2" not in str(caught.value)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_it_goes_along_as_http_basic(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("http://", "http://me:hunt%40er2@")
    settings = Settings({"url": url, "state_dir": str(tmp_path)}, environ={}, folder="/nonexistent")
    program(tmp_path, "import runreel; runreel.start('p').finish()", {"RUNREEL_URL": url, "RUNREEL_TRANSPORT": "http"})
    posted = len(server.requests)
    Api(settings).get("/api/v1/runs")
    assert [one.level for one in checks.server(settings)] == ["ok"]
    Artifact(run="r", name="a", id="x").path(settings=settings)
    Artifact(run="r", name="b", uri=f"{url}/b").path(settings=settings)
    assert posted > 0
    assert [path for _, path, _, _ in server.requests[posted:]] == [
        "/api/v1/runs",
        "/healthz",
        "/api/v1/artifacts/x/content",
        "/b",
    ]
    basic = f"Basic {base64.b64encode(b'me:hunt@er2').decode()}"
    assert {headers.get("Authorization") for _, _, headers, _ in server.requests} == {basic}
