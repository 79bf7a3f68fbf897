"""What of a run the log has already: in the archive, and in Kafka beyond its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runreel.codec import decode, payload
from runreel.errors import CodecError, NotReachable
from runreel.events import RUN_STARTED, Event
from runreel.settings import Settings
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import ANSWER_SECONDS, Identities, client_config, partitions_of_topics
from runreel_consumers.partitions import partition_of

_BATCH: Final = 10_000


class Sent(msgspec.Struct):
    """What is there of a run.

    Attributes:
        said: the seqs of each session.
        origin: the origin tag of its `run.started`, empty where that has none; None: no such event is there.
    """

    said: dict[str, Intervals]
    origin: dict[str, Any] | None = None

    def take(self, event: Event) -> None:
        """One more event of it."""
        if event.session is not None and event.seq is not None:
            add(self.said.setdefault(event.session, []), event.seq)
        if event.type == RUN_STARTED:
            try:
                self.origin = payload(event).origin or self.origin or {}
            except CodecError:
                return


def sent(reader: Reader, settings: Settings, address: str, identities: Identities, topic: str, run: str) -> Sent:
    """What is there of a run in the archive and in a topic.

    Args:
        reader: the archive.
        settings: librdkafka keys.
        address: bootstrap servers.
        identities: who the topic is.
        topic: where the run is sent to.
        run: its id.

    Raises:
        NotReachable: no broker answered.
    """
    found = Sent(reader.said(run))
    for row in reader.structure(run):
        found.take(row.event)
    ends = reader.end(identities.of([topic]))
    for event in _beyond(settings, address, topic, run, {place[1]: end.offset for place, end in ends.items()}):
        found.take(event)
    return found


def _beyond(settings: Settings, address: str, topic: str, run: str, ends: dict[int, int]) -> Iterator[Event]:
    """The events of a run in its partition, from where the archive ends."""
    consumer = Consumer(
        client_config(
            settings, address, group_id="runreel.replay", enable_auto_commit=False, auto_offset_reset="earliest"
        )
    )
    try:
        count = partitions_of_topics(consumer, [topic])[topic]
        if not count:
            return
        number, key = partition_of(run, count), run.encode()
        place = TopicPartition(topic, number)
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
        place.offset = max(low, ends.get(number, 0))
        consumer.assign([place])
        while place.offset < high:
            first = consumer.poll(ANSWER_SECONDS)  # `consume` alone would wait for a full batch
            if first is None:
                raise NotReachable(f"Kafka did not tell in {ANSWER_SECONDS:.0f} s what topic {topic} holds")
            for message in [first, *consumer.consume(_BATCH, 0)]:
                if (error := message.error()) is not None:
                    raise NotReachable(f"Kafka did not tell what topic {topic} holds: {error.str()}")
                place.offset = int(message.offset() or 0) + 1
                if message.key() == key and place.offset <= high:
                    try:
                        yield decode(message.value() or b"")
                    except CodecError:
                        continue
    except KafkaException as error:
        raise NotReachable(f"Kafka did not tell what topic {topic} holds: {error.args[0].str()}") from None
    finally:
        consumer.close()
