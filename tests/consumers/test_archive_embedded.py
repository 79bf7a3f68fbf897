"""The archive behind librdkafka's built-in broker, as `runreel up` runs it: acknowledgement is end to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from archiving import Speaker, produce, running, settings
from runreel import codec
from runreel.events import (
    LOGS,
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OPENED,
    Event,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from runreel.hub import Hub, acknowledged
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.reader import Reader
from runreel_consumers.consume import make
from runreel_consumers.store import open_store
from support import wait_for

TOPIC = "runreel.events"


@pytest.fixture
def broker() -> Iterator[str]:
    handle = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
    (told,) = handle.list_topics(timeout=10).brokers.values()
    yield f"{told.host}:{told.port}"
    del handle


@pytest.fixture
def hub(broker: str, tmp_path: Path) -> Hub:
    return Hub(id=Hub.new_id(), kafka=broker, url="", store=f"dir:{tmp_path / 'store'}", acks=str(tmp_path / "acks"))


def reader_of(hub: Hub) -> Reader:
    return Reader(open_store(settings(store=hub.store)))


def whole_run(speaker: Speaker, middle: list[Event]) -> list[Event]:
    opened = speaker.say(SESSION_OPENED, SessionOpened(role="owner"))
    started = speaker.say(RUN_STARTED, RunStarted(pipeline="p"))
    said = [opened, started, *middle]
    for event in middle:
        assert event.session != speaker.session
    finished = speaker.say(RUN_FINISHED, RunFinished(state="SUCCEEDED"))
    return [*said, finished, speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq))]


def test_a_session_is_acknowledged_up_to_where_all_of_it_is_stored(hub: Hub) -> None:
    speaker = Speaker()
    said = speaker.mixture(60)
    with running(make("archive", settings(), hub)):
        produce(hub.kafka, TOPIC, said[:20] + said[30:])
        wait_for(lambda: acknowledged(Path(hub.acks), speaker.session) == 19)
        produce(hub.kafka, TOPIC, said[20:30])
        wait_for(lambda: acknowledged(Path(hub.acks), speaker.session) == 59)
    assert [row.event for row in reader_of(hub).rows(speaker.run)] == said


def test_a_new_broker_is_a_new_epoch_and_a_repeat_changes_nothing(hub: Hub, tmp_path: Path) -> None:
    speaker = Speaker()
    said = speaker.mixture(30)
    with running(make("archive", settings(), hub)):
        produce(hub.kafka, TOPIC, said[:20])
        wait_for(lambda: acknowledged(Path(hub.acks), speaker.session) == 19)
    handle = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
    (told,) = handle.list_topics(timeout=10).brokers.values()
    again = Hub(id=Hub.new_id(), kafka=f"{told.host}:{told.port}", url="", store=hub.store, acks=hub.acks)
    with running(make("archive", settings(), again)):
        produce(again.kafka, TOPIC, said[10:])
        wait_for(lambda: acknowledged(Path(hub.acks), speaker.session) == 29)
    assert [row.event for row in reader_of(hub).rows(speaker.run)] == said


def test_a_run_that_has_ended_gets_its_own_objects_and_is_told(hub: Hub) -> None:
    speaker = Speaker()
    said = whole_run(speaker, [])
    listener = Consumer(
        {"bootstrap.servers": hub.kafka, "group.id": "listener", "auto.offset.reset": "earliest", "log_level": 0}
    )
    with running(make("archive", settings(), hub)):
        produce(hub.kafka, TOPIC, said)
        objects = RunObjects(open_store(settings(store=hub.store)))
        found = wait_for(lambda: objects.find(speaker.run))
        assert found.manifest.workspace == "default"
    listener.close()
    assert [row.event for row in reader_of(hub).structure(speaker.run)] == said


def test_a_session_that_ends_is_stored_at_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process waits for that; what goes on is gathered."""
    monkeypatch.setattr("runreel_consumers.consume.EMBEDDED_SECONDS", 3_600)
    speaker, other = Speaker(), Speaker()
    with running(make("archive", settings(flush_seconds=3_600), hub)):
        produce(hub.kafka, TOPIC, other.mixture(10))
        produce(hub.kafka, TOPIC, whole_run(speaker, []))
        wait_for(lambda: acknowledged(Path(hub.acks), speaker.session) == speaker.seq - 1)


EMITTER = """
import secrets, sys
from pathlib import Path
from runreel.session import Session
from runreel.settings import Settings

state, run, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = Settings({"state_dir": str(state)}, environ={})
sessions = [Session(settings, run=run, workspace="default", source="/t", role="member") for _ in range(10)]
for number in range(count):
    for session in sessions:
        session.line("step", "x", f"{number:06d} " + secrets.token_urlsafe(1000))
for session in sessions:
    assert session.close(timeout=90), "not delivered"
"""


def lowest(address: str) -> int:
    """The greatest offset at which a partition of events begins: above 0, the broker has let go of something."""
    asker = Consumer({"bootstrap.servers": address, "group.id": "asker", "log_level": 0})
    try:
        places = [TopicPartition(TOPIC, number) for number in asker.list_topics(TOPIC).topics[TOPIC].partitions]
        return max((asker.get_watermark_offsets(place, timeout=5)[0] for place in places), default=0)
    finally:
        asker.close()


@pytest.mark.slow
def test_three_emitters_that_outrun_the_broker_lose_nothing(hub: Hub, tmp_path: Path) -> None:
    """All in one partition, and nobody reads before the broker has let go of what it was given first."""
    state = tmp_path / "state"
    chosen = settings(state_dir=state)
    lock = Hub.hold(chosen)
    assert lock is not None
    hub.write(chosen)
    run, count = Speaker().run, 800
    command = [sys.executable, "-c", EMITTER, str(state), run, str(count)]
    emitters = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        wait_for(lambda: lowest(hub.kafka) > 0)
        with running(make("archive", settings(), hub)):
            for emitter in emitters:
                _, said = emitter.communicate(timeout=100)
                assert emitter.returncode == 0, said
    finally:
        for emitter in emitters:
            emitter.kill()
            emitter.communicate()
    texts: dict[str, list[str]] = {}
    for row in reader_of(hub).rows(run, frozenset({LOGS})):
        texts.setdefault(str(row.event.session), []).extend(codec.payload(row.event).text)
    assert [[int(text[:6]) for text in lines] for lines in texts.values()] == [list(range(count))] * 30
    lock.release()
