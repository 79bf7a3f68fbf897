"""Merging: larger segments that hold the same, byte for byte whoever makes them; nothing is missed while it happens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from archiving import START, Kept, Letters, Speaker, settings, store_events
from runreel import codec
from runreel.deadline import Deadline
from runreel_consumers.archive.layout import Segment, contiguous, cover, segments
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.merge import Merger
from runreel_consumers.archive.positions import Epoch, Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.catalog.prune import end_of, prune
from runreel_consumers.loop import Place
from runreel_consumers.store import DirectoryStore
from support import wait_for

HOUR = 3_600_000_000
EPOCH = Epoch(0, "one", "runreel.events", 1)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def merger(store: DirectoryStore, now: int, grace: float = 300.0) -> Merger:
    return Merger(Log(store), lambda: now, grace=grace)


def levels(store: DirectoryStore) -> list[tuple[str, int, int]]:
    return [(each.level, each.first, each.last) for each in cover(segments(store, 0, 0))]


def content(store: DirectoryStore) -> dict[str, bytes]:
    return {info.key: store.get(info.key) for info in store.list("log/") if "/flush/" not in info.key}


def test_segments_of_one_minute_become_one_when_it_is_over(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(60)
    store_events(store, said, each=10)
    minute = START - START % 60_000_000 + 60_000_000
    assert merger(store, minute - 1).merge(EPOCH, 0) == []
    merger(store, minute + 10_000_000).merge(EPOCH, 0)
    assert levels(store) == [("minute", 0, 59)]
    assert [row.event for row in Reader(store).rows(speaker.run)] == said


def test_minutes_become_hours_and_hours_days(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(80)
    day = START - START % (24 * HOUR)
    for number in range(8):
        chunk = said[number * 10 : number * 10 + 10]
        store_events(store, chunk, each=5, first=number * 10, received=day + number // 4 * HOUR + number * 70_000_000)
    merger(store, day + HOUR // 2).merge(EPOCH, 0)
    assert [level for level, _, _ in levels(store)] == ["minute"] * 4 + ["flush"] * 8
    merger(store, day + 2 * HOUR + HOUR // 2).merge(EPOCH, 0)
    assert levels(store) == [("hour", 0, 39), ("hour", 40, 79)]
    merger(store, day + 25 * HOUR).merge(EPOCH, 0)
    assert levels(store) == [("day", 0, 79)]
    assert [row.event for row in Reader(store).rows(speaker.run)] == said


def test_two_mergers_write_the_same_bytes(store: DirectoryStore, tmp_path: Path) -> None:
    speakers = [Speaker() for _ in range(4)]
    store_events(store, [event for i in range(12) for s in speakers for event in s.mixture(3)], each=7)
    now = START + 2 * HOUR
    merger(store, now).merge(EPOCH, 0)
    first = content(store)
    store.delete(list(first))
    merger(store, now).merge(EPOCH, 0)
    assert content(store) == first
    assert first


def test_segments_that_overlap_after_a_crash_give_each_position_once(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(40)
    store_events(store, said[:20], each=10)
    store_events(store, said[15:], first=15, each=10)
    assert [row.position.offset for row in Reader(store).rows(speaker.run)] == list(range(40))
    merger(store, START + HOUR).merge(EPOCH, 0)
    assert levels(store)[0][1:] == (0, 39)
    assert [row.position.offset for row in Reader(store).rows(speaker.run)] == list(range(40))


def test_a_gap_between_segments_is_never_merged_over(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(40)
    store_events(store, said[:20], each=10)
    store_events(store, said[25:], first=25, each=5)
    merger(store, START + HOUR).merge(EPOCH, 0)
    assert levels(store) == [("minute", 0, 19), ("minute", 25, 39)]
    assert contiguous(cover(segments(store, 0, 0))) == 20


def test_holes_are_remembered(store: DirectoryStore) -> None:
    speaker = Speaker()
    sink = ArchiveSink(settings(), store, Letters())  # type: ignore[arg-type]
    place = Place("runreel.events", 0, "one")
    sink.opened(place, 1, 0)
    for start in (0, 10):
        sink.hole(place, start, start + 3)
        events = speaker.mixture(6)
        sink.add(place, [Kept(codec.encode(event), start + 4 + i) for i, event in enumerate(events)])
        sink.flush(Deadline(30))
    merger(store, START + HOUR).merge(EPOCH, 0)
    log = Log(store)
    (only,) = log.cover(EPOCH, 0)
    assert log.index(only).holes == [(0, 3), (10, 13)]


def test_parts_go_after_the_grace_and_never_before(store: DirectoryStore) -> None:
    speaker = Speaker()
    store_events(store, speaker.mixture(30), each=10)
    now = START + HOUR
    merger(store, now).merge(EPOCH, 0)
    assert len(segments(store, 0, 0)) > 1
    written = max(info.modified for info in store.list("log/"))
    merger(store, written + 299_000_000).merge(EPOCH, 0)
    assert any(each.level == "flush" for each in segments(store, 0, 0))
    merger(store, written + 301_000_000).merge(EPOCH, 0)
    assert [each.level for each in segments(store, 0, 0)] == ["minute"]
    assert [info.key.rsplit(".", 1)[1] for info in store.list("log/")] == ["idx", "parquet"]
    assert len(list(Reader(store).rows(speaker.run))) == 30


def test_readers_miss_nothing_while_segments_are_merged_and_removed(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(300)
    for first in range(0, 300, 50):
        store_events(store, said[first : first + 50], first=first, each=3, received=START + first * 2_000_000)
    stop, seen = threading.Event(), []

    def read() -> None:
        reader = Reader(store)
        while not stop.is_set():
            seen.append([row.event.seq for row in reader.rows(speaker.run)])
            seen.append([row.event.seq for row in reader.rows(speaker.run, beyond=Position(0, 0, -1))])

    thread = threading.Thread(target=read)
    thread.start()
    for now in (START + HOUR // 6, START + 50 * HOUR):
        merger(store, now, grace=1e9).merge(EPOCH, 0)
        before = len(seen)
        wait_for(lambda before=before: len(seen) > before + 4)  # the grace: longer than it takes to list
        merger(store, now, grace=-1e9).merge(EPOCH, 0)
    stop.set()
    thread.join(30)
    assert [each.level for each in segments(store, 0, 0)] == ["hour"]
    assert all(one == list(range(300)) for one in seen)


def test_a_larger_segment_is_preferred_and_a_rewritten_one_to_what_it_replaces() -> None:
    small = [Segment(0, 0, first, first + 9) for first in range(0, 50, 10)]
    hour = Segment(0, 0, 0, 29, "hour")
    again = Segment(0, 0, 0, 29, "hour", generation=1)
    assert cover([*small, hour]) == [hour, *small[3:]]
    assert cover([*small, hour, again]) == [again, *small[3:]]


def test_a_pruned_run_is_gone_everywhere_and_what_is_in_kafka_still_does_not_raise_it(store: DirectoryStore) -> None:
    gone, stays = Speaker(), Speaker()
    said = [event for pair in zip(gone.mixture(30), stays.mixture(30), strict=True) for event in pair]
    store_events(store, said, each=8)
    log = Log(store)
    upto = end_of(log, gone.run, {("runreel.events", 0): 70})
    assert upto == Position(0, 0, 69)
    prune(store, gone.run, upto)
    late = gone.mixture(3)
    store_events(store, late[:1], first=60)
    reader = Reader(store)
    assert list(reader.rows(gone.run)) == []
    assert len(list(reader.rows(stays.run))) == 30
    store_events(store, late[1:], first=70)
    assert [row.event for row in reader.rows(gone.run)] == late[1:]
    merger(store, START + HOUR, grace=-1e9).merge(EPOCH, 0)
    kept = b"".join(store.get(info.key) for info in store.list("log/") if info.key.endswith(".idx"))
    assert kept.count(gone.run.encode()) == 1
    assert len(list(Reader(store).rows(stays.run))) == 30
