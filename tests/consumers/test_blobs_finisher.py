"""The finisher: crashes at every point, artifacts that never end, what others left."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import time
from pathlib import Path

import pytest

from chunk_messages import PLACE, SIZE, Breaking, Consumer, Crash, Topic, keys, pieces_of
from runreel.codec import encode, payload
from runreel.deadline import Deadline
from runreel.errors import NotFound, NotReachable
from runreel.events import Event
from runreel_consumers.blobs import Finisher, open_artifact, read_info
from runreel_consumers.blobs.staging import piece_key
from runreel_consumers.store import DirectoryStore
from support import wait_for

CONTENT = random.Random(2).randbytes(9 * SIZE + 77)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GRACE = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def consumer(store: DirectoryStore, events: list[Event]) -> Consumer:
    return Consumer(store, events, grace=GRACE)


def content_of(store: DirectoryStore, artifact: str) -> bytes:
    return b"".join(open_artifact(store, artifact)[1])


def age(store: DirectoryStore, seconds: float = GRACE + 60) -> None:
    """Make all that is staged as old as that."""
    when = time.time() - seconds
    for key in keys(store, "staging/"):
        os.utime(store.folder / key, (when, when))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("content", [CONTENT, CONTENT[::-1]], ids=["stored", "failed"])
def test_a_crash_at_any_change_is_mended_by_the_next_finisher(tmp_path: Path, content: bytes, after: bool) -> None:
    """Whatever the moment, the store ends the same, and the event is said, always with the same bytes."""
    for at in range(1, 20):
        store, events = DirectoryStore(tmp_path / f"store-{at}"), list[Event]()
        topic = Topic()
        parts = [topic.chunk("aid", n, data) for n, data in enumerate(pieces_of(content))]
        Consumer(store, events).take(*parts[:4])
        Consumer(store, events).take(*parts[4:], topic.end("aid", CONTENT))
        breaking = Breaking(store, at, after=after)
        crashed = False
        try:
            Finisher(breaking, events.append).settle("aid")  # type: ignore[arg-type]
        except Crash:
            crashed = True
            Finisher(store, events.append).settle("aid")
        assert keys(store, "staging/") == []
        assert len({encode(event) for event in events}) == 1
        info = read_info(store, "aid")
        assert info is not None
        assert encode(info.event()) == encode(events[0])
        assert keys(store, "content/") == ([f"content/{SHA256}"] if content == CONTENT else [])
        if not crashed:
            return
    pytest.fail("it never came through")


def test_a_crash_between_the_info_and_the_event_says_it_later(
    store: DirectoryStore, consumer: Consumer, events: list[Event]
) -> None:
    consumer.take(*Topic().artifact("aid", CONTENT))

    def die(event: Event) -> None:
        raise Crash

    with pytest.raises(Crash):
        Finisher(store, die).settle("aid")
    assert read_info(store, "aid") is not None
    Finisher(store, events.append).settle("aid")
    assert payload(events[0]).sha256 == SHA256


def test_pieces_that_overlap_are_cut(store: DirectoryStore, consumer: Consumer) -> None:
    """Two consumers held the partition at the same time and flushed at different moments."""
    consumer.take(Topic().end("aid", CONTENT))
    parts = pieces_of(CONTENT)
    for first, last in [(0, 3), (2, 2), (2, 6), (5, 9), (8, 9)]:
        store.put(piece_key("aid", first, last), b"".join(parts[first : last + 1]))
    consumer.finish()
    assert content_of(store, "aid") == CONTENT
    assert keys(store, "staging/") == []


def test_an_artifact_whose_end_never_comes_is_marked_incomplete_with_what_there_is(
    store: DirectoryStore, consumer: Consumer, events: list[Event]
) -> None:
    topic = Topic()
    parts = pieces_of(CONTENT)
    messages = [topic.chunk("aid", n, parts[n]) for n in (0, 1, 2, 5)]
    consumer.take(*messages)
    assert consumer.sink.finisher.settle("aid") is None
    age(store)
    assert consumer.sink.finisher.scan() == ["aid"]
    consumer.sink.finisher.settle("aid")
    (event,) = events
    assert (payload(event).failed, payload(event).incomplete) == ("its end never came", True)
    assert event.time == messages[0].timestamp()[1] * 1000 + int(GRACE * 1e6)
    assert content_of(store, "aid") == CONTENT[: 3 * SIZE]
    info = read_info(store, "aid")
    assert info is not None
    assert (info.state, info.size, info.chunks) == ("incomplete", 3 * SIZE, 3)
    assert keys(store, "staging/") == []


def test_a_late_rest_heals_what_was_given_up(store: DirectoryStore, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    messages = topic.artifact("aid", CONTENT)
    consumer.take(*messages[:4])
    age(store)
    consumer.sink.finisher.settle("aid")
    consumer.take(*messages[4:])
    consumer.finish()
    assert content_of(store, "aid") == CONTENT
    assert [payload(event).failed is None for event in events] == [False, True]
    assert events[1].time > events[0].time


def test_chunks_that_are_missing_before_the_end_are_named_and_heal_later(
    store: DirectoryStore, consumer: Consumer, events: list[Event]
) -> None:
    topic = Topic()
    messages = topic.artifact("aid", CONTENT)
    consumer.take(*messages[:6], messages[-1])
    consumer.finish()
    assert events == []
    age(store)
    consumer.sink.finisher.settle("aid")
    assert payload(events[0]).failed == "of 10 chunks, chunk 6 never came"
    consumer.take(*messages[6:-1])
    consumer.finish()
    assert content_of(store, "aid") == CONTENT
    assert payload(events[1]).failed is None


def test_an_artifact_of_which_the_beginning_never_came_has_no_content(
    store: DirectoryStore, consumer: Consumer
) -> None:
    consumer.take(Topic().chunk("aid", 3, b"x"))
    age(store)
    consumer.sink.finisher.settle("aid")
    with pytest.raises(NotFound, match="incomplete, its end never came"):
        open_artifact(store, "aid")
    assert keys(store, "content/") == []


def test_repeats_of_what_is_stored_are_cleared_away_in_silence(
    store: DirectoryStore, consumer: Consumer, events: list[Event]
) -> None:
    consumer.take(*Topic().artifact("aid", CONTENT))
    consumer.finish()
    store.put(piece_key("aid", 0, 0), CONTENT[:SIZE])
    assert consumer.sink.finisher.settle("aid") is None
    age(store)
    consumer.sink.finisher.settle("aid")
    assert keys(store, "staging/") == []
    assert len({encode(event) for event in events}) == 1
    assert content_of(store, "aid") == CONTENT


def test_a_piece_that_nobody_came_back_to_is_collected(store: DirectoryStore, events: list[Event]) -> None:
    store.put(piece_key("aid", 7, 9), b"x")
    age(store)
    finisher = Finisher(store, events.append, grace=GRACE)
    assert finisher.scan() == ["aid"]
    finisher.settle("aid")
    assert keys(store, "staging/") == []
    assert events == []


def test_a_scan_finds_ended_artifacts_of_our_own_partitions(store: DirectoryStore, events: list[Event]) -> None:
    topic = Topic()
    consumer = Consumer(store, events)
    consumer.take(*topic.artifact("one", CONTENT), *topic.artifact("two", CONTENT), topic.chunk("open", 0, b"x"))
    assert Finisher(store, events.append).scan() == ["one", "two"]
    assert Finisher(store, events.append, mine=lambda artifact: artifact == "two").scan() == ["two"]
    assert consumer.sink.finisher.scan() == ["one", "two"]
    consumer.sink.forget([PLACE], ours=True)
    assert consumer.sink.finisher.scan() == []


def test_the_thread_settles_what_another_process_left(store: DirectoryStore, events: list[Event]) -> None:
    Consumer(store, events).take(*Topic().artifact("aid", CONTENT))
    finisher = Finisher(store, events.append)
    finisher.start()
    wait_for(lambda: events, 10)
    finisher.close(Deadline(10))
    assert content_of(store, "aid") == CONTENT


def test_the_thread_comes_again_when_kafka_or_the_store_was_away(
    store: DirectoryStore, events: list[Event], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("runreel_consumers.blobs.finisher._AGAIN_SECONDS", 0.05)
    Consumer(store, events).take(*Topic().artifact("aid", CONTENT))
    failures = [NotReachable("Kafka is away"), RuntimeError("a bug")]

    def say(event: Event) -> None:
        if failures:
            raise failures.pop()
        events.append(event)

    finisher = Finisher(store, say)
    with caplog.at_level(logging.WARNING):
        finisher.finish("aid")
        wait_for(lambda: events, 10)
    finisher.close(Deadline(10))
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_close_does_not_wait_for_work_that_may_be_done_later(store: DirectoryStore, events: list[Event]) -> None:
    consumer = Consumer(store, events)
    consumer.take(*Topic().artifact("aid", CONTENT))
    finisher = Finisher(store, events.append)
    finisher.close(Deadline(0))
    finisher.finish("aid")
    assert events == []
    assert consumer.sink.finisher.scan() == ["aid"]
