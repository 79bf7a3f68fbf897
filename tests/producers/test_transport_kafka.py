"""Events over Kafka: librdkafka's built-in broker, fakes for its failures, and the real one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from runreel import codec, events
from runreel.errors import SettingError
from runreel.spool import recover
from runreel.transports import kafka as module
from runreel.transports.base import Answer, Broken, Sealed
from runreel.transports.client import Client
from runreel.transports.kafka import KafkaTransport
from sessions import RUN, child, session, settings, texts, told, unique, values
from support import wait_for


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of a built-in broker."""
    holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    metadata = holder.list_topics(timeout=10)
    (one,) = metadata.brokers.values()
    yield f"{one.host}:{one.port}"
    holder.purge()


def consumed(address: str, until: Callable[[list[Message]], object], topic: str = "runreel.events") -> list[Message]:
    """The messages of a topic, from its start, once `until` answers something true of them."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "t", "auto.offset.reset": "earliest", "log_level": 0}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found: list[Message] = []

    def look() -> object:
        found.extend(message for message in consumer.consume(1000, 0.1) if message.error() is None)
        return until(found)

    try:
        wait_for(look)
    finally:
        consumer.close()
    return found


def closed(messages: list[Message]) -> bool:
    return any(b"runreel.session.closed" in (message.value() or b"") for message in messages)


def murmur2(key: bytes) -> int:
    """The hash of Kafka's Java client."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = key[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_events_arrive_with_key_header_and_the_java_clients_partition(tmp_path: Path, broker: str) -> None:
    one = session(tmp_path, None, kafka=broker)
    series = one.series("a", "e", "loss")
    for i in range(20_000):
        one.point(series, None, i)
    assert one.close(30)
    messages = consumed(broker, closed)
    said = unique(message.value() or b"" for message in messages)
    assert values(said) == list(range(20_000))
    assert {message.key() for message in messages} == {RUN.encode()}
    assert all(message.headers() == [("content-type", b"application/cloudevents+json")] for message in messages)
    partitions = {message.partition() for message in messages}
    assert partitions == {(murmur2(RUN.encode()) & 0x7FFFFFFF) % 4}
    seqs = [codec.decode(message.value() or b"").seq for message in messages]
    assert seqs == sorted(seqs, key=lambda seq: seq or 0)


def test_a_full_queue_is_waited_for(tmp_path: Path, broker: str) -> None:
    one = session(tmp_path, None, kafka=broker, kafka_config={"queue.buffering.max.messages": "10"})
    for i in range(500):
        one.say(events.TAGS, {"i": i})
    assert one.close(30)
    assert len(unique(message.value() or b"" for message in consumed(broker, closed))) == 502


def test_a_message_refused_for_good_is_replaced_under_its_own_seq_and_kept(
    tmp_path: Path, broker: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = session(tmp_path, None, kafka=broker, kafka_config={"message.max.bytes": "3000"})
    one.say(events.TAGS, {"small": 1})
    one.say(events.PARAMS, {"large": "x" * 5000})
    one.say(events.TAGS, {"small": 2})
    assert one.close(30)
    said = unique(message.value() or b"" for message in consumed(broker, closed))
    assert [(event.seq, event.type) for event in sorted(said, key=lambda event: event.seq or 0)] == [
        (0, events.SESSION_OPENED),
        (1, events.TAGS),
        (2, events.LOSS),
        (3, events.TAGS),
        (4, events.SESSION_CLOSED),
    ]
    (refused,) = (tmp_path / "spool" / "refused").iterdir()
    kept = json.loads(refused.read_text())
    assert (kept["seq"], kept["event"]["data"]) == (2, {"large": "x" * 5000})
    assert str(refused) in caplog.text


def test_parent_and_forked_child_each_have_a_client_of_their_own(tmp_path: Path, broker: str) -> None:
    process = child(
        tmp_path,
        f"""
import json
one = session(folder, None, kafka={broker!r})
one.line("a", "e", "before")
one.flush(20)
pid = os.fork()
if not pid:
    one.line("a", "e", "child")
    one.close(20)
    sys.exit(0)
status = os.waitpid(pid, 0)[1]
one.line("a", "e", "after")
print(json.dumps({{"status": status, "closed": one.close(20)}}))
""",
    )
    assert told(process) == {"status": 0, "closed": True}
    messages = consumed(broker, lambda found: sum(b"session.closed" in (m.value() or b"") for m in found) == 2)
    assert set(texts(unique(message.value() or b"" for message in messages))) == {"before", "child", "after"}


def test_a_broker_that_does_not_answer_is_one_line_and_no_secret(tmp_path: Path) -> None:
    """librdkafka's own lines stay out of stderr, and the wait at the end is bounded."""
    process = child(
        tmp_path,
        """
import json
secret = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "PLAIN", "sasl.username": "u",
          "sasl.password": "hush-hush"}
began = time.monotonic()
one = session(folder, None, kafka="127.0.0.1:1", kafka_config=secret, exit_wait=3)
one.line("a", "e", "x")
closed = one.close()
print(json.dumps({"closed": closed, "took": time.monotonic() - began}))
""",
    )
    answer = told(process)
    assert not answer["closed"]
    assert answer["took"] < 9
    printed = process.stderr_text  # type: ignore[attr-defined]
    assert 1 <= len(printed.splitlines()) <= 2
    assert "127.0.0.1:1" in printed
    assert "hush" not in printed
    assert "rdkafka" not in printed
    spooled = b"".join(path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file())
    assert b"hush" not in spooled


def test_a_wrong_key_names_the_setting_and_no_value(tmp_path: Path) -> None:
    wrong = settings(tmp_path, kafka="x:1", kafka_config={"sasl.passwort": "hush-hush"})
    with pytest.raises(SettingError, match="RUNREEL_KAFKA_CONFIG") as caught:
        Client(wrong, "x:1", lambda error: None)
    assert "sasl.passwort" in str(caught.value)
    assert "hush" not in str(caught.value)


class FakeClient:
    """A client whose messages a test delivers or fails."""

    made: list[FakeClient]

    def __init__(self, settings: object, servers: str, heard: Callable[[KafkaError], None]) -> None:
        self.heard = heard
        self.under_way: list[tuple[bytes, Callable[[KafkaError | None], None]]] = []
        self.dropped = False
        type(self).made.append(self)

    def produce(self, topic: str, key: str, value: bytes, headers: object, done: Any) -> None:
        self.under_way.append((value, done))

    def poll(self, timeout: float) -> None:
        pass

    def deliver(self, *places: int, error: KafkaError | None = None) -> None:
        for place in places:
            self.under_way[place][1](error)

    def drop(self) -> None:
        self.dropped = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    FakeClient.made = []
    monkeypatch.setattr(module, "Client", FakeClient)
    return FakeClient


def sealed(seq: int, name: str = "s") -> Sealed:
    return Sealed(name, seq, RUN, f"{name}-{seq}".encode())


def test_acknowledgement_is_up_to_the_first_that_is_missing(tmp_path: Path, fake: type[FakeClient]) -> None:
    way = KafkaTransport(settings(tmp_path, kafka="x:1"))
    assert way.send([sealed(i) for i in range(5)]) == 5
    (client,) = fake.made
    client.deliver(0, 2, 3)
    assert way.poll(0) == [Answer("s", 0)]
    client.deliver(1)
    assert way.poll(0) == [Answer("s", 3)]


def test_a_fatal_error_breaks_after_what_was_acknowledged_is_told(tmp_path: Path, fake: type[FakeClient]) -> None:
    way = KafkaTransport(settings(tmp_path, kafka="x:1"))
    way.send([sealed(i) for i in range(3)])
    fake.made[0].deliver(0)
    fake.made[0].heard(KafkaError(KafkaError._FATAL, "out of order", fatal=True))
    assert way.poll(0) == [Answer("s", 0)]
    with pytest.raises(Broken, match="Kafka at x:1"):
        way.poll(0)
    way.reset()
    assert fake.made[0].dropped
    way.send([sealed(1), sealed(2)])
    assert [value for value, _ in fake.made[1].under_way] == [b"s-1", b"s-2"]
    fake.made[1].deliver(0, 1)
    assert way.poll(0) == [Answer("s", 2)]


def test_a_failure_that_may_pass_is_sent_again_and_one_for_good_is_refused(
    tmp_path: Path, fake: type[FakeClient]
) -> None:
    way = KafkaTransport(settings(tmp_path, kafka="x:1"))
    way.send([sealed(0), sealed(1), sealed(2)])
    fake.made[0].deliver(0, 2)
    fake.made[0].deliver(1, error=KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large"))
    assert way.poll(0) == [Answer("s", 0), Answer("s", 1, "too large")]
    way.send([Sealed("s", 1, RUN, b"instead")])
    fake.made[0].deliver(3)
    assert way.poll(0) == [Answer("s", 2)]
    way.send([sealed(3)])
    fake.made[0].deliver(4, error=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed"))
    with pytest.raises(Broken, match="not allowed"):
        way.poll(0)


def test_one_heartbeat_a_session_is_under_way(tmp_path: Path, fake: type[FakeClient]) -> None:
    way = KafkaTransport(settings(tmp_path, kafka="x:1"))
    for _ in range(3):
        assert way.send([sealed(-1)]) == 1
    assert len(fake.made[0].under_way) == 1
    fake.made[0].deliver(0)
    way.send([sealed(-1)])
    assert len(fake.made[0].under_way) == 2
    assert way.poll(0) == []


@pytest.mark.native
def test_points_are_acknowledged_by_a_real_kafka(tmp_path: Path, kafka: Any, make_topic: Any) -> None:
    topic = make_topic()
    one = session(tmp_path, None, kafka=kafka.address, topic_events=topic)
    series = one.series("a", "e", "loss")
    for i in range(100_000):
        one.point(series, None, i)
    one.line("a", "e", "x" * 2_000_000)
    assert one.close(60)
    messages = consumed(kafka.address, closed, topic)
    said = unique(message.value() or b"" for message in messages)
    assert values(said) == list(range(100_000))
    assert texts(said) == ["x" * 2_000_000]


@pytest.mark.native
def test_a_killed_process_on_a_real_kafka_is_recovered_once(tmp_path: Path, kafka: Any, make_topic: Any) -> None:
    topic = make_topic()
    child(
        tmp_path,
        f"""
one = session(folder, None, kafka={kafka.address!r}, topic_events={topic!r})
series = one.series("a", "e", "loss")
for i in range(60000):
    one.point(series, None, i)
while one.opened().shipper.ledger.mark.next < 4:
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    assert recover(settings(tmp_path, kafka=kafka.address, topic_events=topic), timeout=60).delivered == 1
    messages = consumed(kafka.address, closed, topic)
    assert values(unique(message.value() or b"" for message in messages)) == list(range(60_000))


@pytest.mark.native
@pytest.mark.slow
def test_a_kafka_that_comes_back_gets_what_waited(tmp_path: Path, kafka: Any, make_topic: Any) -> None:
    topic = make_topic()
    one = session(tmp_path, None, kafka=kafka.address, topic_events=topic)
    one.line("a", "e", "before")
    assert one.flush(60)
    kafka.stop()
    one.line("a", "e", "while it is away")
    assert not one.flush(1)
    kafka.start()
    assert one.close(90)
    began = time.monotonic()
    messages = consumed(kafka.address, closed, topic)
    assert texts(unique(message.value() or b"" for message in messages)) == ["before", "while it is away"]
    assert time.monotonic() - began < 30
