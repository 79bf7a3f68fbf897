"""The archive as it runs in earnest: real Kafka, real MinIO, consumers as processes that are killed."""

from __future__ import annotations

import pytest

from archiving import Speaker, produce, whole
from consuming import consumer, environ
from runreel.settings import Settings
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.listing import Query
from runreel_consumers.catalog.rebuild import rebuild
from runreel_consumers.store import open_store
from runreel_consumers.topics import create
from support import wait_for

__all__ = ["environ"]


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
        wait_for(lambda: index.refresh() is not None and index.list(0, Query(state=("SUCCEEDED",))).total == 12, 60)
    for speaker, life in zip(speakers, lives, strict=True):
        assert [row.event for row in reader.rows(speaker.run)] == life
    shown = {run["id"]: run for run in index.list(0).runs}
    assert all(shown[speaker.run]["complete"] for speaker in speakers)
    before = {info.key: store.get(info.key) for info in store.list("catalog/")}
    rebuild(store)
    assert {info.key: store.get(info.key) for info in store.list("catalog/")} == before
