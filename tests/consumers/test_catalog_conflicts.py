"""A copy with other bytes is told whenever it comes: before a run's objects are made, meanwhile, long afterwards."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from archiving import Speaker, produce, whole
from cataloging import Archive, archive, impatient
from consuming import consumer, environ
from runreel import codec
from runreel.events import CONFLICT, Event, RunStarted
from runreel.settings import Settings
from runreel_consumers.archive.dedupe import digest
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.objects import Objects, RunObjects
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import Store, open_store
from runreel_consumers.topics import create
from support import wait_for

__all__ = ["archive", "environ", "impatient"]


def other(event: Event, pipeline: str) -> Event:
    """A copy with other bytes."""
    return msgspec.structs.replace(event, data=codec.encode_data(RunStarted(pipeline=pipeline)))


def least(*copies: Event) -> str:
    """The pipeline that everybody chooses."""
    said = codec.payload(min(copies, key=digest)).pipeline
    assert said is not None
    return str(said)


def put_away(archive: Archive, run: str) -> Objects:
    """Its objects, once all that came is in them."""
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    found = RunObjects(archive.store).find(run)
    assert found is not None
    return found


def pipeline_of(store: Store, run: str) -> str:
    [row] = [row for row in Reader(store).structure(run) if row.event.type == "runreel.run.started"]
    return str(codec.payload(row.event).pipeline)


def answered(archive: Archive, count: int = 1) -> list[Event]:
    """The conflicts that are told, once they have come back as events."""
    said = wait_for(lambda: archive.take() or (len(archive.said(CONFLICT)) >= count and archive.said(CONFLICT)))
    archive.take(*said)
    return said


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_long_after_the_run_was_put_away(archive: Archive, killed: bool) -> None:
    speaker = Speaker()
    life = whole(speaker, 6)
    archive.take(*life)
    before = put_away(archive, speaker.run)
    late = other(life[1], "another")
    archive.letters.sent.clear()
    archive.take(late, *life[2:4])
    if killed:
        archive.die()

    said = answered(archive)

    assert len({codec.encode(event) for event in said}) == 1
    assert codec.payload(said[0]).hashes == sorted([digest(life[1]), digest(late)])
    assert put_away(archive, speaker.run).upto > before.upto
    assert archive.told()[speaker.run]["conflicts"] == 1
    assert archive.told()[speaker.run]["pipeline"] == least(life[1], late) == pipeline_of(archive.store, speaker.run)
    archive.letters.sent.clear()
    archive.take(late, life[1])  # both are known now
    put_away(archive, speaker.run)
    assert archive.letters.sent == []


def test_after_the_last_word_and_before_the_objects(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker, 6)
    archive.take(*life)
    archive.take(late := other(life[1], "another"))
    answered(archive)
    put_away(archive, speaker.run)
    assert archive.told()[speaker.run]["conflicts"] == 1
    assert pipeline_of(archive.store, speaker.run) == least(life[1], late)


def test_while_the_objects_are_made(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker()
    life = whole(speaker, 6)
    begun, go_on, make = threading.Event(), threading.Event(), RunObjects.make

    def slow(self: RunObjects, *arguments: Any) -> Any:
        made = make(self, *arguments)
        begun.set()
        assert go_on.wait(30)
        return made

    monkeypatch.setattr(RunObjects, "make", slow)
    archive.take(*life)
    wait_for(lambda: archive.take() or begun.is_set())
    archive.take(late := other(life[1], "another"))
    go_on.set()
    answered(archive)
    put_away(archive, speaker.run)
    assert archive.told()[speaker.run]["conflicts"] == 1
    assert pipeline_of(archive.store, speaker.run) == least(life[1], late)


def test_a_third_content_counts_where_it_is_the_least(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker, 6)
    archive.take(*life)
    put_away(archive, speaker.run)
    copies = sorted((other(life[1], f"p{number}") for number in range(8)), key=digest, reverse=True)
    archive.take(copies[0])
    answered(archive)
    before = put_away(archive, speaker.run)
    archive.take(copies[-1])  # that there is a conflict is said already
    wait_for(lambda: put_away(archive, speaker.run).upto > before.upto)
    assert pipeline_of(archive.store, speaker.run) == least(life[1], *copies)
    assert archive.told()[speaker.run]["pipeline"] == least(life[1], *copies)


@pytest.mark.slow
def test_on_kafka_and_minio(environ: dict[str, str]) -> None:
    chosen = Settings(environ=environ)
    create(chosen, chosen.kafka)
    store, speaker = open_store(chosen), Speaker()
    life = whole(speaker)
    reader, objects = Reader(store), RunObjects(store)

    def conflicts() -> list[Any]:
        return [row.event for row in reader.structure(speaker.run) if row.event.type == CONFLICT]

    with consumer(environ, kill=True):
        produce(chosen.kafka, chosen.topic_events, life)
        first = wait_for(lambda: objects.find(speaker.run), 60)
        wait_for(lambda: not list(Keyframes(store).runs()), 60)
    late = other(life[1], "another")
    with consumer(environ, kill=False):
        produce(chosen.kafka, chosen.topic_events, [late])
        said = wait_for(conflicts, 60)
        wait_for(lambda: (found := objects.find(speaker.run)) and found.upto > first.upto, 60)
        wait_for(lambda: not list(Keyframes(store).runs()), 60)
    assert [codec.payload(event).hashes for event in said] == [sorted([digest(life[1]), digest(late)])]
    assert pipeline_of(store, speaker.run) == least(life[1], late)
