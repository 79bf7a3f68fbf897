"""The slot format: what was written whole is read, what was torn is known."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel.spool.left import dead_segments
from runreel.spool.reader import Reader
from runreel.spool.segment import Segment, allocate, load, mappable
from runreel.spool.slots import (
    EVENT,
    FIRST,
    FURTHER,
    MAX_CHAIN,
    PART,
    POINT,
    POINT_FLOAT,
    SIZE,
    First,
    checksum,
    pieces,
    read_chain,
    straight,
)


class Memory:
    """Slots in memory, written in the order of a writer's stores."""

    def __init__(self, slots: int) -> None:
        self.raw = bytearray(slots * SIZE)

    def get(self, slot: int, count: int = 1) -> memoryview | None:
        part = memoryview(self.raw)[slot * SIZE : (slot + count) * SIZE]
        return part if len(part) == count * SIZE else None


def chain(slots: list[int], payload: bytes, kind: int = EVENT) -> list[tuple[int, bytes]]:
    """The stores of a record, in the writer's order."""
    numbers = [slot + 1 for slot in slots[1:]] + [0]
    parts = list(pieces(payload))
    stores = [
        (slots[i], FURTHER.pack(PART | (slots[0] + 1) << 8, numbers[i], parts[i], slots[i] + 1))
        for i in range(1, len(slots))
    ]
    head = FIRST.pack(kind, 7, len(payload), checksum(payload), numbers[0], parts[0], slots[0] + 1)
    return [*stores, (slots[0], head)]


@given(st.binary(max_size=600), st.randoms(use_true_random=False))
def test_a_record_is_read_wherever_its_slots_lie(payload: bytes, random: object) -> None:
    count = len(list(pieces(payload)))
    slots = sorted(random.sample(range(60), count))  # type: ignore[attr-defined]
    memory = Memory(60)
    for slot, raw in chain(slots, payload):
        memory.raw[slot * SIZE : (slot + 1) * SIZE] = raw
    assert read_chain(slots[0], memory.get) == First(kind=EVENT, handle=0, time=7, payload=payload)


@given(st.binary(min_size=25, max_size=600))
def test_slots_side_by_side_are_what_single_stores_make(payload: bytes) -> None:
    count = len(list(pieces(payload)))
    single = b"".join(raw for _, raw in chain(list(range(5, 5 + count)), payload)[:-1])
    assert straight(5, count - 1, payload) == single


@given(st.binary(max_size=300), st.data())
@settings(max_examples=200)
def test_a_record_torn_at_any_byte_is_known(payload: bytes, data: st.DataObject) -> None:
    """Killed after any number of stored bytes, in the writer's order: the record is whole or it is none."""
    count = len(list(pieces(payload)))
    stores = chain(list(range(count)), payload)
    total = count * SIZE
    stop = data.draw(st.integers(0, total))
    memory, left = Memory(count), stop
    for slot, raw in stores:
        part = raw[: max(0, min(SIZE, left))]
        memory.raw[slot * SIZE : slot * SIZE + len(part)] = part
        left -= SIZE
    found = read_chain(0, memory.get)
    # The number's high bytes are zeros, and so is what is not written: its first byte makes the slot whole.
    assert (found is not None) == (stop > total - 8)
    assert found is None or found.payload == payload


@given(st.integers(0, SIZE))
def test_a_point_torn_at_any_byte_is_known(stop: int) -> None:
    raw = POINT_FLOAT.pack(POINT, 1, 2.0, 3.0, 9)
    torn = raw[:stop] + bytes(SIZE - stop)
    assert (int.from_bytes(torn[-8:], "little") == 9) == (stop > SIZE - 8)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_record_is_none(payload: bytes, place: int, flip: int) -> None:
    """Whatever byte a failing disk changes: never another payload."""
    count = len(list(pieces(payload)))
    memory = Memory(count)
    for slot, raw in chain(list(range(count)), payload):
        memory.raw[slot * SIZE : (slot + 1) * SIZE] = raw
    memory.raw[place % len(memory.raw)] ^= flip
    found = read_chain(0, memory.get)
    assert found is None or found.payload == payload


def test_a_chain_that_leads_nowhere_or_round_in_circles_ends(tmp_path: Path) -> None:
    memory = Memory(3)
    memory.raw[:SIZE] = FIRST.pack(EVENT, 0, MAX_CHAIN, 0, 2, b"x" * 24, 1)
    memory.raw[SIZE : 2 * SIZE] = FURTHER.pack(PART | 1 << 8, 2, b"y" * 40, 2)
    assert read_chain(0, memory.get) is None
    assert read_chain(99, memory.get) is None


@pytest.mark.parametrize("mapped", [True, False])
def test_a_segment_is_allocated_before_it_is_written(tmp_path: Path, mapped: bool) -> None:
    segment = allocate(tmp_path, 64, 16 << 10, mapped=mapped)
    assert (segment.start, segment.end) == (64, 64 + 256)
    assert (segment.buffer is not None) == mapped
    if mapped:
        assert os.stat(segment.path).st_blocks * 512 >= 16 << 10
    assert segment.view(64, 256).tobytes() == bytes(16 << 10)
    segment.release()
    assert list(tmp_path.iterdir()) == []


def test_of_two_segments_at_once_one_wins_and_both_threads_go_on(tmp_path: Path) -> None:
    first = allocate(tmp_path, 0, 4096)
    barrier, winners = threading.Barrier(8), []

    def follow() -> None:
        mine = allocate(tmp_path, 64, 4096)
        barrier.wait()
        winners.append(first.follow(mine))

    threads = [threading.Thread(target=follow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, winners))) == 1
    assert first.after is winners[0]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_lost_copy_of_a_segment_hides_nothing(tmp_path: Path) -> None:
    """A process was killed after two threads had made the same segment, of different sizes, and one had written."""
    held = allocate(tmp_path, 0, 4096)
    allocate(tmp_path, 0, 16 << 10).forget()
    assert held.buffer is not None
    POINT_FLOAT.pack_into(held.buffer, 5 * SIZE, POINT, 1, 0.0, 3.5, 6)
    held.forget()
    (segment,) = dead_segments(tmp_path)
    assert segment.size == 4096
    assert load(segment.path).end == 64


class Heard:
    """A sink that notes what it is given."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.payloads: list[bytes] = []
        self.size = 0

    def points(self, handle: int, at: object, time: list[int], value: list[float]) -> None:
        self.values += value

    def record(self, slot: int, record: First) -> None:
        self.payloads.append(record.payload)


def put(segment: Segment, slot: int, value: float) -> None:
    assert segment.buffer is not None
    POINT_FLOAT.pack_into(segment.buffer, (slot - segment.start) * SIZE, POINT, 1, 0.0, value, slot + 1)


def test_a_slot_that_is_written_late_is_read_late_and_its_segment_stays(tmp_path: Path) -> None:
    first = allocate(tmp_path, 0, 4096)
    second = first.follow(allocate(tmp_path, 64, 4096))
    first.passed = True
    for slot in range(64):
        if slot != 30:
            put(first, slot, slot)
    put(second, 64, 64)
    reader = Reader(0, [], lambda: iter([one for one in (first, second) if not one.released]), abandoned=set())
    heard = Heard()
    reader.commit(reader.take(heard, 1000, 1 << 20))
    assert heard.values == [slot for slot in range(65) if slot != 30]
    assert (reader.read, reader.pending, first.released) == (65, {30}, False)
    put(first, 30, 30)
    late = Heard()
    reader.commit(reader.take(late, 1000, 1 << 20))
    assert (late.values, reader.pending, first.released) == ([30], set(), True)


def test_an_abandoned_slot_is_not_waited_for(tmp_path: Path) -> None:
    first = allocate(tmp_path, 0, 4096)
    first.passed = True
    abandoned = {3, 4}
    for slot in range(64):
        if slot not in abandoned:
            put(first, slot, slot)
    reader = Reader(0, [], lambda: iter([] if first.released else [first]), abandoned=abandoned)
    reader.commit(reader.take(Heard(), 1000, 1 << 20))
    assert (reader.read, reader.pending, first.released) == (64, set(), True)


def test_a_round_that_is_not_committed_is_read_again(tmp_path: Path) -> None:
    first = allocate(tmp_path, 0, 4096)
    for slot in range(10):
        put(first, slot, slot)
    reader = Reader(0, [], lambda: iter([first]), abandoned=set())
    once, again = Heard(), Heard()
    reader.take(once, 1000, 1 << 20)
    reader.take(again, 1000, 1 << 20)
    assert once.values == again.values == list(range(10))


def test_mappable_says_yes_for_a_local_folder(tmp_path: Path) -> None:
    assert mappable(tmp_path)
    assert mappable(Path("/dev/shm"))
