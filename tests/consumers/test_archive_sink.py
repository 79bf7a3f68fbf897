"""What the archive does with a message: stored, sent to its partition, or buried; once in effect whatever dies when."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archiving import Kept, Letters, Speaker, settings
from runreel import codec
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import HEARTBEAT, METRICS, Event, Heartbeat
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.loop import Place
from runreel_consumers.partitions import murmur2, partition_of
from runreel_consumers.store import DirectoryStore

PLACE = Place("runreel.events", 0, "one")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def opened(store: Any, partitions: int = 1, offset: int = 0) -> tuple[ArchiveSink, Letters]:
    letters = Letters()
    sink = ArchiveSink(settings(), store, letters)
    sink.opened(PLACE, partitions, offset)
    return sink, letters


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_murmur2_is_the_java_clients(key: bytes, hashed: int) -> None:
    """Values of `org.apache.kafka.common.utils.UtilsTest`."""
    assert murmur2(key) == hashed & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"no json", "not an event"),
        (None, "without a value"),
        (b'{"specversion":"1.0"}', "not an event"),
        (codec.encode(msgspec.structs.replace(Speaker().param(1), session=None, seq=None, id="x")), "session and seq"),
        (codec.encode(msgspec.structs.replace(Speaker().param(1), data=b'{"p":"@"}')).replace(b"@", b"\xff"), "UTF-8"),
    ],
)
def test_what_cannot_be_taken_is_buried_byte_for_byte_with_the_reason(
    store: DirectoryStore, value: bytes | None, reason: str
) -> None:
    sink, letters = opened(store)
    good = Speaker().param(1)
    sink.add(PLACE, [Kept(value, 0, key=b"k"), Kept(codec.encode(good), 1)])
    sink.flush(Deadline(30))
    (letter,) = letters.sent
    assert (letter["topic"], letter["value"], letter["key"]) == ("runreel.dead", value, b"k")
    headers = dict(letter["headers"])
    assert reason in headers["runreel-reason"].decode()
    assert (headers["runreel-topic"], headers["runreel-offset"]) == (b"runreel.events", b"0")
    assert [row.event for row in Reader(store).rows(good.run)] == [good]
    assert Reader(store).end()["runreel.events", 0].offset == 2


def test_a_misplaced_message_goes_to_its_keys_partition_as_it_is(store: DirectoryStore) -> None:
    speaker = Speaker()
    right = partition_of(speaker.run, 64)
    place = Place("runreel.events", (right + 1) % 64, "one")
    letters = Letters()
    sink = ArchiveSink(settings(), store, letters)
    sink.opened(place, 64, 0)
    value = codec.encode(speaker.param(1))
    sink.add(place, [Kept(value, 0, partition=place.partition)])
    sink.flush(Deadline(30))
    (letter,) = letters.sent
    assert (letter["value"], letter["partition"], letter["key"]) == (value, right, speaker.run.encode())
    assert sink.counts["misplaced"] == 1
    assert list(Reader(store).rows(speaker.run)) == []
    assert Reader(store).end()["runreel.events", place.partition].offset == 1


def test_an_event_of_a_workspace_that_its_topic_may_not_carry_is_buried(store: DirectoryStore) -> None:
    letters = Letters()
    chosen = settings(topic_workspaces={"runreel.events": "team other"})
    sink = ArchiveSink(chosen, store, letters)
    sink.opened(PLACE, 1, 0)
    mine, foreign = Speaker(workspace="team"), Speaker(workspace="else")
    sink.add(PLACE, [Kept(codec.encode(one.param(1)), at) for at, one in enumerate((mine, foreign))])
    sink.flush(Deadline(30))
    (letter,) = letters.sent
    assert b"workspace 'else' may not be said" in dict(letter["headers"])["runreel-reason"]
    assert list(Reader(store).runs()) == [mine.run]


def test_data_that_no_column_can_hold_are_kept_as_said_and_hold_nobody_up(store: DirectoryStore) -> None:
    speaker = Speaker()
    events = [speaker.say(METRICS, {"name": "x", "time": [time], "value": [1]}) for time in (1 << 63, 10**30)]
    events += [speaker.say(METRICS, {"name": "x", "time": [1], "value": [1, 2]}), speaker.points("x", [10**400])]
    sink, letters = opened(store)
    sink.add(PLACE, [Kept(codec.encode(event), at) for at, event in enumerate(events)])
    sink.flush(Deadline(30))
    assert letters.sent == []
    assert [row.event.data for row in Reader(store).rows(speaker.run)] == [event.data for event in events]
    assert {key: list(found.value) for key, found in Reader(store).points(speaker.run).items()} == {
        ("x-train", "x"): [float("inf")]
    }


def test_a_heartbeat_needs_no_seq(store: DirectoryStore) -> None:
    speaker = Speaker()
    beat = msgspec.structs.replace(
        speaker.say(HEARTBEAT, Heartbeat(interval=5.0)), seq=None, id=f"{speaker.session}-h0"
    )
    sink, letters = opened(store)
    sink.add(PLACE, [Kept(codec.encode(beat), 0)])
    sink.flush(Deadline(30))
    assert letters.sent == []
    assert [row.event for row in Reader(store).structure(speaker.run)] == [beat]


def test_what_the_envelope_holds_beyond_the_contract_is_kept(store: DirectoryStore) -> None:
    event = msgspec.structs.replace(
        Speaker().param(1), type="com.example.thing", extra={"traceparent": "00-ab", "n": 7}, data=b'{"any":[1, 2]}'
    )
    sink, _ = opened(store)
    sink.add(PLACE, [Kept(codec.encode(event), 0, received=123_456)])
    sink.flush(Deadline(30))
    (row,) = Reader(store).rows(event.run)
    assert row.event == event
    assert row.received == 123_456_000


class Dying:
    """A store whose writer dies before its nth write."""

    def __init__(self, store: DirectoryStore, writes: int) -> None:
        self._store, self._left = store, writes

    def put(self, key: str, data: bytes) -> None:
        if not self._left:
            raise NotReachable("died")
        self._left -= 1
        self._store.put(key, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def consume(store: Any, log: list[bytes], start: int, flushes: list[int]) -> int:
    """A consumer's life from a committed offset on; answers what it has committed when it dies or is done."""
    sink, _ = opened(store, offset=start)
    committed = start
    try:
        for count in [*flushes, len(log)]:
            end = min(len(log), committed + count)
            if end > committed:
                sink.add(PLACE, [Kept(log[offset], offset) for offset in range(committed, end)])
                sink.flush(Deadline(30))
                committed = end
    except NotReachable:
        pass
    return committed


@given(
    seed=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    repeats=st.lists(st.integers(0, 59), max_size=20),
    lives=st.lists(st.tuples(st.integers(0, 12), st.lists(st.integers(1, 20), max_size=6), st.booleans()), max_size=5),
)
@hypothesis_settings(deadline=None, max_examples=60)
def test_whenever_a_consumer_dies_each_event_is_read_once(
    seed: list[int], repeats: list[int], lives: list[tuple[int, list[int], bool]]
) -> None:
    """Killed between any two writes, also between objects and commit; senders repeat themselves at will."""
    speakers = [Speaker(), Speaker()]
    said: list[Event] = [speakers[kind % 2].mixture(3)[kind] for kind in seed]
    log = [codec.encode(event) for event in said]
    log += [log[at] for at in repeats if at < len(log)]
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        committed = 0
        for writes, flushes, commit_is_lost in lives:
            reached = consume(Dying(store, writes), log, committed, flushes)
            committed = committed if commit_is_lost else reached
        consume(store, log, committed, [])
        reader = Reader(store)
        found = [row.event for speaker in speakers for row in reader.rows(speaker.run)]
        assert sorted(event.id for event in found) == sorted(event.id for event in said)
        assert reader.end()["runreel.events", 0].offset == len(log)
