"""The archive as it runs in earnest: real Kafka, real MinIO, consumers as processes that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from archiving import Speaker, produce
from native import Native
from runreel.events import (
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OPENED,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from runreel.settings import Settings
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.rebuild import rebuild
from runreel_consumers.store import open_store
from runreel_consumers.topics import create
from support import wait_for

COMMAND = """
import threading
from runreel.settings import Settings
from runreel_consumers.consume import consume
consume("archive", Settings(), threading.Event())
"""


@pytest.fixture
def environ(native: Native, prefix: str) -> dict[str, str]:
    """What a deployment sets."""
    topics = {
        f"RUNREEL_TOPIC_{name}": f"{prefix}.{name.lower()}" for name in ("EVENTS", "BLOBS", "RUNS", "VIEWS", "DEAD")
    }
    return {
        "RUNREEL_KAFKA": native.kafka,
        "RUNREEL_STORE": f"s3://{native.bucket}/{prefix}",
        "RUNREEL_S3_ENDPOINT": native.s3_endpoint,
        "AWS_ACCESS_KEY_ID": native.access_key,
        "AWS_SECRET_ACCESS_KEY": native.secret_key,
        "RUNREEL_GROUP": prefix,
        "RUNREEL_KAFKA_CONFIG": "session.timeout.ms=2000,heartbeat.interval.ms=500",
        "RUNREEL_PARTITIONS": "4",
        "RUNREEL_FLUSH_SECONDS": "0.2",
        **topics,
    }


@contextmanager
def consumer(environ: dict[str, str], *, kill: bool) -> Iterator[subprocess.Popen[bytes]]:
    """A consumer as a process, ended by SIGTERM's harsher brother or in peace."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
    with subprocess.Popen([sys.executable, "-c", COMMAND], env={**clean, **environ}) as process:
        try:
            yield process
            assert process.poll() is None, "the consumer ended by itself"
        finally:
            process.kill() if kill else process.terminate()


def whole(speaker: Speaker) -> list:
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline="p", experiment="e")),
        *speaker.mixture(30),
        speaker.say(RUN_FINISHED, RunFinished(state="SUCCEEDED")),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


@pytest.mark.slow
def test_killed_again_and_again_it_stores_every_event_once_and_the_catalog_is_right(environ: dict[str, str]) -> None:
    chosen = Settings(environ=environ)
    create(chosen, chosen.kafka)
    speakers = [Speaker() for _ in range(12)]
    lives = [whole(speaker) for speaker in speakers]
    store = open_store(chosen)
    reader = Reader(store)

    def stored() -> int:
        return sum(1 for speaker in speakers for _ in reader.rows(speaker.run))

    for part in range(3):
        with consumer(environ, kill=True):
            for life in lives:
                produce(chosen.kafka, chosen.topic_events, life[part * 10 : part * 10 + 10])
            wait_for(lambda part=part: stored() > part * 120 + 30, 60)
    with consumer(environ, kill=False):
        for life in lives:
            produce(chosen.kafka, chosen.topic_events, life[30:] + life[5:9])
        wait_for(lambda: stored() == 12 * 34, 60)
        objects = RunObjects(store)
        wait_for(lambda: all(objects.find(speaker.run) for speaker in speakers), 60)
        index = Index(store)
        wait_for(lambda: index.refresh() is not None and index.list(0, state="SUCCEEDED").total == 12, 60)
    for speaker, life in zip(speakers, lives, strict=True):
        assert [row.event for row in reader.rows(speaker.run)] == life
    shown = {run["id"]: run for run in index.list(0).runs}
    assert all(shown[speaker.run]["complete"] for speaker in speakers)
    before = {info.key: store.get(info.key) for info in store.list("catalog/")}
    rebuild(store)
    assert {info.key: store.get(info.key) for info in store.list("catalog/")} == before
