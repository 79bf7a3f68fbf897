"""Chunks to pieces to content: whatever the order, the repeats and the interleaving."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chunk_messages import PLACE, RUN, SIZE, Breaking, Consumer, Topic, keys, pieces_of
from runreel.codec import payload
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import ArtifactStored, Event
from runreel_consumers.blobs import open_artifact, read_info, sink
from runreel_consumers.loop import Place
from runreel_consumers.store import DirectoryStore, Store
from support import wait_for

CONTENT = random.Random(1).randbytes(5 * SIZE + 123)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def consumer(store: Store, events: list[Event]) -> Consumer:
    return Consumer(store, events)


def content_of(store: Store, artifact: str) -> bytes:
    return b"".join(open_artifact(store, artifact)[1])


def said(events: list[Event]) -> list[ArtifactStored]:
    return [payload(event) for event in events]


def test_an_artifact_becomes_content_and_is_said_to_be_stored(
    store: Store, consumer: Consumer, events: list[Event]
) -> None:
    consumer.take(*Topic().artifact("aid", CONTENT))
    consumer.finish()
    assert store.get(f"content/{SHA256}") == CONTENT == content_of(store, "aid")
    assert keys(store, "staging/") == []
    (event,) = events
    assert (event.run, event.seq, event.final, event.workspace) == (RUN, 0, True, "default")
    assert payload(event) == ArtifactStored(id="aid", uri=f"content/{SHA256}", size=len(CONTENT), sha256=SHA256)


def test_the_event_has_the_time_at_which_its_cause_was_received(consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    messages = topic.artifact("aid", CONTENT)
    consumer.take(*messages)
    consumer.finish()
    assert events[0].time == messages[-1].timestamp()[1] * 1000


def test_an_empty_artifact_is_stored(store: Store, consumer: Consumer) -> None:
    consumer.take(*Topic().artifact("aid", b""))
    consumer.finish()
    assert content_of(store, "aid") == b""


def test_each_flush_stages_what_it_has(store: Store, consumer: Consumer) -> None:
    messages = Topic().artifact("aid", CONTENT)
    consumer.take(*messages[:2])
    assert keys(store, "staging/aid/0") == ["staging/aid/0000000000-0000000001"]
    assert consumer.sink.held == 0
    consumer.take(*messages[2:])
    consumer.finish()
    assert content_of(store, "aid") == CONTENT


def test_interleaved_artifacts_are_told_apart(store: Store, consumer: Consumer) -> None:
    contents = {f"a{n}": random.Random(n).randbytes(n * 700) for n in range(6)}
    topic = Topic()
    parts = [[(aid, n, data) for n, data in enumerate(pieces_of(content))] for aid, content in contents.items()]
    while any(parts):
        consumer.take(*[topic.chunk(*part.pop(0)) for part in parts if part])
    consumer.take(*[topic.end(aid, content) for aid, content in contents.items()])
    consumer.finish()
    assert {aid: content_of(store, aid) for aid in contents} == contents


def test_content_declared_by_many_is_stored_once(store: Store, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    consumer.take(*topic.artifact("one", CONTENT), *topic.artifact("two", CONTENT))
    consumer.finish()
    assert keys(store, "content/") == [f"content/{SHA256}"]
    assert [each.id for each in said(events)] == ["one", "two"]
    assert content_of(store, "two") == CONTENT


def test_a_first_chunk_that_is_sent_again_changes_nothing(store: Store, consumer: Consumer) -> None:
    topic = Topic()
    first, *rest = pieces_of(CONTENT)
    consumer.take(topic.chunk("aid", 0, first), topic.chunk("aid", 0, first))
    consumer.take(topic.chunk("aid", 0, first), *[topic.chunk("aid", n, data) for n, data in enumerate(rest, 1)])
    consumer.take(topic.chunk("aid", 0, first), topic.end("aid", CONTENT))
    consumer.finish()
    assert content_of(store, "aid") == CONTENT
    assert consumer.sink.counts["repeated"] == 3


def test_a_consumer_goes_on_where_another_has_committed(store: Store, events: list[Event]) -> None:
    """The first chunks are acknowledged and never come again; the second consumer has not seen them."""
    messages = Topic().artifact("aid", CONTENT)
    Consumer(store, events).take(*messages[:3])
    second = Consumer(store, events)
    second.take(*messages[3:])
    second.finish()
    assert content_of(store, "aid") == CONTENT


def test_redelivery_after_a_crash_before_the_commit(store: Store, events: list[Event]) -> None:
    messages = Topic().artifact("aid", CONTENT)
    Consumer(store, events).take(*messages[:4])
    second = Consumer(store, events)
    second.take(*messages[1:3])
    second.take(*messages[3:])
    second.finish()
    assert content_of(store, "aid") == CONTENT


def test_redelivery_of_the_end_alone(store: Store, events: list[Event]) -> None:
    messages = Topic().artifact("aid", CONTENT)
    Consumer(store, events).take(*messages)
    second = Consumer(store, events)
    second.take(messages[-1])
    second.finish()
    assert content_of(store, "aid") == CONTENT


def test_a_repeated_end_says_the_same_again(store: Store, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    consumer.take(*topic.artifact("aid", CONTENT))
    consumer.finish()
    consumer.take(topic.end("aid", CONTENT))
    consumer.finish()
    assert events[0] == events[1]
    assert keys(store, "staging/") == []


def test_an_artifact_sent_anew_is_not_staged_anew(store: Store, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    consumer.take(*topic.artifact("aid", CONTENT))
    consumer.finish()
    pieces = consumer.sink.counts["pieces"]
    consumer.take(*topic.artifact("aid", CONTENT))
    consumer.finish()
    assert consumer.sink.counts["pieces"] == pieces
    assert {event.id for event in events} == {events[0].id}
    assert keys(store, "staging/") == []


def test_chunks_that_come_after_the_end_complete_it(store: Store, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    parts = pieces_of(CONTENT)
    consumer.take(*[topic.chunk("aid", n, parts[n]) for n in (0, 1, 4)], topic.end("aid", CONTENT))
    consumer.finish()
    assert events == []
    consumer.take(*[topic.chunk("aid", n, parts[n]) for n in (5, 3, 2)])
    consumer.finish()
    assert content_of(store, "aid") == CONTENT
    assert [each.failed for each in said(events)] == [None]


def test_a_wrong_hash_fails_with_the_reason_and_poisons_nothing(
    store: Store, consumer: Consumer, events: list[Event]
) -> None:
    topic = Topic()
    parts = [topic.chunk("bad", n, data) for n, data in enumerate(pieces_of(CONTENT[::-1]))]
    consumer.take(*parts, topic.end("bad", CONTENT))
    consumer.finish()
    (told,) = said(events)
    assert told.failed is not None
    assert SHA256 in told.failed
    assert keys(store, "content/") == keys(store, "staging/") == []
    consumer.take(topic.end("bad", CONTENT))
    consumer.finish()
    assert events[1] == events[0]
    consumer.take(*topic.artifact("good", CONTENT))
    consumer.finish()
    assert content_of(store, "good") == CONTENT


def test_a_wrong_size_fails_with_the_reason(consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    consumer.take(*topic.artifact("aid", CONTENT)[:-1], topic.end("aid", CONTENT[:-1]))
    consumer.finish()
    assert said(events)[0].failed == f"{len(CONTENT)} bytes came, {len(CONTENT) - 1} were declared"


def test_what_failed_may_be_sent_anew(store: Store, consumer: Consumer, events: list[Event]) -> None:
    topic = Topic()
    parts = [topic.chunk("aid", n, data) for n, data in enumerate(pieces_of(CONTENT[::-1]))]
    consumer.take(*parts, topic.end("aid", CONTENT))
    consumer.finish()
    consumer.take(*topic.artifact("aid", CONTENT))
    consumer.finish()
    assert [each.failed is None for each in said(events)] == [False, True]
    assert events[1].time > events[0].time
    assert content_of(store, "aid") == CONTENT


def test_what_is_no_chunk_goes_to_the_dead_byte_for_byte(store: Store, consumer: Consumer) -> None:
    topic = Topic()
    good = topic.artifact("aid", CONTENT)
    label = [("run", RUN.encode()), ("workspace", b"default"), ("artifact", b"x")]
    bad = [
        topic.put(b"\x00raw", None),
        topic.put(b"raw", label[:2]),
        topic.put(b"raw", [*label[:2], ("artifact", b"../x")]),
        topic.put(b"raw", [*label, ("n", b"-1")]),
        topic.put(b"no json", label),
        topic.put(b'{"chunks":1,"size":0,"sha256":""}', label),
        topic.put(None, label),
    ]
    consumer.take(*good[:3], *bad, *good[3:])
    consumer.finish()
    assert [value for _, value, _ in consumer.letters.sent] == [message.value() for message in bad]
    assert all(topic == "runreel.dead" and dict(told)["runreel-reason"] for topic, _, told in consumer.letters.sent)
    assert content_of(store, "aid") == CONTENT


def test_an_open_artifact_does_not_hold_others_back(store: Store, consumer: Consumer) -> None:
    topic = Topic()
    consumer.take(topic.chunk("open", 0, b"x" * SIZE), *topic.artifact("whole", CONTENT))
    consumer.finish()
    assert consumer.sink.held == 0
    assert content_of(store, "whole") == CONTENT
    assert read_info(store, "open") is None


def test_a_partition_that_goes_takes_along_what_is_held_of_it(store: Store, consumer: Consumer) -> None:
    topic = Topic()
    other = Place(PLACE.topic, 1, PLACE.identity)
    consumer.sink.opened(other, 2, 0)
    consumer.sink.add(PLACE, [topic.chunk("gone", 0, b"x" * SIZE)])
    consumer.sink.add(other, [topic.chunk("kept", 0, b"y" * 10)])
    consumer.sink.forget([PLACE], ours=True)
    assert consumer.sink.held == 10
    consumer.sink.flush(Deadline(10))
    assert {key.split("/")[1] for key in keys(store, "staging/")} == {"kept"}


@pytest.mark.parametrize("ahead", [SIZE, sink.AHEAD])
@pytest.mark.parametrize("after", [False, True])
def test_a_store_that_breaks_during_a_flush_loses_nothing(
    tmp_path: Path, events: list[Event], after: bool, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that breaks while pieces are staged ahead of the flush."""
    monkeypatch.setattr(sink, "AHEAD", ahead)
    for at in range(1, 7):  # two artifacts: about, piece and end of each
        store = DirectoryStore(tmp_path / f"store-{at}")
        breaking = Breaking(store, at, NotReachable, after=after)
        consumer = Consumer(breaking, events)  # type: ignore[arg-type]
        topic = Topic()
        messages = [*topic.artifact("one", CONTENT), *topic.artifact("two", CONTENT[:2500])]
        consumer.sink.add(PLACE, [*messages[:2], *messages[3:8], messages[2], *messages[8:]])
        for _ in range(2):
            try:
                consumer.sink.flush(Deadline(10))
                break
            except NotReachable:
                continue
        consumer.finish()
        assert content_of(store, "one") == CONTENT
        assert content_of(store, "two") == CONTENT[:2500]
    assert breaking.calls >= at


def test_a_flush_past_its_deadline_says_so_and_goes_on_later(store: Store, consumer: Consumer) -> None:
    consumer.sink.add(PLACE, Topic().artifact("aid", CONTENT))
    with pytest.raises(NotReachable, match="in time"):
        consumer.sink.flush(Deadline(0))
    consumer.sink.flush(Deadline(10))
    consumer.finish()
    assert content_of(store, "aid") == CONTENT


def test_large_artifacts_are_staged_while_more_of_them_is_taken(
    store: Store, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "AHEAD", 2 * SIZE)
    messages = Topic().artifact("aid", CONTENT)
    consumer.sink.add(PLACE, messages[:5])
    assert consumer.sink.held == SIZE
    wait_for(lambda: len(keys(store, "staging/aid/0")) == 2)
    assert keys(store, "staging/aid/0") == ["staging/aid/0000000000-0000000001", "staging/aid/0000000002-0000000003"]
    consumer.take(*messages[3:])
    consumer.finish()
    assert consumer.sink.counts["repeated"] == 2
    assert content_of(store, "aid") == CONTENT


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_with_any_repeats_over_any_consumers_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The law: what is stored is a function of the set of messages."""
    store = DirectoryStore(tmp_path_factory.mktemp("any"))
    contents = {"one": CONTENT[: data.draw(st.integers(0, 4500))], "two": CONTENT}
    topic = Topic()
    messages = [message for aid, content in contents.items() for message in topic.artifact(aid, content)]
    repeats = data.draw(st.lists(st.sampled_from(messages), max_size=10))
    order = data.draw(st.permutations(messages + repeats))
    events: list[Event] = []
    ahead = data.draw(st.sampled_from((SIZE, 2 * SIZE, sink.AHEAD)))
    # Two consumers that both believe to hold the partition: one of them was frozen for a while.
    consumers = [Consumer(store, events), Consumer(store, events)]
    for message in order:
        consumer = data.draw(st.sampled_from(consumers))
        with patch.object(sink, "AHEAD", ahead):
            consumer.sink.add(PLACE, [message])
        if data.draw(st.booleans()):
            consumer.sink.flush(Deadline(10))
            consumer.finish()
    for consumer in consumers * 2:
        consumer.sink.flush(Deadline(10))
        for aid in contents:
            consumer.sink.finisher.settle(aid)
    assert {aid: content_of(store, aid) for aid in contents} == contents
    assert all(each.failed is None for each in said(events))
