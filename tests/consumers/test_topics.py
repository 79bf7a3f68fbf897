"""Topics on a real Kafka: made as they should be, and compared with what is there."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from archiving import Speaker, produce, running, settings
from native import Kafka
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.brokers import TopicIds, admin, bounds_of
from runreel_consumers.loop import Loop
from runreel_consumers.outbox import Outbox
from runreel_consumers.store import DirectoryStore
from runreel_consumers.topics import compare, create, lags, wanted
from support import wait_for


@pytest.fixture
def chosen(kafka: Kafka, prefix: str) -> Settings:
    names = {f"topic_{name}": f"{prefix}.{name}" for name in ("events", "blobs", "runs", "views", "dead")}
    return settings(kafka=kafka.address, partitions=2, group=prefix, **names)


def test_topics_are_made_once_and_are_then_as_they_should_be(chosen: Settings) -> None:
    assert {difference.text for difference in compare(chosen, chosen.kafka)} == {"is not there"}
    assert set(create(chosen, chosen.kafka).values()) == {True}
    wait_for(lambda: compare(chosen, chosen.kafka) == [])
    assert set(create(chosen, chosen.kafka).values()) == {False}


def test_what_differs_is_named_with_the_way_out(chosen: Settings) -> None:
    create(chosen, chosen.kafka)
    wait_for(lambda: compare(chosen, chosen.kafka) == [])
    more = compare(chosen.replace(partitions=4), chosen.kafka)
    assert {difference.topic for difference in more} == {t.name for t in wanted(chosen) if t.partitions == 2}
    assert all("never add partitions in place" in difference.way_out for difference in more)
    client = AdminClient({"bootstrap.servers": chosen.kafka})
    entry = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, chosen.topic_events, incremental_configs=[entry])
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result(10)
    (difference,) = wait_for(lambda: compare(chosen, chosen.kafka))
    assert difference.topic == chosen.topic_events
    assert difference.text == "message.timestamp.type is CreateTime, should be LogAppendTime"


def test_a_topic_of_dead_letters_that_takes_less_than_the_others_is_told(chosen: Settings) -> None:
    create(chosen, chosen.kafka)
    wait_for(lambda: compare(chosen, chosen.kafka) == [])
    client = AdminClient({"bootstrap.servers": chosen.kafka})
    entry = ConfigEntry("max.message.bytes", str(16 << 20), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, chosen.topic_events, incremental_configs=[entry])
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result(10)
    (difference,) = wait_for(lambda: compare(chosen, chosen.kafka))
    assert difference.topic == chosen.topic_dead
    assert difference.text.startswith(f"max.message.bytes is {8 << 20}, should be {17 << 20} or more")


def test_lag_tells_what_is_not_in_the_archive_yet(chosen: Settings, tmp_path) -> None:
    create(chosen, chosen.kafka)
    store = DirectoryStore(tmp_path)
    identities = TopicIds(admin(chosen, chosen.kafka))
    ids = wait_for(lambda: identities.of([chosen.topic_events]))
    reader, speaker = Reader(store), Speaker()
    before = time.time()
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(5))
    (lag,) = lags(chosen, chosen.kafka, reader, ids)
    assert lag.behind == 5
    assert 0 <= lag.age <= time.time() - before + 1
    sink = ArchiveSink(chosen, store, Outbox(chosen, chosen.kafka))
    with running(Loop(sink, chosen, chosen.kafka, identities)):
        wait_for(lambda: lags(chosen, chosen.kafka, reader, ids) == [])


def test_a_broker_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runreel_consumers.brokers.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("runreel_consumers.topics.ANSWER_SECONDS", 0.5)
    alone = settings(kafka="127.0.0.1:1")
    with pytest.raises(NotReachable, match="Kafka did not answer"):
        compare(alone, alone.kafka)
    with pytest.raises(NotReachable, match="was not made"):
        create(alone, alone.kafka)


class Leaderless:
    """A client whose broker is choosing a leader for some questions."""

    def __init__(self, code: int, times: int) -> None:
        self._code, self._left = code, times

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        self._left -= 1
        if self._left >= 0:
            raise KafkaException(KafkaError(self._code))
        return place.partition, 5


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_the_bounds_of_a_partition_that_has_no_leader_yet_are_asked_again(code: int) -> None:
    assert bounds_of(Leaderless(code, 2), "events", 1) == (1, 5)


def test_bounds_that_are_never_told_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotReachable, match="the bounds of events"):
        bounds_of(Leaderless(KafkaError._TRANSPORT, 1), "events", 1)
    monkeypatch.setattr("runreel_consumers.brokers.ANSWER_SECONDS", 0.3)
    with pytest.raises(NotReachable, match="the bounds of events"):
        bounds_of(Leaderless(KafkaError.NOT_LEADER_FOR_PARTITION, 10**9), "events", 1)
