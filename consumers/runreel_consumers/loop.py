"""Consume, add, flush, commit: every consumer is a sink in this loop.

All objects are stored first, then the offsets are committed, never the other way round: a crash between the two repeats
what was stored, and loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.brokers import ANSWER_SECONDS, Identities, bounds_of, client_config, partitions_of_topics
from runreel_consumers.messages import Message
from runreel_consumers.sinks import Sink

log = logging.getLogger(__name__)

SESSION_SECONDS: Final = 45.0
"""How long the group waits for a member that says nothing; a revoked one has half of it to flush and commit."""

POLL_SECONDS: Final = 300.0
"""The longest time between two polls before the group takes the partitions away."""

_IDENTITY_SECONDS: Final = 5.0
_BACKOFF: Final = (0.25, 10.0)  # seconds: the first wait for a store that is away, and the longest


class Place(msgspec.Struct, frozen=True):
    """One partition in one life of a topic. `identity` is the topic's id: made again, it has another one."""

    topic: str
    partition: int
    identity: str


class Loop:
    """Runs one sink on the topics that it names. Speaks to nobody before `run`.

    Args:
        sink: what to do with the messages.
        settings: flush bounds, group, librdkafka keys.
        address: bootstrap servers.
        identities: tells topics of one name apart.
        grouped: share the partitions with others of the group; else (the built-in broker) take all of them.
    """

    def __init__(
        self, sink: Sink, settings: Settings, address: str, identities: Identities, *, grouped: bool = True
    ) -> None:
        self._sink, self._settings, self._identities, self._grouped = sink, settings, identities, grouped
        self._config = client_config(
            settings,
            address,
            group_id=f"{settings.group}.{sink.name}",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            auto_offset_reset="error",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            max_poll_interval_ms=int(POLL_SECONDS * 1000),
            queued_max_messages_kbytes=8 << 10,
            fetch_max_bytes=8 << 20,
            max_partition_fetch_bytes=4 << 20,
            fetch_queue_backoff_ms=10,  # a full queue is fetched for again after this, not after a second
            partition_assignment_strategy="roundrobin",
            topic_metadata_refresh_interval_ms=10_000,
            # The built-in broker answers only when this is over, however much it has by then.
            fetch_wait_max_ms=100 if grouped else 20,
            allow_auto_create_topics=not grouped,
        )
        # Those in force, which may be the user's own.
        self._session = int(self._config["session.timeout.ms"]) / 1000
        self._work = int(self._config["max.poll.interval.ms"]) / 2000
        self._next: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        self._astray: set[tuple[str, int]] = set()
        self._paused_until: float | None = None
        self._backoff = _BACKOFF[0]
        self._unflushed_since: float | None = None
        self._identities_asked = 0.0
        self._warned: set[Any] = set()
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set, then flush, commit and leave within the settings' `exit_wait`.

        Raises:
            SettingError: the store refuses us.
            NotReachable: no broker answered while partitions were opened.
        """
        self._stop = stop
        self._consumer = Consumer(self._config)
        try:
            self._begin()
            while not stop.is_set():
                self._turn()
        finally:
            self._end(Deadline(self._settings.exit_wait))

    def _begin(self) -> None:
        if self._grouped:
            callbacks = {"on_assign": self._on_assign, "on_revoke": self._on_revoke, "on_lost": self._on_lost}
            self._consumer.subscribe(list(self._sink.topics), **callbacks)
            return
        counts: dict[str, int] = {}
        while not all(counts.get(topic) for topic in self._sink.topics):  # the first to ask has them made
            if self._stop.wait(0.0 if not counts else _BACKOFF[0]):
                return
            counts = partitions_of_topics(self._consumer, self._sink.topics)
        mine = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        self._on_assign(self._consumer, mine)

    def _turn(self) -> None:
        # consume() waits for its whole timeout unless the batch fills: a short one is what keeps the latency low.
        self._take(self._consumer.consume(self._sink.batch, min(0.1, self._settings.flush_seconds / 10)))
        now = time.monotonic()
        try:
            if self._paused_until is not None:
                if now >= self._paused_until:
                    self._flush(Deadline(self._work))
                    self._resume()
                return
            if self._astray:
                self._reopen(self._astray)
            if self._flush_is_due(now):
                self._flush(Deadline(self._work))
            elif self._grouped and now - self._identities_asked > _IDENTITY_SECONDS:
                self._check_identities()
            self._sink.tick()
        except NotReachable as error:
            self._pause(error)

    def _flush_is_due(self, now: float) -> bool:
        if self._unflushed_since is None:
            return False
        if self._sink.held >= self._settings.flush_bytes or (self._sink.awaited and not self._grouped):
            return True
        return now - self._unflushed_since >= self._settings.flush_seconds

    def _take(self, messages: Iterable[Any]) -> None:
        by_partition: dict[tuple[str, int], list[Message]] = defaultdict(list)
        for message in messages:
            if message.error() is None:
                by_partition[message.topic(), message.partition()].append(message)
            else:
                self._on_error(message)
        places = {(place.topic, place.partition): place for place in self._next}
        for where, taken in by_partition.items():
            place = places.get(where)
            if place is None or where in self._astray:
                continue
            self._add(place, taken)
        if by_partition and self._unflushed_since is None:
            self._unflushed_since = time.monotonic()

    def _add(self, place: Place, messages: list[Message]) -> None:
        expected = self._next[place]
        start = 0
        for i, message in enumerate(messages):
            offset = message.offset()
            if offset != expected:
                if i > start:
                    self._sink.add(place, messages[start:i])
                    start = i
                log.warning("%s[%d]: offsets %d to %d are gone", place.topic, place.partition, expected, offset - 1)
                self._sink.hole(place, expected, offset - 1)
            expected = offset + 1
        self._sink.add(place, messages[start:])
        self._next[place] = expected

    def _on_error(self, message: Any) -> None:
        error: KafkaError = message.error()
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._astray.add((message.topic(), message.partition()))
        elif error.fatal():
            raise NotReachable(f"Kafka: {error.str()}")
        elif error.code() not in self._warned:
            self._warned.add(error.code())
            log.warning("Kafka: %s", error.str())

    # -- flush and commit

    def _flush(self, deadline: Deadline) -> None:
        self._sink.flush(deadline)
        self._unflushed_since = None
        self._check_identities()
        if self._grouped:
            self._commit()

    def _commit(self) -> None:
        due = {place: offset for place, offset in self._next.items() if self._committed.get(place) != offset}
        if not due:
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(p.topic, p.partition, offset, p.identity) for p, offset in due.items()],
                asynchronous=False,
            )
            self._committed.update(due)
        except KafkaException as error:
            # What is stored twice is known by its position: a commit that fails costs a repeat, nothing else.
            log.warning("offsets were not committed: %s", error.args[0].str())

    def _check_identities(self) -> None:
        """Find topics that were made again, before a commit would claim offsets of the new one for the old."""
        if not self._grouped:
            return
        self._identities_asked = time.monotonic()
        found = self._identities.of({place.topic for place in self._next})
        changed = {(p.topic, p.partition) for p in self._next if found.get(p.topic) not in (None, p.identity)}
        gone = [place for place in self._next if place.topic not in found]
        if changed:
            self._reopen(changed)
        for place in gone:
            self._committed[place] = self._next[place]  # nothing to commit to

    # -- partitions come and go

    def _on_assign(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        wait = _BACKOFF[0]
        given_up = Deadline(self._work)
        while not self._stop.is_set():
            try:
                self._open(partitions)
                break
            except NotReachable as error:
                if given_up.expired:
                    raise
                log.warning("%s; trying again", error)
                self._stop.wait(wait)
                wait = min(2 * wait, _BACKOFF[1])
        self._assign()

    def _open(self, partitions: Iterable[TopicPartition]) -> None:
        partitions = list(partitions)
        identities = self._identities.of({tp.topic for tp in partitions})
        counts = partitions_of_topics(self._consumer, identities)
        offsets = self._committed_offsets(partitions) if self._grouped else {}
        for tp in partitions:
            if tp.topic not in identities:
                continue  # deleted a moment ago; the group is told soon
            place = Place(tp.topic, tp.partition, identities[tp.topic])
            offset, identity = offsets.get((tp.topic, tp.partition), (None, ""))
            if offset is None or identity != place.identity:
                offset = self._sink.resume(place)
            self._start(place, counts[tp.topic], offset, bounds_of(self._consumer, place.topic, place.partition))

    def _start(self, place: Place, partitions: int, offset: int | None, bounds: tuple[int, int]) -> None:
        """Open a place at `offset` (None: the beginning), or at what is left where that is gone."""
        low, high = bounds
        expected = offset or 0
        if expected > high:
            text = "%s[%d]: offset %d is beyond the end, %d: the topic lost its end; going on there"
            log.error(text, place.topic, place.partition, expected, high)
            expected = high
        self._sink.opened(place, partitions, expected)
        if expected < low:
            log.warning("%s[%d]: offsets %d to %d are gone", place.topic, place.partition, expected, low - 1)
            self._sink.hole(place, expected, low - 1)
            self._unflushed_since = self._unflushed_since or time.monotonic()
        self._next[place] = max(expected, low)

    def _reopen(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Start again in partitions whose topic was made again, or whose offset is out of range."""
        partitions = set(partitions)
        self._astray |= partitions  # what was fetched before is not taken until this is done
        identities = self._identities.of({topic for topic, _ in partitions})
        counts = partitions_of_topics(self._consumer, identities)
        found = [p for p in self._next if (p.topic, p.partition) in partitions and counts.get(p.topic)]
        for place in found:
            now = Place(place.topic, place.partition, identities[place.topic])
            # Asked first: where nobody answers (a new topic has no leader for a moment), nothing has changed yet.
            there = now.partition < counts[now.topic]
            bounds = bounds_of(self._consumer, now.topic, now.partition) if there else None
            expected = self._next.pop(place)
            self._committed.pop(place, None)
            if now != place:
                log.warning("topic %s was deleted and made again: reading it from its beginning", place.topic)
                self._sink.forget([place], ours=True)
            if bounds is not None:
                self._start(now, counts[now.topic], expected if now == place else None, bounds)
        self._assign()
        self._astray -= {(p.topic, p.partition) for p in found}

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(p.topic, p.partition, offset) for p, offset in self._next.items()])
        if self._paused_until is not None:
            self._consumer.pause(self._consumer.assignment())

    def _on_revoke(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        try:
            self._flush(Deadline(self._session / 2))
        except NotReachable as error:
            log.warning("what was not stored is left to the next owner: %s", error)
        self._drop(partitions, ours=True)

    def _on_lost(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        self._drop(partitions, ours=False)

    def _drop(self, partitions: Iterable[TopicPartition], *, ours: bool) -> None:
        gone = {(tp.topic, tp.partition) for tp in partitions}
        places = [place for place in self._next if (place.topic, place.partition) in gone]
        self._sink.forget(places, ours=ours)
        for place in places:
            del self._next[place]
            self._committed.pop(place, None)
        self._astray -= gone

    def _committed_offsets(self, partitions: list[TopicPartition]) -> dict[tuple[str, int], tuple[int | None, str]]:
        try:
            known = self._consumer.committed(partitions, timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise NotReachable(f"Kafka did not tell the committed offsets: {error.args[0].str()}") from None
        return {(tp.topic, tp.partition): (tp.offset if tp.offset >= 0 else None, tp.metadata or "") for tp in known}

    # -- the store is away

    def _pause(self, error: NotReachable) -> None:
        log.warning("paused: %s", error)
        if self._paused_until is None:
            self._consumer.pause(self._consumer.assignment())
        self._paused_until = time.monotonic() + self._backoff
        self._backoff = min(2 * self._backoff, _BACKOFF[1])

    def _resume(self) -> None:
        log.warning("resumed")
        self._paused_until, self._backoff = None, _BACKOFF[0]
        self._consumer.resume(self._consumer.assignment())

    def _end(self, deadline: Deadline) -> None:
        try:
            self._flush(deadline)
        except NotReachable as error:
            log.warning("what was not stored is left to the next one: %s", error)
        self._drop([TopicPartition(place.topic, place.partition) for place in self._next], ours=True)
        try:
            self._sink.close(deadline)
        finally:
            self._consumer.close()
