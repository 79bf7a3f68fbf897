"""The emitter's side of the spool: what is said is in it when the call returns. No lock anywhere."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, Final

from runreel.errors import SpoolFull
from runreel.spool.budget import Budget
from runreel.spool.folder import Folder
from runreel.spool.page import SIZE as SIZE_OF_PAGE
from runreel.spool.segment import Segment, allocate, mappable
from runreel.spool.slots import (
    AT_FLOAT,
    AT_INT,
    FIRST,
    FIRST_BYTES,
    FURTHER,
    HANDLE_SHIFT,
    IN_FILE,
    MAX_CHAIN,
    PART,
    PART_BYTES,
    POINT,
    POINT_AT_INT,
    POINT_FLOAT,
    POINT_INT,
    POINT_INTS,
    SHIFT,
    SIZE,
    VALUE_INT,
    VOID,
    checksum,
    pieces,
    straight,
)

SMALLEST: Final = 256 << 10
GREATEST: Final = 4 << 20
_LEAST: Final = 4 << 10  # a segment made of the last bytes of the budget
_FIXED: Final = SIZE_OF_PAGE + (4 << 10)
_PAUSE: Final = 0.01
_FILE_SUFFIX: Final = ".big"

_now: Final = time.time_ns

_LAYOUTS: Final[dict[tuple[type, type], tuple[Struct, int]]] = {
    (type(None), float): (POINT_FLOAT, POINT),
    (float, float): (POINT_FLOAT, POINT | AT_FLOAT),
    (int, float): (POINT_AT_INT, POINT | AT_INT),
    (type(None), int): (POINT_INT, POINT | VALUE_INT),
    (float, int): (POINT_INT, POINT | VALUE_INT | AT_FLOAT),
    (int, int): (POINT_INTS, POINT | VALUE_INT | AT_INT),
}


class Writer:
    """Takes records into slots of `folder`.

    A slot is claimed by `itertools.count().__next__`, which is atomic, so any number of threads, and a signal handler
    in the middle of any of them, write at once; none waits for another. A forked child must not use it.

    Args:
        folder: the session's own.
        limit: bytes for all spools beside it; None: the default.
        on_full: `drop`, `block` or `raise`.
        sealed: answers the bytes that sealed events take.
    """

    def __init__(
        self, folder: Folder, *, limit: int | None, on_full: str, sealed: Callable[[], int], mapped: bool | None = None
    ) -> None:
        self._folder, self._on_full, self._sealed = folder, on_full, sealed
        self._mapped = mappable(folder.path) if mapped is None else mapped
        self.budget = Budget(folder.path.parent, folder.path, limit, self.used)
        self._count = itertools.count()
        self.claim = self._count.__next__
        self._name = itertools.count().__next__
        self.full = False
        self.dropped: deque[tuple[str, int]] = deque()
        self.abandoned: set[int] = set()
        self._big: dict[str, int] = {}
        size = max(_LEAST, min(SMALLEST, self.budget.limit // 4 // _LEAST * _LEAST))
        self.first = self._segment = allocate(folder.path, 0, size, mapped=self._mapped)

    # -- taking records

    def point(self, handle: int, at: float | None, value: float, when: int | None) -> None:
        """One point; `at` and `value` are int (of 64 bits) or float and nothing else."""
        if self.full and not self._wait():
            return
        segment = self._segment  # read before the claim: no slot claimed afterwards lies before it
        slot = self.claim()
        try:
            if slot >= segment.end:
                found = self._find(segment, slot, 1)
                if found is None:
                    return
                segment = found
            if when is None:
                when = _now() // 1000
            layout, meta = _LAYOUTS[type(at), type(value)]
            if at is None:
                at = 0.0
            meta |= handle << HANDLE_SHIFT
            buffer = segment.buffer
            if buffer is not None:
                layout.pack_into(buffer, (slot - segment.start) << SHIFT, meta, when, at, value, slot + 1)
            else:
                self._put(segment, slot, layout.pack(meta, when, at, value, slot + 1))
        except BaseException:  # Ctrl-C, a handler that raises, SpoolFull: nobody waits for this slot
            self.abandoned.add(slot)
            raise

    def record(
        self, kind: int, handle: int, when: int | None, payload: bytes, *, stream: int = 0, quiet: bool = False
    ) -> bool:
        """One longer record. False: it was dropped.

        Args:
            stream: how many rows it is of a stream; 0: it is structure, which may have the last twentieth too.
            quiet: where there is no room, it is neither waited for nor counted.
        """
        if stream and self.full and not self._wait(stream):
            return False
        meta = kind | handle << HANDLE_SHIFT
        if len(payload) > MAX_CHAIN:
            name = self._file(payload, stream)
            if name is None:
                return False
            payload, meta = name.encode(), meta | IN_FILE
        if when is None:
            when = _now() // 1000
        further = -(-(len(payload) - FIRST_BYTES) // PART_BYTES) if len(payload) > FIRST_BYTES else 0
        segment = self._segment
        slots = list(itertools.islice(self._count, further + 1))  # claims them one by one
        try:
            first, buffer = slots[0], segment.buffer
            if slots[-1] < segment.end and slots[-1] - first == further and buffer is not None:
                offset = (first - segment.start) << SHIFT
                if further:
                    buffer[offset + SIZE : offset + (further + 1) * SIZE] = straight(first, further, payload)
                after = first + 2 if further else 0
                head = (meta, when, len(payload), checksum(payload), after, payload[:FIRST_BYTES], first + 1)
                FIRST.pack_into(buffer, offset, *head)
                return True
            return self._winding(segment, slots, meta, when, payload, stream, quiet=quiet)
        except BaseException:
            self.abandoned.update(slots)
            raise

    def mark(self) -> int:
        """Claim a slot that says nothing, and answer it: all that was said before has a lesser one."""
        segment = self._segment
        slot = self.claim()
        self._winding(segment, [slot], VOID, 0, b"", 0, quiet=True)
        return slot

    def lost(self, reason: str, count: int = 1) -> None:
        """Count what was not taken."""
        self.dropped.append((reason, count))

    def _winding(
        self, segment: Segment, slots: list[int], meta: int, when: int, payload: bytes, stream: int, *, quiet: bool
    ) -> bool:
        """A record whose slots are parted by others' or lie in several segments."""
        places: list[Segment] = []
        try:
            for slot in slots:
                found = self._find(segment, slot, stream, quiet=quiet)
                if found is None:
                    return False
                places.append(found)
            numbers = [slot + 1 for slot in slots[1:]] + [0]
            parts = list(pieces(payload))
            for i in range(1, len(slots)):
                fields = (PART | (slots[0] + 1) << 8, numbers[i], parts[i], slots[i] + 1)
                if not self._store(places[i], slots[i], FURTHER, *fields):
                    places.clear()
                    return False
            head = (meta, when, len(payload), checksum(payload), numbers[0], parts[0], slots[0] + 1)
            return self._store(places[0], slots[0], FIRST, *head)
        finally:
            if len(places) < len(slots):
                self.abandoned.update(slots)

    def _store(self, segment: Segment, slot: int, layout: Any, *fields: Any) -> bool:
        buffer = segment.buffer
        if buffer is None:
            return self._put(segment, slot, layout.pack(*fields))
        layout.pack_into(buffer, (slot - segment.start) << SHIFT, *fields)
        return True

    def _put(self, segment: Segment, slot: int, raw: bytes) -> bool:
        try:
            segment.put(slot, raw)
        except OSError:
            self.abandoned.add(slot)
            self.lost("full")
            return False
        return True

    def _file(self, payload: bytes, stream: int) -> str | None:
        name = f"{self._name():x}{_FILE_SUFFIX}"
        path = self._folder.path / name
        while True:
            if len(payload) <= self.budget.room(reserve=not stream):
                try:
                    path.write_bytes(payload)
                except OSError:
                    path.unlink(missing_ok=True)
                else:
                    self._big[name] = len(payload)
                    return name
            if not self._refuse(stream or 1):
                return None

    # -- room

    def used(self) -> int:
        """Bytes that this spool takes on disk, artifact copies aside."""
        return (
            _FIXED + sum(segment.size for segment in self.segments()) + sum(list(self._big.values())) + self._sealed()
        )

    def segments(self) -> Iterator[Segment]:
        """The segments that hold something or will, oldest first."""
        segment: Segment | None = self.first
        while segment is not None:
            if not segment.released:
                yield segment
            segment = segment.after

    def prepare(self) -> None:
        """Have the next segment ready, and take streams again when there is room. For the shipping thread."""
        while self.first.released and self.first.after is not None:
            self.first = self.first.after
        self.budget.scan()
        segment = self._segment
        while segment.after is not None:
            segment = segment.after
        if self.full:
            free = not segment.passed and not segment.reserved  # somebody has extended it since
            if free or (self.budget.room(reserve=False) >= SMALLEST // 4 and self._extend(segment, reserve=False)):
                self.full = False
        elif segment is self._segment and _half_full(segment):
            self._extend(segment, reserve=False)

    def remove(self, name: str) -> None:
        """A file that a slot named is sealed: give its space back."""
        self._big.pop(name, None)
        (self._folder.path / name).unlink(missing_ok=True)

    def _find(self, segment: Segment, slot: int, stream: int, *, quiet: bool = False) -> Segment | None:
        """The segment of a claimed slot at or after `segment`, allocated if need be; None: there is no room."""
        while slot >= segment.end:
            segment.passed = True
            following = segment.after or self._extend(segment, reserve=not stream)
            if following is None:
                if stream:
                    self.full = True  # if there is room by now, `prepare` sees it
                if quiet or not self._refuse(stream or 1):
                    self.abandoned.add(slot)
                    return None
                continue
            segment = following
        self._segment = segment
        return segment

    def _extend(self, segment: Segment, *, reserve: bool) -> Segment | None:
        size = min(GREATEST, max(SMALLEST, segment.size * 2))
        least = _LEAST if reserve else min(SMALLEST // 4, segment.size)
        open_to_all = self.budget.room(reserve=False)
        room = self.budget.room(reserve=True) if reserve else open_to_all
        size = min(size, room // _LEAST * _LEAST)
        while size >= least:
            try:
                made = allocate(self._folder.path, segment.end, size, mapped=self._mapped)
            except OSError:
                size = size // 2 // _LEAST * _LEAST
            else:
                made.reserved = reserve and size > open_to_all
                return segment.follow(made)
        return None

    def _wait(self, rows: int = 1) -> bool:
        """The policy, before a slot is claimed: whether there is room for streams now."""
        while self.full:
            if not self._refuse(rows):
                return False
        return True

    def _refuse(self, rows: int) -> bool:
        """The policy itself: True after a pause, to try again; False: dropped and counted."""
        if self._on_full == "raise":
            self.lost("full", rows)
            raise SpoolFull(
                f"the spool {self._folder.path} is full (limit {self.budget.limit} bytes): "
                "let `runreel sync` ship it, or raise RUNREEL_SPOOL_LIMIT"
            )
        if self._on_full == "block":
            time.sleep(_PAUSE)
            return True
        self.lost("full", rows)
        return False


def _half_full(segment: Segment) -> bool:
    middle = (segment.start + segment.end) // 2
    return bytes(segment.view(middle)[-8:]) != bytes(8)


def big_file(folder: os.PathLike[str], name: str) -> bytes | None:
    """What a file that a slot named holds, or None where it is gone."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
