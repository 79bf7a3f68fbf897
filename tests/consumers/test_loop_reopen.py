"""Partitions that begin again while the broker does not answer for all of them: nothing is passed over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from archiving import Kept, Letters, Speaker, settings
from runreel import codec
from runreel.errors import NotReachable
from runreel_consumers import brokers
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.loop import Loop, Place
from runreel_consumers.store import DirectoryStore

TOPIC = "runreel.events"


class Broker:
    """A consumer's client, of a topic with two partitions; `leaderless` ones have no answer yet."""

    def __init__(self) -> None:
        self.leaderless: set[int] = set()
        self.assigned: dict[int, int] = {}

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None, 1: None})})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        if place.partition in self.leaderless:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        return 0, 1_000

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = {place.partition: place.offset for place in places}


def test_a_topic_made_again_whose_partitions_come_one_by_one_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "ANSWER_SECONDS", 0.3)
    store, broker, identities = DirectoryStore(tmp_path), Broker(), {TOPIC: "one"}
    sink = ArchiveSink(settings(), store, Letters())  # type: ignore[arg-type]
    known = SimpleNamespace(of=lambda topics: dict(identities))
    loop = Loop(sink, settings(), "nowhere:1", known, grouped=False)
    loop._consumer = broker  # type: ignore[assignment]
    for number in (0, 1):
        loop._start(Place(TOPIC, number, "one"), 2, 500, (0, 1_000))
    identities[TOPIC] = "two"
    broker.leaderless = {1}
    with pytest.raises(NotReachable):
        loop._reopen({(TOPIC, 0), (TOPIC, 1)})
    message = Kept(codec.encode(Speaker().param(1)), 500)
    loop._take([KeptWithoutError(message)])  # fetched from where the topic's life before had been read to
    broker.leaderless = set()
    loop._reopen(loop._astray)
    assert broker.assigned == {0: 0, 1: 0}
    assert loop._next == {Place(TOPIC, 0, "two"): 0, Place(TOPIC, 1, "two"): 0}
    assert loop._astray == set()
    assert sink.counts["holes"] == 0
    assert Reader(store).end() == {}


class KeptWithoutError:
    """A message as `consume` answers it."""

    def __init__(self, message: Kept) -> None:
        self._message = message

    def error(self) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)
