"""The newest messages of the tail, so that whoever opens a run finds what the archive does not have yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from runreel.codec import decode
from runreel.errors import CodecError
from runreel.events import Event


class Taken(msgspec.Struct, frozen=True):
    """A message of the tail: where it lay, whose it is (the key), its bytes, when the broker took it (µs, or None)."""

    topic: str
    identity: str
    partition: int
    offset: int
    run: str
    message: bytes
    received: int | None

    @property
    def position(self) -> str:
        """Where it lay, as one word; offsets are padded, so that positions of one partition sort."""
        return f"{self.identity}:{self.partition}:{self.offset:020d}"


class Recent:
    """A bounded memory of messages. Not safe for threads: its user holds a lock.

    Args:
        most: bytes of messages that are kept; the oldest go first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._order: deque[Taken] = deque()
        self._runs: dict[str, deque[Taken]] = {}
        self._identities: dict[tuple[str, int], str] = {}
        self._lost: dict[tuple[str, str, int], int] = {}

    def add(self, taken: Taken) -> None:
        """Keep a message; drop the oldest ones where they are too many."""
        before = self._identities.get((taken.topic, taken.partition))
        if before != taken.identity:  # made again: what its life before had is in the archive, or nowhere
            self._identities[taken.topic, taken.partition] = taken.identity
            self._lost.pop((taken.topic, before or "", taken.partition), None)
        self._order.append(taken)
        self._runs.setdefault(taken.run, deque()).append(taken)
        self._held += len(taken.message)
        while self._held > self._most:
            oldest = self._order.popleft()
            self._held -= len(oldest.message)
            mine = self._runs[oldest.run]
            mine.popleft()
            if not mine:
                del self._runs[oldest.run]
            if self._identities[oldest.topic, oldest.partition] == oldest.identity:
                self._lost[oldest.topic, oldest.identity, oldest.partition] = oldest.offset

    def lose(self, topic: str, identity: str, partition: int, offset: int) -> None:
        """Note that what lies up to an offset was never brought."""
        self._identities.setdefault((topic, partition), identity)
        if self._identities[topic, partition] == identity:
            place = (topic, identity, partition)
            self._lost[place] = max(offset, self._lost.get(place, -1))

    def of(self, run: str) -> list[Taken]:
        """What is kept of a run, in the order of the log."""
        return list(self._runs.get(run, ()))

    def lost(self) -> dict[tuple[str, str, int], int]:
        """For each (topic, its identity, partition) the greatest offset that is no longer kept, where any is."""
        return dict(self._lost)


def decoded(taken: Iterable[Taken]) -> Iterator[tuple[Taken, Event]]:
    """Messages with their events, without those that hold none: the archive's consumer makes dead letters of these."""
    for one in taken:
        try:
            yield one, decode(one.message)
        except CodecError:
            continue
