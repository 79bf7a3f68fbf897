"""Events and artifacts that come over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from flask.testing import FlaskClient

from runreel.codec import BATCH_CONTENT_TYPE, CONTENT_TYPE, MAX_EVENT, decode, encode
from runreel_consumers.blobs import TOKEN_HEADER
from runreel_server.queries.posting import MOST_BYTES
from runreel_server.up import Broker
from runs import RUN, Clock, Voice
from serving import Server
from support import wait_for

PLAIN = {
    "specversion": "1.0",
    "id": "order-7",
    "source": "/shop/till-3",
    "type": "runreel.params",
    "time": "2026-11-22T09:00:00Z",
    "run": RUN,
    "data": {"rows": 3},
}


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


@pytest.fixture
def server(tmp_path: Path, broker: Broker) -> Server:
    return Server(tmp_path, kafka=broker.address(), topic_events=f"events-{tmp_path.name}")


@pytest.fixture
def client(server: Server) -> FlaskClient:
    return server.app.test_client()


@pytest.fixture
def topic(server: Server) -> Iterator[Any]:
    """Reads the messages that arrived, so many."""
    config = {"bootstrap.servers": server.settings.kafka, "group.id": "tests", "fetch.wait.max.ms": 20}
    consumer = Consumer(config)
    name = server.settings.topic_events

    def read(count: int) -> list[Any]:
        found: list[Any] = []
        partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in partitions])

        def enough() -> bool:
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                found.append(message)
            return len(found) >= count

        wait_for(enough, what=f"{count} messages")
        return found

    yield read
    consumer.close()


def post(client: FlaskClient, body: Any, kind: str = CONTENT_TYPE) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/api/v1/events", data=data, content_type=kind)


def test_an_event_arrives_byte_for_byte_under_its_runs_key(client: FlaskClient, topic: Any) -> None:
    event = encode(Voice("a" * 32, Clock()).open())
    answer = post(client, event)
    assert answer.get_json() == {"acknowledged": [{"session": "a" * 32, "seq": 0}]}
    (message,) = topic(1)
    assert (message.value(), message.key()) == (event, RUN.encode())
    assert dict(message.headers())["content-type"] == CONTENT_TYPE.encode()


def test_a_batch_arrives_in_order(client: FlaskClient, topic: Any) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    for number in range(5):
        voice.say("runreel.params", {"n": number})
    messages = [encode(event) for event in voice.events]
    assert post(client, b"[" + b",".join(messages) + b"]", BATCH_CONTENT_TYPE).status_code == 200
    assert [message.value() for message in topic(6)] == messages


def test_an_event_that_stands_alone_gets_a_session_so_that_it_may_come_twice(client: FlaskClient, topic: Any) -> None:
    first, again = post(client, PLAIN).get_json(), post(client, PLAIN, "application/json").get_json()
    assert first == again
    one, other = (decode(message.value()) for message in topic(2))
    assert one == other
    assert (one.session, one.seq, one.final) == (first["acknowledged"][0]["session"], 0, True)
    different = post(client, {**PLAIN, "id": "order-8"}).get_json()
    assert different["acknowledged"][0]["session"] != one.session


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no time": ({"time": None}, "time"),
    "a time without a zone": ({"time": "2026-11-22T09:00:00"}, "time"),
    "a seq without a session": ({"seq": 3}, "session"),
    "a negative seq": ({"seq": -1, "session": "a" * 32}, "seq"),
    "another version of the envelope": ({"specversion": "0.3"}, "specversion"),
    "data of another type": ({"type": "runreel.metrics", "data": {"name": 5}}, "name"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_taken_is_named_by_index_and_field(client: FlaskClient, wrong: str) -> None:
    change, field = WRONG[wrong]
    bad = {key: value for key, value in {**PLAIN, **change}.items() if value is not None}
    answer = post(client, [PLAIN, bad], BATCH_CONTENT_TYPE)
    assert answer.status_code == 400
    (error,) = answer.get_json(force=True)["errors"]
    assert (error["index"], error["field"]) == (1, field)


def test_one_bad_event_keeps_the_others_of_its_request_back(client: FlaskClient, topic: Any) -> None:
    assert post(client, [PLAIN, {}], BATCH_CONTENT_TYPE).status_code == 400
    post(client, {**PLAIN, "id": "later"})
    assert decode(topic(1)[0].value()).id == "later"


def test_other_media_types_and_sizes_are_refused_with_what_is_taken(client: FlaskClient) -> None:
    answer = post(client, PLAIN, "text/plain")
    assert answer.status_code == 415
    assert CONTENT_TYPE in answer.get_json(force=True)["detail"]
    large = post(client, {**PLAIN, "data": {"text": "x" * MAX_EVENT}})
    assert large.status_code == 413
    assert str(MAX_EVENT) in large.get_json(force=True)["detail"]
    huge = post(client, b" " * (MOST_BYTES + 1))
    assert huge.status_code == 413
    assert str(MOST_BYTES) in huge.get_json(force=True)["detail"]


def test_a_body_may_come_in_chunks_of_which_nobody_said_the_length(client: FlaskClient, topic: Any) -> None:
    chunked = {"wsgi.input": io.BytesIO(json.dumps(PLAIN).encode()), "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post("/api/v1/events", content_type=CONTENT_TYPE, environ_overrides=chunked)
    assert answer.status_code == 200
    assert decode(topic(1)[0].value()).id == PLAIN["id"]
    endless = {"wsgi.input": io.BytesIO(b" " * (MOST_BYTES + 2)), "HTTP_TRANSFER_ENCODING": "chunked"}
    assert client.post("/api/v1/events", content_type=CONTENT_TYPE, environ_overrides=endless).status_code == 413


def test_without_kafka_nothing_is_acknowledged(tmp_path: Path) -> None:
    answer = post(Server(tmp_path).app.test_client(), PLAIN)
    assert answer.status_code == 503
    assert "RUNREEL_KAFKA" in answer.get_json(force=True)["detail"]


def test_a_large_artifact_comes_by_claim_check(server: Server, client: FlaskClient, topic: Any) -> None:
    body = {"artifact": "b" * 32, "size": 5, "run": RUN, "workspace": "default"}
    claim = client.post("/api/v1/artifacts", json=body).get_json()
    assert claim["url"].endswith("b" * 32)
    early = client.post(f"/api/v1/artifacts/{'b' * 32}/finish", json={})
    assert early.status_code == 404
    server.services.receive("b" * 32, claim["headers"][TOKEN_HEADER], [b"hel", b"lo"])
    stored = client.post(f"/api/v1/artifacts/{'b' * 32}/finish").get_json()
    assert (stored["id"], stored["size"]) == ("b" * 32, 5)
    assert decode(topic(1)[0].value()).type == "runreel.artifact.stored"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"size": 5, "run": RUN}, "artifact"), ({"artifact": "b", "size": "5", "run": RUN}, "size"),
     ({"artifact": "b", "size": -5, "run": RUN}, "size"), ({"artifact": "a/b", "size": 5, "run": RUN}, "a/b"),
     ({"artifact": "b", "size": 5, "run": ""}, "run"), ({"artifact": "b", "size": 5, "run": "../../r"}, "run"),
     ({"artifact": "b", "size": 5, "run": RUN, "workspace": "a b"}, "workspace")],
)  # fmt: skip
def test_a_claim_that_cannot_be_names_its_field(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/v1/artifacts", json=body)
    assert answer.status_code == 400
    assert field in answer.get_json(force=True)["detail"]
