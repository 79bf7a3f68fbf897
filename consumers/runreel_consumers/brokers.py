"""Kafka as the consumers use it: the clients' settings, and who a topic is."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from runreel.deadline import Deadline
from runreel.errors import NotReachable, SettingError
from runreel.settings import Settings

ANSWER_SECONDS: Final = 10.0
"""How long one question to the broker may take."""

_AGAIN_SECONDS: Final = 0.1

_client_log = logging.getLogger("runreel_consumers.kafka")

_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID, KafkaError._UNKNOWN_TOPIC)
_LEADERLESS = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def client_config(settings: Settings, address: str, **keys: Any) -> dict[str, Any]:
    """librdkafka keys of a client: ours, then the user's own, which win."""
    ours = {"bootstrap.servers": address, "client.id": "runreel", "logger": _client_log}
    return {**ours, **{key.replace("_", "."): value for key, value in keys.items()}, **settings.kafka_config}


def admin(settings: Settings, address: str) -> AdminClient:
    """A client for topics."""
    return AdminClient(client_config(settings, address))


def partitions_of_topics(client: Any, topics: Iterable[str]) -> dict[str, int]:
    """How many partitions each of `topics` has, 0 where there is no such topic. Any kind of client can ask.

    Raises:
        NotReachable: no broker answered.
    """
    found = {}
    for topic in topics:
        try:
            told = client.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise NotReachable(f"Kafka did not answer: {error.args[0].str()}") from None
        found[topic] = 0 if told.error is not None else len(told.partitions)
    return found


def bounds_of(client: Any, topic: str, partition: int) -> tuple[int, int]:
    """The offsets of a partition's first message and after its last.

    A partition whose leader is being chosen, as that of a new topic is, is asked again.

    Raises:
        NotReachable: no broker answered in `ANSWER_SECONDS`.
    """
    deadline, place = Deadline(ANSWER_SECONDS), TopicPartition(topic, partition)
    while True:
        try:
            low, high = client.get_watermark_offsets(place, timeout=max(_AGAIN_SECONDS, deadline.left()))
        except KafkaException as error:
            if error.args[0].code() not in _LEADERLESS or deadline.expired:
                raise NotReachable(f"Kafka did not tell the bounds of {topic}: {error.args[0].str()}") from None
            time.sleep(_AGAIN_SECONDS)
        else:
            return low, high


def ends_of_topics(settings: Settings, address: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """For each partition of `topics` the offset after its last message.

    Raises:
        NotReachable: no broker answered.
    """
    consumer = Consumer(client_config(settings, address, group_id="runreel.look", enable_auto_commit=False))
    try:
        counts = partitions_of_topics(consumer, topics)
        places = [(topic, number) for topic, count in counts.items() for number in range(count)]
        return {place: bounds_of(consumer, *place)[1] for place in places}
    finally:
        consumer.close()


class Identities(Protocol):
    """Tells topics of one name apart: a topic that is deleted and made again is another one."""

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic there is; those that are not there are left out. Raises NotReachable."""


class TopicIds:
    """The ids that Kafka gives its topics.

    Args:
        client: asks a real Kafka; the built-in broker does not answer this.
    """

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic there is.

        Raises:
            NotReachable: no broker answered.
        """
        names = list(topics)
        if not names:
            return {}
        asked = self._client.describe_topics(TopicCollection(names), request_timeout=ANSWER_SECONDS)
        found = {}
        for topic, answer in asked.items():
            try:
                found[topic] = _hexadecimal(answer.result(ANSWER_SECONDS + 1).topic_id)
            except KafkaException as error:
                if error.args[0].code() not in _ABSENT:
                    raise NotReachable(f"Kafka did not describe topic {topic}: {error.args[0].str()}") from None
            except TimeoutError:
                raise NotReachable(f"Kafka did not describe topic {topic} in {ANSWER_SECONDS:.0f} s") from None
        return found


class HubTopics:
    """The ids of the topics in the broker of one `runreel up`: they begin and end with it."""

    def __init__(self, hub: str) -> None:
        self._hub = hub

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic: they are all there, because the built-in broker makes them on first use."""
        return {topic: uuid.uuid5(uuid.NAMESPACE_URL, f"runreel:{self._hub}/{topic}").hex for topic in topics}


def _hexadecimal(topic_id: Any) -> str:
    high, low = topic_id.get_most_significant_bits(), topic_id.get_least_significant_bits()
    return f"{high & (1 << 64) - 1:016x}{low & (1 << 64) - 1:016x}"


def address_of(settings: Settings) -> str:
    """The bootstrap servers that the settings name.

    Raises:
        SettingError: they name none.
    """
    if not settings.kafka:
        raise SettingError("RUNREEL_KAFKA", "", "is empty: name the bootstrap servers, or use `runreel up`")
    return settings.kafka
