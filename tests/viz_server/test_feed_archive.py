"""The feed's seam: what the archive has and what the tail brings are one run, whatever comes between."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition

from feeding import Archive, Emitter, opened
from runreel.errors import NotFound
from runreel_consumers.archive.positions import Position
from runreel_server.feed import Feed
from runreel_server.feed import feed as feed_module
from support import wait_for


def test_what_the_archive_has_and_what_the_tail_brings_are_one_run(feed: Feed, broker: str, archive: Archive) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    both = emitter.step("both")
    archive.events = [*emitter.said, both]  # the archive has a part, the tail all of it, and more
    emitter.send(both, emitter.step("tail"))
    live = opened(feed, emitter.run)
    wait_for(lambda: set(live.view()["steps"]) == {"both", "tail"})
    assert live.view()["events"] == 4
    assert live.view()["missing"] == []


def test_what_comes_while_the_archive_is_read_is_not_lost(feed: Feed, broker: str, archive: Archive) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    opened(feed, emitter.run)
    other = Emitter(broker)
    other.begin()
    wait_for(lambda: feed.recent(other.run))
    heard = feed.pulse.heard

    def while_loading() -> None:
        archive.loading = lambda: None
        other.send(other.step("late"))
        wait_for(lambda: feed.pulse.heard > heard)

    archive.loading = while_loading
    assert "late" in feed.live(other.run).view()["steps"]


@pytest.mark.parametrize("met", [True, False])
def test_a_tail_that_has_forgotten_waits_for_the_archive(
    feed: Feed, broker: str, archive: Archive, monkeypatch: pytest.MonkeyPatch, met: bool
) -> None:
    """What the tail's memory has dropped must be in the archive before a run is shown, also of a topic new to it."""
    emitter = Emitter(broker)
    emitter.begin()
    wait_for(lambda: feed._recent.of(emitter.run))
    feed._recent._most = 1  # the memory holds next to nothing from now on
    emitter.send(emitter.step("gone"))
    wait_for(lambda: not feed._recent.of(emitter.run))
    lost = [(topic, number) for topic, _, number in feed._recent.lost()]
    archive.ends = {key: Position(0, key[1], 0) for key in lost} if met else {}
    monkeypatch.setattr(feed_module, "OPEN_SECONDS", 5.0)

    before = archive.asked

    def catches_up() -> None:
        if archive.asked >= before + 2:  # the second look: now the archive has it all
            archive.events = list(emitter.said)
            archive.ends = {key: Position(0, key[1], 1 << 40) for key in lost}

    archive.asking = catches_up
    assert "gone" in feed.live(emitter.run).view()["steps"]
    assert archive.asked >= before + 2


def test_a_run_that_is_asked_for_before_the_tail_has_begun_is_whole(
    waiting: Feed, broker: str, archive: Archive
) -> None:
    """A server that starts: a page comes back before the tail knows where to begin, and the archive grows between."""
    emitter = Emitter(broker)
    emitter.begin()
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "look", "log_level": 0})

    def grows() -> None:
        archive.asking = lambda: None
        with pytest.raises(NotFound):
            waiting.live(emitter.run)
        archive.events = list(emitter.said)
        for number in range(len(consumer.list_topics("runreel.events", 10).topics["runreel.events"].partitions)):
            high = consumer.get_watermark_offsets(TopicPartition("runreel.events", number), timeout=10)[1]
            archive.ends["runreel.events", number] = Position(0, number, high)

    archive.asking = grows
    waiting.start()
    wait_for(lambda: archive.ends)
    emitter.send(emitter.step("later"))
    wait_for(lambda: "later" in opened(waiting, emitter.run).view()["steps"])
    wait_for(lambda: waiting.live(emitter.run).view()["events"] == 3, what="what came before the tail")
    assert waiting.live(emitter.run).view()["missing"] == []
    consumer.close()


def test_a_run_that_cannot_be_read_anew_keeps_no_other_from_it(feed: Feed, broker: str, archive: Archive) -> None:
    """What is stored of the first is broken; the second is whole again after the tail has missed something."""
    first, second = Emitter(broker), Emitter(broker)
    for emitter in (first, second):
        emitter.begin()
        opened(feed, emitter.run)
    second.step("missed")  # the tail does not bring it
    archive.events = [*first.said, *second.said]
    loads = archive.loads

    def breaks() -> None:
        if archive.loads == loads + 1:
            raise ValueError("no Parquet file")

    archive.loading = breaks
    feed._torn = True
    wait_for(lambda: "missed" in feed.live(second.run).view()["steps"], 10)
    assert feed.live(first.run).view()["steps"] == {}
