"""Where an event lies in the log, for ever: (epoch, partition, offset)."""

from __future__ import annotations

import random
from typing import Final

import msgspec

from runreel.errors import NotFound
from runreel_consumers.partitions import partition_of
from runreel_consumers.store import Info, Store

EPOCHS: Final = "epochs/"
CLAIMS: Final = "claims/"

LAST_OFFSET: Final = (1 << 63) - 1
"""No partition has a greater one."""


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in the log. Ordered; opaque outside the archive (`str` and `parse` are its only form).

    Attributes:
        epoch: the ordinal of the topic: one that is deleted and made again gets a new one.
        partition: the partition in that topic.
        offset: the offset in that partition.
    """

    epoch: int
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch:08d}-{self.partition:05d}-{self.offset:020d}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position behind its text; texts sort as positions do.

        Raises:
            ValueError: it is none.
        """
        try:
            epoch, partition, offset = text.split("-")
            return cls(int(epoch), int(partition), int(offset))
        except ValueError:
            raise ValueError(f"{text!r} is no position") from None


class Epoch(msgspec.Struct, frozen=True):
    """One life of one topic: from its creation to its deletion.

    Attributes:
        ordinal: its number.
        id: the topic's id.
        topic: the topic's name.
        partitions: how many it had when it was registered.
        grown: to how many it was grown since. That moves keys and should not be done, but loses nothing.
    """

    ordinal: int
    id: str
    topic: str
    partitions: int
    grown: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many partitions it has now."""
        return self.grown[-1] if self.grown else self.partitions

    def places(self, run: str) -> list[int]:
        """The partitions in which a run may lie: one, unless the topic was grown."""
        return sorted({partition_of(run, count) for count in (self.partitions, *self.grown)})


class _Kept(msgspec.Struct):
    topic: str
    partitions: int
    grown: tuple[int, ...] = ()


class Epochs:
    """The registry of epochs in the store.

    An ordinal is held by one topic id, though many processes register at once and any may freeze at any moment, on a
    store that has no conditional PUT: a process first claims an ordinal, then lists the claims, and takes the ordinal
    only if no other id has claimed it. Of two ids at most one can have seen its claim alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[Info, Epoch]] = {}

    def all(self) -> list[Epoch]:
        """All epochs, the oldest first; of two ordinals for one id the lower one."""
        lowest: dict[str, Epoch] = {}
        for info in self._store.list(EPOCHS):
            ordinal, _, name = info.key.removeprefix(EPOCHS).partition("-")
            if name in lowest:
                continue
            if name not in self._known or self._known[name][0] != info:
                try:
                    kept = msgspec.json.decode(self._store.get(info.key), type=_Kept)
                except NotFound:
                    continue
                epoch = Epoch(int(ordinal), name, kept.topic, kept.partitions, kept.grown)
                self._known[name] = (info, epoch)
            lowest[name] = self._known[name][1]
        return sorted(lowest.values(), key=lambda epoch: epoch.ordinal)

    def find(self, topic_id: str) -> Epoch | None:
        """The epoch of a topic's id, or None where none is registered."""
        return next((epoch for epoch in self.all() if epoch.id == topic_id), None)

    def register(self, topic_id: str, topic: str, partitions: int) -> Epoch:
        """The epoch of a topic's id; made where there is none, and told of partitions that were added."""
        while True:
            found = self.find(topic_id)
            if found is not None and partitions <= found.count:
                return found
            if found is not None:
                grown = _Kept(topic, found.partitions, (*found.grown, partitions))
                self._store.put(f"{EPOCHS}{found.ordinal:08d}-{topic_id}", msgspec.json.encode(grown))
                continue
            taken = [int(info.key.removeprefix(CLAIMS).partition("-")[0]) for info in self._store.list(CLAIMS)]
            # Two that claim the same ordinal both give way: the next try must not be the same for both.
            ordinal = max(taken, default=-1) + 1 + (random.randrange(4) if self._contested(taken) else 0)
            claim = f"{CLAIMS}{ordinal:08d}-{topic_id}"
            self._store.put(claim, b"")
            if [info.key for info in self._store.list(f"{CLAIMS}{ordinal:08d}-")] == [claim]:
                kept = msgspec.json.encode(_Kept(topic, partitions))
                self._store.put(f"{EPOCHS}{ordinal:08d}-{topic_id}", kept)

    def _contested(self, taken: list[int]) -> bool:
        return bool(taken) and taken.count(max(taken)) > 1
