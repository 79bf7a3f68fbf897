"""The tail of Kafka: every partition of the topics, no group, from where the archive ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from runreel.errors import NotReachable
from runreel_consumers.brokers import Identities, partitions_of_topics
from runreel_server.feed.recent import Taken

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 3.0  # between two looks at which topics and partitions there are
WAIT_SECONDS: Final = 0.2
BATCH: Final = 2_000

Starts = Callable[[str, str, int], int | None]
"""(topic, its identity, partition) -> the offset to begin at, None for the beginning."""


class Tail:
    """One thread that reads and hands on.

    Args:
        config: librdkafka keys of the consumer.
        topics: what is read; those that are not there yet are waited for.
        identities: tells a topic that was made again from the one before it.
        starts: where each partition begins.
        take: called on the tail's thread with the messages of one read, in the order of their partitions.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        topics: Sequence[str],
        identities: Identities,
        starts: Starts,
        take: Callable[[list[Taken]], None],
    ) -> None:
        self._config = {
            "fetch.wait.max.ms": 100,
            **config,
            "group.id": "runreel-server",  # librdkafka wants one; nothing is ever committed in it
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "earliest",  # what is no longer there is in the archive
            "topic.metadata.refresh.interval.ms": 10_000,
        }
        self._topics, self._identities, self._starts, self._take = list(topics), identities, starts, take
        self._known: dict[tuple[str, int], str] = {}  # partitions that are read, and their topic's identity
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runreel-tail", daemon=True)
        self.trouble: str | None = "not connected yet"
        """Why nothing can be read at the moment; None while all is well."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End, within `timeout` seconds."""
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        consumer = Consumer({**self._config, "error_cb": self._error}, logger=log)
        try:
            looked = 0.0
            while not self._stop.is_set():
                if time.monotonic() - looked > (LOOK_SECONDS if self.trouble is None else WAIT_SECONDS):
                    self._look(consumer)
                    looked = time.monotonic()
                self._read(consumer)
        finally:
            consumer.close()

    def _error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.trouble = "no broker answers"

    def _look(self, consumer: Consumer) -> None:
        try:
            identities = self._identities.of(self._topics)
            counts = partitions_of_topics(consumer, identities)
        except NotReachable as error:
            self.trouble = str(error)
            return
        found = {(topic, n): identities[topic] for topic, count in counts.items() for n in range(count)}
        if found != self._known:
            self._assign(consumer, found)
        missing = [topic for topic in self._topics if not counts.get(topic)]
        self.trouble = f"no topic {', '.join(missing)} yet: runreel topics create" if missing else None

    def _assign(self, consumer: Consumer, found: dict[tuple[str, int], str]) -> None:
        positions = {(tp.topic, tp.partition): tp.offset for tp in consumer.position(consumer.assignment())}
        parts = []
        for (topic, partition), identity in found.items():
            offset = positions.get((topic, partition), -1)
            if self._known.get((topic, partition)) != identity or offset < 0:
                start = self._starts(topic, identity, partition)
                offset = OFFSET_BEGINNING if start is None else start
            parts.append(TopicPartition(topic, partition, offset))
        consumer.assign(parts)
        self._known = found

    def _read(self, consumer: Consumer) -> None:
        try:
            first = consumer.poll(WAIT_SECONDS)  # `consume` alone would wait for a full batch
            messages = [] if first is None else [first, *consumer.consume(BATCH, 0)]
        except KafkaException as error:
            self.trouble = error.args[0].str()
            return
        taken = []
        for message in messages:
            trouble = message.error()
            if trouble is not None:
                log.warning("tail: %s", trouble.str())
                continue
            kind, when = message.timestamp()
            topic, partition = str(message.topic()), int(message.partition() or 0)
            taken.append(
                Taken(
                    topic=topic,
                    identity=self._known.get((topic, partition), ""),
                    partition=partition,
                    offset=int(message.offset() or 0),
                    run=(message.key() or b"").decode(errors="replace"),
                    message=message.value() or b"",
                    received=when * 1000 if kind else None,
                )
            )
        if taken:
            self._take(taken)
