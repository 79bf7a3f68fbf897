"""The topics that runreel needs: making them, and comparing what is there with what should be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from runreel.errors import NotReachable, RunreelError, SettingError
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import ANSWER_SECONDS, admin, bounds_of, client_config, partitions_of_topics

_MILLIS: Final = 1000
_LARGEST: Final = "max.message.bytes"
_DEAD_BYTES: Final = 8 << 20  # a dead letter is a message of another topic, and its reason in headers
_HEADROOM: Final = 1 << 20


class Topic(msgspec.Struct, frozen=True):
    """A topic as it should be: its partitions, and the settings of the broker that matter."""

    name: str
    partitions: int
    config: dict[str, str]


class Difference(msgspec.Struct, frozen=True):
    """Something about a topic that is not as it should be, and what to do about it."""

    topic: str
    text: str
    way_out: str


class Lag(msgspec.Struct, frozen=True):
    """What of one partition is not in the archive yet: how many messages, and the oldest one's age in seconds."""

    topic: str
    partition: int
    behind: int
    age: float


def wanted(settings: Settings) -> list[Topic]:
    """The topics that the settings name, as they should be."""
    keep = {"retention.ms": str(int(settings.retention * _MILLIS)), "cleanup.policy": "delete"}
    stamped = {**keep, "message.timestamp.type": "LogAppendTime"}
    dead = {**keep, "retention.ms": str(int(settings.retention_dead * _MILLIS)), _LARGEST: str(_DEAD_BYTES)}
    return [
        *(Topic(name, settings.partitions, stamped) for name in settings.event_topics),
        Topic(settings.topic_blobs, settings.partitions, stamped),
        Topic(settings.topic_runs, settings.partitions, {"cleanup.policy": "compact"}),
        Topic(settings.topic_views, settings.partitions, stamped),
        Topic(settings.topic_dead, 1, dead),
    ]


def create(settings: Settings, address: str) -> dict[str, bool]:
    """Make the topics that are not there; answers for each whether it was made now.

    Raises:
        SettingError: a setting is refused; says the way out.
        NotReachable: no broker answered, or it refused; says why.
    """
    client = admin(settings, address)  # its answers end with it
    asked = client.create_topics(
        [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=settings.replication,
                config=topic.config,
            )
            for topic in wanted(settings)
        ],
        request_timeout=ANSWER_SECONDS,
    )
    made = {}
    for name, answer in asked.items():
        try:
            answer.result(ANSWER_SECONDS + 1)
            made[name] = True
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _refused(settings, name, error.args[0]) from None
            made[name] = False
        except TimeoutError:
            raise NotReachable(f"topic {name} was not made: no broker answered in time") from None
    return made


def _refused(settings: Settings, topic: str, error: KafkaError) -> RunreelError:
    if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
        way_out = f"Kafka refuses it ({error.str()}): it has fewer brokers"
        return SettingError("RUNREEL_REPLICATION", str(settings.replication), way_out)
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        way_out = f"this user may not make topic {topic}: name one who may, or have it made"
        return SettingError("RUNREEL_KAFKA_CONFIG", None, way_out)
    return NotReachable(f"topic {topic} was not made: {error.str()}")


def compare(settings: Settings, address: str) -> list[Difference]:
    """What is not as it should be; empty where all is well.

    Raises:
        NotReachable: no broker answered.
    """
    client = admin(settings, address)
    counts = partitions_of_topics(client, [topic.name for topic in wanted(settings)])
    found: list[Difference] = []
    largest: dict[str, int] = {}
    for topic in wanted(settings):
        count = counts[topic.name]
        if not count:
            found.append(Difference(topic.name, "is not there", "run `runreel topics create`"))
            continue
        if topic.partitions not in (count, 1):
            text = f"has {count} partitions, RUNREEL_PARTITIONS is {topic.partitions}"
            way_out = "never add partitions in place, because keys would move: name a new topic, or correct the setting"
            found.append(Difference(topic.name, text, way_out))
        present = _described(client, topic.name)
        largest[topic.name] = int(present.get(_LARGEST, 0))
        found += _config_differences(topic, present)
    return [*found, *_too_small(settings, largest)]


def _too_small(settings: Settings, largest: dict[str, int]) -> Iterator[Difference]:
    """Whether the topic of dead letters takes what the others do, and the reason with it."""
    dead = largest.pop(settings.topic_dead, 0)
    needed = max([_DEAD_BYTES, *(most + _HEADROOM for most in largest.values())])
    if 0 < dead < needed:
        text = f"{_LARGEST} is {dead}, should be {needed} or more: a large dead letter goes in parts"
        yield Difference(settings.topic_dead, text, _alter(settings.topic_dead, _LARGEST, str(needed)))


def lags(settings: Settings, address: str, reader: Reader, topic_ids: dict[str, str]) -> list[Lag]:
    """How far the archive is behind in each partition where it is; empty where all is stored.

    Args:
        settings: librdkafka keys.
        address: bootstrap servers.
        reader: the archive's reader.
        topic_ids: the present id of each topic (`brokers.TopicIds`).

    Raises:
        NotReachable: no broker answered.
    """
    ends = {(topic, number): position.offset for (topic, number), position in reader.end(topic_ids).items()}
    consumer = Consumer(client_config(settings, address, group_id="runreel.doctor", enable_auto_commit=False))
    try:
        counts = partitions_of_topics(consumer, topic_ids)
        places = [(topic, number) for topic, count in counts.items() for number in range(count)]
        found = [_lag(consumer, topic, number, ends.get((topic, number), 0)) for topic, number in places]
    finally:
        consumer.close()
    return [lag for lag in found if lag is not None]


def _described(client: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    asked = client.describe_configs([resource], request_timeout=ANSWER_SECONDS)
    try:
        (answer,) = asked.values()
        return {name: entry.value for name, entry in answer.result(ANSWER_SECONDS + 1).items()}
    except (KafkaException, TimeoutError) as error:
        raise NotReachable(f"Kafka did not describe topic {topic}: {error}") from None


def _config_differences(topic: Topic, present: dict[str, str]) -> list[Difference]:
    return [
        Difference(topic.name, f"{name} is {present[name]}, should be {value}", _alter(topic.name, name, value))
        for name, value in topic.config.items()
        if name != _LARGEST and name in present and present[name] != value
    ]


def _alter(topic: str, name: str, value: str) -> str:
    return f"run `kafka-configs.sh --alter --topic {topic} --add-config {name}={value}`"


def _lag(consumer: Any, topic: str, partition: int, end: int) -> Lag | None:
    low, high = bounds_of(consumer, topic, partition)
    start = max(low, end)
    if start >= high:
        return None
    consumer.assign([TopicPartition(topic, partition, start)])
    message = consumer.poll(ANSWER_SECONDS)
    received = message.timestamp()[1] / _MILLIS if message is not None and message.error() is None else time.time()
    return Lag(topic, partition, high - start, max(0.0, time.time() - received))
