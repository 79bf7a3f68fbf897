"""How the server says that it is well, and what it measures."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runreel import events as ev
from runreel.errors import NotReachable
from runreel_server.feed.pulse import Pulse
from runs import RUN, SECOND, Clock, Voice
from serving import Server
from support import wait_for


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
    assert store == "Store: the disk is gone"
    parts = {part["name"]: part["ok"] for part in ill.get("/health")["parts"]}
    assert parts == {"Kafka": False, "Archive": True, "Spools": True, "Store": False}


def test_health_counts_what_the_archive_lacks(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    for _ in range(3):
        voice.say("runreel.params", {})
    server.archive(voice.events[:1])
    server.tell(voice.events[1:])
    told = server.get("/health")
    age = time.time() - voice.events[1].time / 1e6
    assert told["archive"]["events"] == 2
    assert told["archive"]["seconds"] == pytest.approx(age, abs=30)
    assert told["kafka"]["heard"] == 2
    assert {part["name"]: part["detail"] for part in told["parts"]}["Archive"].endswith(" s behind")


def test_health_says_how_fast_events_come(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("runreel_server.feed.pulse.time", SimpleNamespace(monotonic=lambda: now, time_ns=time.time_ns))
    pulse = Pulse()
    server.services.feed.pulse = pulse
    voice = Voice("a" * 32, Clock())
    for _ in range(15):
        now += 1.0
        server.tell([voice.say("runreel.params", {}) for _ in range(40)])
    assert server.get("/health")["kafka"]["rate"] == pytest.approx(40, rel=0.1)
    now += 60.0
    assert pulse.rate() == 0.0
    server.tell([voice.say("runreel.params", {}) for _ in range(40)])
    assert pulse.rate() == pytest.approx(4.0)


def test_health_says_whose_spool_waits_and_how_much_is_in_it(server: Server) -> None:
    """12 MB at one host, told by its signs of life; the others have what is always under way, or nothing."""
    clock = Clock(time.time_ns() // 1000)
    full, little, empty = (Voice(letter * 32, clock) for letter in "abc")
    for voice, waits in ((full, 12_000_000), (little, 4_000), (empty, 0)):
        server.tell([voice.open(), voice.beat(spool=waits)])
    told = server.get("/health")
    (session,) = told["spools"]["sessions"]
    assert (session["session"], session["host"], session["bytes"]) == (full.session, "host", 12_000_000)
    assert (session["run"], session["silent"]) == (RUN, False)
    assert (told["spools"]["waiting"], told["spools"]["bytes"]) == (1, 12_000_000)
    part = next(part for part in told["parts"] if part["name"] == "Spools")
    assert part == {"name": "Spools", "ok": False, "detail": "1 waits on host, 12.0 MB"}
    server.tell([full.beat(spool=0)])
    assert server.get("/health")["spools"]["sessions"] == []


def test_a_spool_of_a_host_that_fell_silent_waits_until_its_session_is_closed(server: Server) -> None:
    clock = Clock(time.time_ns() // 1000 - 60 * SECOND)
    gone = Voice("a" * 32, clock)
    server.tell([gone.open(), gone.beat(interval=5.0, spool=500)])
    (session,) = server.get("/health")["spools"]["sessions"]
    assert (session["bytes"], session["silent"]) == (500, True)
    server.tell([gone.close("recovered")])
    assert server.get("/health")["spools"]["waiting"] == 0
    server.tell([gone.beat(interval=5.0, spool=500)])  # its artifacts are still sent, its close is not acknowledged yet
    assert server.get("/health")["spools"]["waiting"] == 0


def test_the_spool_of_a_one_shot_session_is_empty_after_its_last_event(server: Server) -> None:
    voice = Voice("a" * 32, Clock(time.time_ns() // 1000 - 60 * SECOND))
    server.tell([voice.beat(interval=5.0, spool=500), voice.say(ev.PARAMS, {"a": 1}, final=True)])
    assert server.get("/health")["spools"]["waiting"] == 0


def test_the_host_of_a_session_that_was_opened_before_is_found(server: Server) -> None:
    voice = Voice("a" * 32, Clock(time.time_ns() // 1000))
    server.archive([voice.open(), voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))])
    server.tell([voice.beat(spool=2_000_000)])
    (session,) = server.get("/health")["spools"]["sessions"]
    assert session["host"] == "host"


def test_health_counts_what_is_stored(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    server.archive([voice.open(), voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))])
    server.catalog(voice.events)
    held = sum(info.size for info in server.store.list())
    stored = wait_for(lambda: (told := server.get("/health")["stored"])["at"] and told)
    assert (stored["bytes"], stored["runs"]) == (held, 1)
    part = next(part for part in server.get("/health")["parts"] if part["name"] == "Store")
    assert part["detail"].endswith("kB, 1 run")


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
