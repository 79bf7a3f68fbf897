"""What a consumer sends of its own: a message that Kafka does not take holds up nobody for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Message

from archiving import settings
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel_consumers.outbox import CUT, Outbox
from runreel_server.up import Broker
from support import wait_for

LARGE = bytes(range(256)) * 5000  # 1.28 MB: more than librdkafka sends unless it is told to


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    held = Broker()
    yield held.address()
    del held


def read(address: str, topic: str) -> Message:
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        return wait_for(lambda: consumer.poll(0.2), what="the message")
    finally:
        consumer.close()


def test_a_large_message_goes_whole_where_kafka_takes_it(address: str) -> None:
    outbox = Outbox(settings(), address)
    outbox.send("whole", LARGE, key=b"k", headers=[("why", b"not")])
    outbox.flush(Deadline(20))
    message = read(address, "whole")
    assert (message.value(), message.headers()) == (LARGE, [("why", b"not")])


def test_a_message_that_kafka_never_takes_is_cut_and_says_so(address: str) -> None:
    outbox = Outbox(settings(kafka_config={"message.max.bytes": "400000"}), address)
    outbox.send("cut", LARGE, key=b"k", headers=[("why", b"not")])

    def flushed() -> bool:
        try:
            outbox.flush(Deadline(20))
        except NotReachable:  # as the loop does: it tries again
            return False
        return True

    wait_for(flushed)
    message = read(address, "cut")
    assert message.value() == LARGE[: len(LARGE) // 4]
    assert message.headers() == [("why", b"not"), (CUT, str(len(LARGE)).encode())]
