"""Slots -> records, in the order of their claims. A round is read, sealed, and only then taken off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, Protocol

from runreel.spool.segment import Segment
from runreel.spool.slots import (
    AT_FLOAT,
    AT_INT,
    CLOSE,
    COLUMNS,
    EVENT,
    HANDLE_SHIFT,
    PART,
    POINT,
    VALUE_INT,
    VOID,
    WORDS,
    First,
    read_chain,
)

_CHUNK: Final = 4096


class Sink(Protocol):
    """Who takes the records of a round."""

    def points(self, handle: int, at: list[int] | list[float] | None, time: list[int], value: list[float]) -> None:
        """Points of one series, in order, columns of the same length."""

    def record(self, slot: int, record: First) -> None:
        """A longer record."""

    @property
    def size(self) -> int:
        """Bytes taken so far, about."""


class Round:
    """What one reading came to: it counts once it is committed."""

    def __init__(self, read: int, pending: Iterable[int]) -> None:
        self.read = read
        self.pending = set(pending)
        self.pins: dict[int, set[int]] = {}
        self.empty = True


class Reader:
    """Reads the slots of one spool. Used by one thread.

    A claimed slot that is not written yet (its writer is between two instructions, or was interrupted there) is
    *pending*: it is passed over and looked at again in each round; its segment stays until the session is closed.
    Giving it back earlier would not be sound: a writer that was interrupted for ever, by an exception from a signal
    handler, looks like one that is merely stopped (SIGSTOP, a busy machine, a debugger) and may write in an hour, into
    memory that is somebody else's by then. What tells them apart would cost every call; such a segment, one at most for
    each interruption, costs a session some disk.

    Args:
        read: the first slot that is not sealed.
        pending: lesser slots that are not sealed either.
        segments: answers the segments there are, oldest first.
        abandoned: slots that were claimed and will never be written.
        ended: the writer has ended: what is not written never will be.
    """

    def __init__(
        self,
        read: int,
        pending: Iterable[int],
        segments: Callable[[], Iterable[Segment]],
        *,
        abandoned: set[int],
        ended: bool = False,
    ) -> None:
        self.read, self.pending = read, set(pending)
        self._segments, self._abandoned, self._ended = segments, abandoned, ended
        self._near: Segment | None = None  # where the last look was
        self._pins: dict[int, set[int]] = {}  # a pending first slot -> starts of segments that hold its further ones

    def take(self, sink: Sink, slots: int, most: int) -> Round:
        """Give the records of at most `slots` slots to `sink`, until it holds `most` bytes."""
        segments = list(self._segments())
        round_ = Round(self.read, self.pending)
        round_.pins = {first: set(starts) for first, starts in self._pins.items()}
        self._late(sink, round_)
        left = slots
        while left > 0 and sink.size < most:
            segment = next((one for one in segments if one.start <= round_.read < one.end), None)
            if segment is None:
                later = next((one.start for one in segments if one.start > round_.read), None)
                if later is None:
                    break
                round_.read = later  # of a dead spool: that segment has gone, all in it was sealed
                continue
            count = self._chunk(segment, min(_CHUNK, left), sink, round_, most)
            if not count:
                break
            left -= count
        round_.empty = round_.read == self.read and round_.pending == self.pending
        return round_

    def hold(self, round_: Round, slots: Iterable[int]) -> None:
        """Offer the records of these slots again in the next round; the segments of their whole chains stay."""
        for slot in slots:
            touched: set[int] = set()

            def get(at: int, count: int, touched: set[int] = touched) -> memoryview | None:
                touched.update(one.start for one in self._segments() if one.start <= at < one.end)
                return self._get(at, count)

            read_chain(slot, get)
            round_.pending.add(slot)
            round_.pins[slot] = touched
        round_.empty = round_.read == self.read and round_.pending == self.pending

    def commit(self, round_: Round) -> None:
        """What `round_` took is sealed: take it off, and free the segments that hold nothing else."""
        self.read, self.pending = round_.read, round_.pending
        settled = {slot for slot in self._abandoned.copy() if slot < self.read and slot not in self.pending}
        self._abandoned.difference_update(settled)
        self._pins = {first: starts for first, starts in round_.pins.items() if first in self.pending}
        pinned = {start for starts in self._pins.values() for start in starts}
        waiting = sorted(self.pending)
        for segment in list(self._segments()):
            if segment.end > self.read:
                break
            if segment.start not in pinned and not any(segment.start <= slot < segment.end for slot in waiting):
                segment.release()

    def abandoned(self, slot: int) -> bool:
        """Whether a slot was claimed and will never be written."""
        return slot in self._abandoned

    def _late(self, sink: Sink, round_: Round) -> None:
        """Give what was pending and is written now."""
        for slot in sorted(round_.pending):
            raw = self._get(slot)
            written = raw is not None and raw.cast("Q")[WORDS - 1] == slot + 1
            if written:
                self._one(slot, sink)
            if written or self._ended or slot in self._abandoned:
                round_.pending.discard(slot)

    def _chunk(self, segment: Segment, most: int, sink: Sink, round_: Round, size: int) -> int:
        start = round_.read
        passed = segment.passed  # before the numbers: a slot claimed since is seen as pending, never skipped
        count = min(most, segment.end - start)
        words = segment.view(start, count).cast("Q")
        numbers = words[WORDS - 1 :: WORDS].tolist()
        # Only now: a thread that has a slot pending still has written nothing behind it, up to those numbers.
        self._late(sink, round_)
        whole = numbers == list(range(start + 1, start + count + 1))
        if not whole and not passed:
            while count and not numbers[count - 1] and start + count - 1 not in self._abandoned:
                count -= 1
        if not count:
            return 0
        metas = words[0::WORDS].tolist()
        if whole and metas[0] & 0xFF == POINT and metas.count(metas[0]) == count:
            _Chunk(words).points(metas[0], None, sink)
            round_.read = start + count
            return count
        missing = () if whole else {i for i in range(count) if numbers[i] != start + i + 1}
        chunk, buckets = _Chunk(words), dict[int, list[int]]()
        done = count
        for i in range(count):
            slot, meta = start + i, metas[i]
            kind = meta & 0xFF
            if i in missing:
                self._hole(slot, round_)
            elif kind == POINT:
                buckets.setdefault(meta, []).append(i)
            elif kind == PART:
                first = (meta >> 8) - 1
                if first in round_.pending:
                    round_.pins.setdefault(first, set()).add(segment.start)
            elif kind != VOID:
                if kind in (EVENT, COLUMNS, CLOSE):  # points and lines need no order between them
                    chunk.empty(buckets, sink)
                self._one(slot, sink)
                if sink.size >= size:
                    done = i + 1
                    break
        chunk.empty(buckets, sink)
        round_.read = start + done
        return done

    def _get(self, slot: int, count: int = 1) -> memoryview | None:
        """The bytes of slots, where they are now: a chain may end in a segment that came after the round began."""
        near = self._near
        if near is None or near.released or not near.start <= slot < near.end:
            near = self._near = next((one for one in self._segments() if one.start <= slot < one.end), None)
        return near.view(slot, count) if near is not None and slot + count <= near.end else None

    def _hole(self, slot: int, round_: Round) -> None:
        if not self._ended and slot not in self._abandoned:
            round_.pending.add(slot)

    def _one(self, slot: int, sink: Sink) -> None:
        raw = self._get(slot)
        if raw is None:
            return
        words = raw.cast("Q")
        kind = words[0] & 0xFF
        if kind == POINT:
            _Chunk(words).points(words[0], None, sink)
        elif kind not in (PART, VOID):
            record = read_chain(slot, self._get)
            if record is not None:
                sink.record(slot, record)


class _Chunk:
    """Slots side by side, as columns; each is taken out once."""

    def __init__(self, words: memoryview) -> None:
        self._raw = words.cast("B")
        self._columns: dict[tuple[int, str], list[Any]] = {}

    def points(self, meta: int, places: list[int] | None, sink: Sink) -> None:
        """Give the points at `places`, all of one meta word, to `sink`; None: those of all slots."""
        at = self._column(2, "q" if meta & AT_INT else "d", places) if meta & (AT_INT | AT_FLOAT) else None
        value = self._column(3, "q" if meta & VALUE_INT else "d", places)
        sink.points(meta >> HANDLE_SHIFT, at, self._column(1, "q", places), value)

    def empty(self, buckets: dict[int, list[int]], sink: Sink) -> None:
        """Give all points of `buckets` (meta word -> places) to `sink`."""
        for meta, places in buckets.items():
            self.points(meta, places, sink)
        buckets.clear()

    def _column(self, word: int, kind: Literal["q", "d"], places: list[int] | None) -> list[Any]:
        whole = self._columns.get((word, kind))
        if whole is None:
            whole = self._columns[word, kind] = self._raw.cast(kind)[word::WORDS].tolist()
        return whole if places is None else [whole[place] for place in places]
