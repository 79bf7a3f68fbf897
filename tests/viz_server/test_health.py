"""How the server says that it is well, and what it measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runreel.errors import NotReachable
from runs import RUN, Clock, Voice
from serving import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_a_server_answers_that_it_lives(server: Server) -> None:
    assert server.app.test_client().get("/healthz").get_json() == {"alive": True}


def test_a_server_is_ready_unless_its_store_or_kafka_are_away(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert server.app.test_client().get("/readyz").get_json() == {"ready": True, "reasons": []}

    def away(*_: Any) -> None:
        raise NotReachable("the disk is gone")

    ill = Server(tmp_path / "ill", kafka="127.0.0.1:1")
    monkeypatch.setattr(ill.store, "list", away)
    answer = ill.app.test_client().get("/readyz")
    assert answer.status_code == 503
    kafka, store = answer.get_json()["reasons"]
    assert kafka.startswith("Kafka: ")
    assert store == "store: the disk is gone"
    parts = {part["name"]: part["ok"] for part in ill.get("/health")["parts"]}
    assert parts == {"Kafka": False, "archive": True, "store": False}


def test_health_counts_what_the_archive_lacks(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    for _ in range(3):
        voice.say("runreel.params", {})
    server.archive(voice.events[:1])
    server.tell(voice.events[1:])
    details = {part["name"]: part["detail"] for part in server.get("/health")["parts"]}
    assert details["archive"] == "2 events behind"


def measured(server: Server) -> dict[str, float]:
    text = server.app.test_client().get("/metrics").get_data(as_text=True)
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_metrics_count_requests_by_route_and_status(server: Server) -> None:
    server.archive([Voice("a" * 32, Clock()).open()])
    server.get(f"/runs/{RUN}")
    server.get(f"/runs/{RUN}?at=no", 400)
    server.get("/nothing", 404)
    found = measured(server)
    route = 'method="GET",route="/api/v1/runs/<run>"'
    assert found[f'runreel_requests_total{{{route},status="200"}}'] == 1
    assert found[f'runreel_requests_total{{{route},status="400"}}'] == 1
    assert found['runreel_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found[f"runreel_request_seconds_count{{{route}}}"] == 2


def test_metrics_tell_of_tail_archive_and_streams(server: Server) -> None:
    server.tell([Voice("a" * 32, Clock()).open()])
    server.app.extensions["runreel"]["metrics"].streams = lambda: 7
    found = measured(server)
    assert found["runreel_events_heard_total"] == 1
    assert found["runreel_archive_lag_events"] == 1
    assert found["runreel_tail_ok"] == 0
    assert found["runreel_streams_open"] == 7
