"""Artifacts through a real Kafka to a real MinIO: loop, sink, finisher and the event, together."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from archiving import running, settings
from native import Native
from runreel.chunks import CHUNK, End, encode_end, headers
from runreel.codec import decode, payload
from runreel.events import ArtifactStored
from runreel.ids import new_artifact, new_run
from runreel.settings import Settings
from runreel_consumers.blobs import BlobSink, Saying, open_artifact, read_info
from runreel_consumers.brokers import TopicIds, admin
from runreel_consumers.loop import Loop
from runreel_consumers.outbox import Outbox
from runreel_consumers.store.minio import MinioStore
from support import wait_for


@pytest.fixture
def store(native: Native, prefix: str) -> MinioStore:
    keys = (native.access_key, native.secret_key, None)
    return MinioStore(native.bucket, prefix, endpoint=native.s3_endpoint, keys=keys)


@pytest.fixture
def chosen(native: Native, make_topic: Callable[..., str], prefix: str) -> Settings:
    return settings(
        kafka=native.kafka,
        topic_events=make_topic("events"),
        topic_blobs=make_topic("blobs", 2),
        topic_dead=make_topic("dead"),
        group=prefix,
        flush_bytes=4 << 20,
    )


def consumer_of(chosen: Settings, store: MinioStore) -> tuple[Loop, BlobSink]:
    sink = BlobSink(chosen, store, Outbox(chosen, chosen.kafka), Saying(chosen, Outbox(chosen, chosen.kafka)))
    return Loop(sink, chosen, chosen.kafka, TopicIds(admin(chosen, chosen.kafka))), sink


def produce(chosen: Settings, run: str, artifact: str, content: bytes, chunks: range | None, *, end: bool) -> None:
    producer = Producer({"bootstrap.servers": chosen.kafka, "partitioner": "murmur2_random"})
    count = -(-len(content) // CHUNK)
    for n in range(count) if chunks is None else chunks:
        label = headers(run, "default", artifact, n)
        data = content[n * CHUNK : (n + 1) * CHUNK]
        producer.produce(chosen.topic_blobs, data, key=artifact.encode(), headers=label)
    if end:
        told = encode_end(End(count, len(content), hashlib.sha256(content).hexdigest()))
        producer.produce(chosen.topic_blobs, told, key=artifact.encode(), headers=headers(run, "default", artifact))
    assert producer.flush(30) == 0


def said(chosen: Settings) -> list[ArtifactStored]:
    """The service events in the topic of events."""
    reader = Consumer({"bootstrap.servers": chosen.kafka, "group.id": "none", "enable.auto.commit": False})
    try:
        partition = TopicPartition(chosen.topic_events, 0, 0)
        _, high = reader.get_watermark_offsets(partition, timeout=10)
        reader.assign([partition])
        found: list[ArtifactStored] = []
        while len(found) < high:
            found += [payload(decode(message.value() or b"")) for message in reader.consume(high, 1.0)]
        return found
    finally:
        reader.close()


def test_artifacts_travel_through_kafka_to_the_store_and_are_said(chosen: Settings, store: MinioStore) -> None:
    run = new_run()
    contents = {new_artifact(): random.Random(n).randbytes(n * 3_000_000) for n in range(4)}
    loop, _ = consumer_of(chosen, store)
    with running(loop):
        for artifact, content in contents.items():
            produce(chosen, run, artifact, content, None, end=True)
        wait_for(lambda: all(read_info(store, artifact) for artifact in contents))
        wait_for(lambda: len(said(chosen)) == len(contents), every=0.2)
    for artifact, content in contents.items():
        assert b"".join(open_artifact(store, artifact)[1]) == content
    assert {told.id for told in said(chosen)} == set(contents)
    assert all(told.failed is None for told in said(chosen))
    wait_for(lambda: next(store.list("staging/"), None) is None)


def test_another_member_goes_on_in_the_middle_of_an_artifact(chosen: Settings, store: MinioStore) -> None:
    run, artifact, content = new_run(), new_artifact(), random.Random(9).randbytes(9_000_000)
    first, sink = consumer_of(chosen, store)
    with running(first):
        produce(chosen, run, artifact, content, range(10), end=False)
        wait_for(lambda: sink.counts["chunks"] == 10)
    assert read_info(store, artifact) is None
    second, sink = consumer_of(chosen, store)
    with running(second):
        produce(chosen, run, artifact, content, range(8, 18), end=True)
        wait_for(lambda: read_info(store, artifact))
    assert b"".join(open_artifact(store, artifact)[1]) == content
    assert sink.counts["chunks"] == 10
    assert sink.counts["pieces"] >= 1
