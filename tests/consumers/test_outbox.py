"""What a consumer sends of its own: a message that Kafka does not take holds up nobody for ever."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Message
from confluent_kafka.admin import AdminClient, NewTopic

from archiving import settings
from native import Kafka
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel_consumers.outbox import PART_AT, PART_OF, PART_SIZE, Outbox
from runreel_server.up import Broker
from support import wait_for

LARGE = bytes(range(256)) * 5000  # 1.28 MB: more than librdkafka sends unless it is told to


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    held = Broker()
    yield held.address()
    del held


def read(address: str, topic: str, bytes_of_all: int = 1) -> list[Message]:
    """The messages of a topic, until their values have so many bytes together."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[Message] = []

    def enough() -> bool:
        message = consumer.poll(0.2)
        if message is not None:
            assert message.error() is None
            found.append(message)
        return sum(len(one.value()) for one in found) >= bytes_of_all

    try:
        wait_for(enough, what="the messages")
    finally:
        consumer.close()
    return found


def flushed(outbox: Outbox) -> bool:
    try:
        outbox.flush(Deadline(20))
    except NotReachable:  # as the loop does: it tries again
        return False
    return True


def test_a_large_message_goes_whole_where_kafka_takes_it(address: str) -> None:
    outbox = Outbox(settings(), address)
    outbox.send("whole", LARGE, key=b"k", headers=[("why", b"not")])
    outbox.flush(Deadline(20))
    (message,) = read(address, "whole")
    assert (message.value(), message.headers()) == (LARGE, [("why", b"not")])


def joined(messages: list[Message]) -> bytes:
    """A message that came in parts, as docs/contract.md says to join it."""
    parts = {int(dict(one.headers())[PART_AT]): one for one in messages}
    whole = b"".join(parts[at].value() for at in sorted(parts))
    for one in messages:
        headers = dict(one.headers())
        assert headers[PART_SIZE] == str(len(whole)).encode()
        assert headers[PART_OF] == hashlib.sha256(whole).hexdigest().encode()
    return whole


def test_a_message_that_kafka_never_takes_whole_goes_in_parts_that_join(address: str) -> None:
    outbox = Outbox(settings(kafka_config={"message.max.bytes": "400000"}), address)
    outbox.send("parts", LARGE, key=b"k", headers=[("why", b"not")])
    wait_for(lambda: flushed(outbox))
    messages = read(address, "parts", len(LARGE))
    assert len(messages) == 4
    assert joined(messages) == LARGE
    assert {(one.key(), dict(one.headers())["why"]) for one in messages} == {(b"k", b"not")}


def test_what_a_real_broker_refuses_goes_in_parts_too(kafka: Kafka, prefix: str) -> None:
    topic = NewTopic(f"{prefix}.small", 1, config={"max.message.bytes": "300000"})
    client = AdminClient({"bootstrap.servers": kafka.address})
    for made in client.create_topics([topic]).values():
        made.result(20)
    noise = random.Random(0).randbytes(1_000_000)
    outbox = Outbox(settings(), kafka.address)
    outbox.send(topic.topic, noise)
    wait_for(lambda: flushed(outbox))
    assert joined(read(kafka.address, topic.topic, len(noise))) == noise


def test_headers_that_are_too_large_give_way_to_the_bytes(address: str) -> None:
    outbox = Outbox(settings(kafka_config={"message.max.bytes": "3000"}), address)
    outbox.send("headers", b"small", headers=[("theirs", b"x" * 5000), ("runreel-reason", b"why")])
    wait_for(lambda: flushed(outbox))
    (message,) = read(address, "headers")
    assert (message.value(), message.headers()) == (b"small", [("runreel-reason", b"why")])
