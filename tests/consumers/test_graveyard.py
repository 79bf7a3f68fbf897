"""Dead letters are kept in the store, byte for byte, whatever becomes of the topic that tells of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from archiving import Kept, Letters, Speaker, running, settings
from chunk_messages import Breaking, keys
from commands import run
from native import Native
from runreel import codec
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.hub import Hub
from runreel_consumers import graveyard
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.consume import make
from runreel_consumers.graveyard import Letter, letters
from runreel_consumers.loop import Place
from runreel_consumers.store import DirectoryStore, Store, open_store
from support import wait_for

PLACE = Place("runreel.events", 0, "f3a9c1d27b604e55")
BAD = [b"\x00\xff no event", None, b'{"specversion":"1.0"}', b""]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


class Labelled(Kept):
    """A message with headers."""

    def headers(self) -> list[tuple[str, bytes | None]]:  # type: ignore[override]
        return [("a", b"\xff\x00"), ("a", None)]


def sink(store: Store, first: int = 0) -> ArchiveSink:
    made = ArchiveSink(settings(), store, Letters())  # type: ignore[arg-type]
    made.opened(PLACE, 1, first)
    return made


def test_a_letter_is_kept_byte_for_byte_with_its_reason(store: DirectoryStore) -> None:
    one = sink(store)
    one.add(PLACE, [Labelled(value, at, key=b"\xfe", received=1_700_000_000_123) for at, value in enumerate(BAD)])
    one.add(PLACE, [Kept(codec.encode(Speaker().param(1)), len(BAD))])
    one.flush(Deadline(30))
    found = list(letters(store))
    assert [letter.value for letter in found] == BAD
    first = found[0]
    assert first == Letter(
        "runreel.events", "f3a9c1d27b604e55", 0, 0, 1_700_000_000_123, first.reason, b"\xfe", BAD[0],
        [("a", b"\xff\x00"), ("a", None)],
    )  # fmt: skip
    assert "not" in first.reason
    assert first.name == "runreel.events/f3a9c1d2/0/0"
    assert graveyard.count(store)[0] == len(BAD)
    one.flush(Deadline(30))
    assert len(keys(store, "dead/")) == 1


def test_it_is_stored_before_anything_is_committed_and_once_though_it_comes_again(store: DirectoryStore) -> None:
    broken = Breaking(store, 1, NotReachable)
    one = sink(broken)  # type: ignore[arg-type]
    one.add(PLACE, [Kept(BAD[0], 0)])
    with pytest.raises(NotReachable):
        one.flush(Deadline(30))
    assert one.held == len(BAD[0] or b"")
    one.flush(Deadline(30))
    assert one.held == 0
    again = sink(store)
    again.add(PLACE, [Kept(value, at) for at, value in enumerate(BAD[:2])])  # the commit was lost
    again.flush(Deadline(30))
    assert [letter.value for letter in letters(store)] == BAD[:2]
    gone = sink(store, 2)
    gone.add(PLACE, [Kept(BAD[2], 2)])
    gone.forget([PLACE], ours=False)
    gone.flush(Deadline(30))
    assert len(list(letters(store))) == 2


def test_old_ones_go(store: DirectoryStore) -> None:
    for at in range(2):
        one = sink(store, at)
        one.add(PLACE, [Kept(BAD[0], at)])
        one.flush(Deadline(30))
    [old, _] = keys(store, "dead/")
    os.utime(store.folder / old, (1e9, 1e9))
    graveyard.clear(store, int((time.time() - 3600) * 1e6))
    assert [letter.offset for letter in letters(store)] == [1]


def test_what_the_built_in_broker_lets_go_is_kept(tmp_path: Path) -> None:
    """It keeps 5 MiB of a partition, of the topic of dead letters as of any other."""
    handle = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
    (told,) = handle.list_topics(timeout=10).brokers.values()
    address = f"{told.host}:{told.port}"
    hub = Hub(id=Hub.new_id(), kafka=address, url="", store=f"dir:{tmp_path / 'store'}", acks=str(tmp_path / "acks"))
    store = open_store(settings(store=hub.store))
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    sent = [b"%03d" % number + os.urandom(300_000) for number in range(60)]  # 18 MB in 4 partitions of one topic
    with running(make("archive", settings(), hub)):
        for number, value in enumerate(sent):
            producer.produce("runreel.events", value)
            assert producer.flush(30) == 0
            wait_for(lambda number=number: graveyard.count(store)[0] > number)
    assert sorted(letter.value or b"" for letter in letters(store)) == sent
    del producer, handle


def test_they_are_listed_fetched_and_told_by_doctor(store: DirectoryStore, tmp_path: Path) -> None:
    one = sink(store)
    one.add(PLACE, [Kept(value, at) for at, value in enumerate(BAD)])
    one.flush(Deadline(30))
    place = {"RUNREEL_STORE": f"dir:{store.folder}"}
    listed = run(tmp_path, "archive", "dead", "--limit", "2", **place).stdout.decode().splitlines()
    assert len(listed) == 3
    assert "runreel.events/f3a9c1d2/0/3  0 B  " in listed[1]
    assert listed[-1] == "4 dead letters"
    assert run(tmp_path, "archive", "dead", "runreel.events/f3a9c1d2/0/0", **place).stdout == BAD[0]
    nothing = run(tmp_path, "archive", "dead", "runreel.events/0/0/0", **place)
    assert (nothing.returncode, b"no dead letter" in nothing.stderr) == (1, True)
    told = run(tmp_path, "doctor", **place).stdout.decode()
    assert "4 messages could not be taken" in told
    assert "runreel archive dead" in told


def test_on_kafka_and_minio_events_and_chunks_are_kept(
    native: Native, prefix: str, make_topic: Callable[..., str]
) -> None:
    topics = {f"topic_{name}": make_topic(name) for name in ("events", "blobs", "runs", "dead")}
    chosen = settings(
        kafka=native.kafka,
        store=f"s3://{native.bucket}/{prefix}",
        s3_endpoint=native.s3_endpoint,
        group=prefix,
        **topics,
    )
    chosen.__dict__["s3_keys"] = (native.access_key, native.secret_key, None)
    store = open_store(chosen)
    producer = Producer({"bootstrap.servers": native.kafka})
    sent = {name: os.urandom(200_000) for name in ("events", "blobs")}
    for name, value in sent.items():
        producer.produce(topics[f"topic_{name}"], value, key=b"k", headers={"h": b"\xff"})
    assert producer.flush(30) == 0
    with running(make("archive", chosen, None)), running(make("blobs", chosen, None)):
        found = wait_for(lambda: len(read := list(letters(store))) == 2 and read, 60)
    assert {letter.topic: letter.value for letter in found} == {topics[f"topic_{n}"]: v for n, v in sent.items()}
    assert all((letter.key, letter.headers) == (b"k", [("h", b"\xff")]) for letter in found)
