"""Every error below `/api` has one shape, and says what is wrong and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from runreel.errors import NotReachable
from runs import RUN, Clock, Voice
from serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    server = Server(tmp_path_factory.mktemp("server"), token="let-me-in")
    voice = Voice("a" * 32, Clock())
    voice.open()
    server.archive(voice.events)
    return server


@pytest.fixture
def client(server: Server) -> FlaskClient:
    return server.app.test_client()


def problem(answer: Any, status: int) -> str:
    """The detail of an answer that must be problem details."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    shape = answer.get_json(force=True)
    assert {"type", "title", "status", "detail"} <= shape.keys()
    assert shape["status"] == status
    assert shape["title"]
    return str(shape["detail"])


def addresses(server: Server) -> list[tuple[str, str]]:
    """Every route below `/api` with its parts filled in."""
    found = []
    for rule in server.app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            found.append((method, rule.rule.replace("<run>", RUN).replace("<artifact>", "b" * 32)))
    return found


def test_every_route_refuses_an_unknown_parameter_in_the_one_shape(server: Server, client: FlaskClient) -> None:
    known = addresses(server)
    assert len(known) > 12
    for method, address in known:
        headers = {"Authorization": "Bearer let-me-in"}
        detail = problem(client.open(f"{address}?colour=red", method=method, headers=headers), 400)
        assert "colour" in detail, address


def test_every_route_tells_which_method_it_takes(server: Server, client: FlaskClient) -> None:
    for _, address in addresses(server):
        answer = client.delete(address)
        assert "DELETE" in problem(answer, 405), address
        assert answer.headers["Allow"]


def test_every_route_of_a_run_or_artifact_knows_when_it_is_not_there(server: Server, client: FlaskClient) -> None:
    for method, address in addresses(server):
        if RUN in address or "b" * 32 in address:
            missing = address.replace(RUN, f"{RUN[:-1]}e")
            wanted = {"series": "?key=a:b", "delta": "?from=0&at=1"}.get(missing.rpartition("/")[2], "")
            headers = {"Authorization": "Bearer let-me-in"}
            body = {"json": {}} if method == "POST" else {}
            detail = problem(client.open(missing + wanted, method=method, headers=headers, **body), 404)
            assert "no " in detail or "not" in detail


def test_what_is_nowhere_below_the_api_is_a_problem_and_elsewhere_a_page(client: FlaskClient) -> None:
    assert "openapi.json" in problem(client.get("/api/v1/nothing"), 404)
    page = client.get("/nothing")
    assert (page.status_code, page.mimetype) == (404, "text/html")


def test_an_error_of_ours_tells_nothing_of_the_inside(
    server: Server, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("/secret/path")

    monkeypatch.setattr(server.app.extensions["runreel"]["source"], "state_text", broken)
    assert "secret" not in problem(client.get(f"/api/v1/runs/{RUN}"), 500)
    assert "/secret/path" in caplog.text


def test_a_store_that_is_away_is_503_with_a_time_to_come_again(
    server: Server, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise NotReachable("the store does not answer")

    monkeypatch.setattr(server.app.extensions["runreel"]["source"], "live", away)
    answer = client.get(f"/api/v1/runs/{RUN}")
    assert "store" in problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    page = client.get(f"/runs/{RUN}")
    assert (page.status_code, page.mimetype) == (503, "text/html")


BAD = {
    f"/runs/{RUN}?at=yesterday": ("at", "yesterday", "2026-11-22T09:00:00Z"),
    f"/runs/{RUN}?at=2026-11-22T09:00:00": ("at", "2026-11-22T09:00:00", "like"),
    f"/runs/{RUN}?at=999999999999999999": ("at", "999", "9999"),
    f"/runs/{RUN}/delta?at=1": ("from", "missing", "moment"),
    f"/runs/{RUN}/series": ("key", "missing", "STEP:NAME"),
    f"/runs/{RUN}/series?key=loss": ("key", "loss", "STEP:NAME"),
    f"/runs/{RUN}/series?key=a:b&x=index": ("x", "index", "at, elapsed, time"),
    f"/runs/{RUN}/series?key=:b&width=0": ("width", "0", "from 1"),
    f"/runs/{RUN}/series?key=:b&from=nan": ("from", "nan", "finite"),
    f"/runs/{RUN}/logs?after=x": ("cursor", "x", "of an answer"),
    f"/runs/{RUN}/logs?after=x&before=y": ("after", "before", "one of them"),
    f"/runs/{RUN}/logs?limit=1e3": ("limit", "1e3", "whole number"),
    f"/runs/{RUN}/logs?limit=1&limit=2": ("limit", "2 times", "once"),
    f"/runs/{RUN}/density?of=points": ("of", "points", "events, lines, errors"),
    f"/runs/{RUN}/density?from=2&to=1": ("to", "before from", "after it"),
    f"/runs/{RUN}/density?from=2100-01-01T00:00:00Z": ("to=20", "before from=2100-01-01T00:00:00.000000Z", "after it"),
    f"/runs/{RUN}/marks?kind=party": ("kind", "party", "error, artifact"),
    "/runs?sort=colour": ("sort", "colour", "started"),
    "/runs?cursor=%21": ("cursor", "!", "next"),
    "/runs?state=HAPPY": ("state", "HAPPY", "RUNNING"),
    "/runs?state=FAILED&state=HAPPY": ("state", "HAPPY", "RUNNING"),
    "/runs?since=yesterday": ("since", "yesterday", "24h"),
    "/runs?limit=501": ("limit", "501", "from 1 to 500"),
    "/runs?workspace=": ("workspace", "empty", "leave it out"),
}


@pytest.mark.parametrize("address", BAD)
def test_a_bad_parameter_is_named_with_its_value_and_the_way_out(client: FlaskClient, address: str) -> None:
    detail = problem(client.get(f"/api/v1{address}"), 400)
    for part in BAD[address]:
        assert part in detail


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("/runs?state=HAPPY", ("state=", "HAPPY", "RUNNING")),
        ("/?since=yesterday", ("since=", "yesterday", "24h")),
        ("/runs?limit=many", ("limit=", "many", "from 1 to 500")),
        ("/?sort=colour", ("sort", "colour", "started")),
        ("/runs?cursor=x", ("cursor", "x", "page before")),
        ("/runs?column=x", ("column=", "x", "metric:STEP:NAME")),
    ],
)
def test_a_page_of_the_list_tells_a_bad_parameter_too(
    client: FlaskClient, address: str, parts: tuple[str, ...]
) -> None:
    page = client.get(address)
    assert (page.status_code, page.mimetype) == (400, "text/html")
    for part in parts:
        assert part in page.text


def test_the_settings_token_guards_what_writes_and_nothing_else(server: Server, client: FlaskClient) -> None:
    for method, address in addresses(server):
        answer = client.open(address, method=method)
        if method == "POST":
            assert "RUNREEL_TOKEN" in problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            wrong = client.post(address, headers={"Authorization": "Bearer let-me-out"})
            assert "let-me" not in problem(wrong, 401)
        else:
            assert answer.status_code != 401


def test_paths_of_the_disk_are_no_artifacts(client: FlaskClient, server: Server, tmp_path: Path) -> None:
    for name in ("..", "%2e%2e%2fepochs", ".runreel-tmp", "a%00b", "x" * 2000):
        problem(client.get(f"/api/v1/artifacts/{name}"), 404)


@pytest.mark.parametrize(("field", "given", "most"), [("tag", 1_001, "100"), ("id", 1_001, "1,000")])
def test_a_filter_with_too_many_values_is_told_how_many_it_may_have(
    client: FlaskClient, field: str, given: int, most: str
) -> None:
    address = "/api/v1/runs?" + "&".join(f"{field}={number:032x}" for number in range(given))
    detail = problem(client.get(address, headers={"Authorization": "Bearer let-me-in"}), 400)
    assert f"{field} was given {given:,} different values: give {most} at most" in detail


@pytest.mark.parametrize("one", ["state=FAILED", "tag=kind", f"id={RUN}"])
def test_a_filter_that_is_repeated_counts_once(client: FlaskClient, one: str) -> None:
    headers = {"Authorization": "Bearer let-me-in"}
    many = client.get("/api/v1/runs?" + "&".join([one] * 1_200), headers=headers)
    assert many.status_code == 200
    assert many.get_json()["total"] == client.get(f"/api/v1/runs?{one}", headers=headers).get_json()["total"]
