"""The tail of Kafka: every partition of the topics, no group, from where the archive ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runreel.errors import NotReachable
from runreel_consumers.brokers import ANSWER_SECONDS, Identities, partitions_of_topics
from runreel_server.feed.recent import Taken

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 3.0  # between two looks at which topics and partitions there are
WAIT_SECONDS: Final = 0.2
BATCH: Final = 2_000

Starts = Callable[[str, str, int], int]
"""(topic, its identity, partition) -> the offset to begin at."""


class Tail:
    """One thread that reads and hands on.

    Args:
        config: librdkafka keys of the consumer.
        topics: what is read; those that are not there yet are waited for.
        identities: tells a topic that was made again from the one before it.
        starts: where each partition begins.
        take: called on the tail's thread with the messages of one read, in the order of their partitions.
        lost: called on the tail's thread with (topic, its identity, partition, offset) where the broker has forgotten
            what was not read yet, up to that offset.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        topics: Sequence[str],
        identities: Identities,
        starts: Starts,
        take: Callable[[list[Taken]], None],
        lost: Callable[[str, str, int, int], None],
    ) -> None:
        self._config = {
            "fetch.wait.max.ms": 100,
            **config,
            "group.id": "runreel-server",  # librdkafka wants one; nothing is ever committed in it
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "error",  # what is no longer there must not be passed over in silence
            "reconnect.backoff.max.ms": 2_000,
            "topic.metadata.refresh.interval.ms": 10_000,
        }
        self._topics, self._identities, self._starts = list(topics), identities, starts
        self._take, self._lost = take, lost
        self._known: dict[tuple[str, int], str] = {}  # partitions that are read, and their topic's identity
        self._next: dict[tuple[str, str, int], int] = {}  # (topic, its identity, partition) -> where to go on
        self._begun: set[tuple[str, str, int]] = set()  # where the first offset was there
        self._astray: set[tuple[str, int]] = set()  # the broker does not have the offset at which to go on
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
            found = {(topic, n): identities[topic] for topic, count in counts.items() for n in range(count)}
            if found != self._known or self._astray:
                self._assign(consumer, found)
            else:
                self._begun.update(self._next)
        except NotReachable as error:
            self.trouble = str(error)
            return
        missing = [topic for topic in self._topics if not counts.get(topic)]
        self.trouble = f"no topic {', '.join(missing)} yet: runreel topics create" if missing else None

    def _assign(self, consumer: Consumer, found: dict[tuple[str, int], str]) -> None:
        parts = []
        for (topic, partition), identity in found.items():
            place = (topic, identity, partition)
            if (topic, partition) in self._astray and place in self._next:
                self._find(consumer, place)
            if place not in self._next:
                self._next[place] = self._starts(topic, identity, partition)
            parts.append(TopicPartition(topic, partition, self._next[place]))
        consumer.assign(parts)
        self._known = found
        self._astray.clear()
        self._next = {place: offset for place, offset in self._next.items() if found.get(place[::2]) == place[1]}

    def _find(self, consumer: Consumer, place: tuple[str, str, int]) -> None:
        """Go on at what the broker still has of a partition."""
        topic, identity, partition = place
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise NotReachable(f"Kafka did not tell where {topic} begins: {error.args[0].str()}") from None
        expected = self._next[place]
        self._next[place] = min(max(expected, low), high)
        if place in self._begun:  # else it was gone before anybody could have looked at it
            log.warning("%s[%d]: offsets %d to %d were not read in time", topic, partition, expected, low - 1)
            self._lost(topic, identity, partition, low - 1)

    def _read(self, consumer: Consumer) -> None:
        try:
            first = consumer.poll(WAIT_SECONDS)  # `consume` alone would wait for a full batch
            messages = [] if first is None else [first, *consumer.consume(BATCH, 0)]
        except KafkaException as error:
            self.trouble = error.args[0].str()
            return
        taken = []
        for message in messages:
            topic, partition, trouble = str(message.topic()), int(message.partition() or 0), message.error()
            if trouble is not None:
                if trouble.code() == KafkaError._AUTO_OFFSET_RESET:
                    self._stray(topic, partition)
                else:
                    log.warning("tail: %s", trouble.str())
                continue
            kind, when = message.timestamp()
            identity, offset = self._known.get((topic, partition), ""), int(message.offset() or 0)
            self._next[topic, identity, partition] = offset + 1
            self._begun.add((topic, identity, partition))
            taken.append(
                Taken(
                    topic=topic,
                    identity=identity,
                    partition=partition,
                    offset=offset,
                    run=(message.key() or b"").decode(errors="replace"),
                    message=message.value() or b"",
                    received=when * 1000 if kind else None,
                )
            )
        if taken:
            self._take(taken)

    def _stray(self, topic: str, partition: int) -> None:
        """Have a partition looked for anew: it was made again, or the broker has forgotten what was not read yet."""
        self._astray.add((topic, partition))
        self.trouble = f"{topic}[{partition}]: the broker no longer has what comes next"
