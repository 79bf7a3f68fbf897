"""What follows the archive: told of each batch after its segment is stored, before its offsets are committed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runreel.deadline import Deadline
from runreel.events import Event
from runreel_consumers.archive.positions import Epoch, Position


class Batch(msgspec.Struct, frozen=True):
    """What one flush stored of one partition, in the order of the offsets.

    Attributes:
        epoch: the partition's epoch.
        partition: its number.
        first: the first offset covered.
        end: the first offset after it.
        events: what was stored.
        offsets: the offset of each.
        received: when the broker received each, microseconds since 1970.
        holes: offsets `(first, last)` that were not there.
        buried: events that came and are no part of the log, but dead letters: whoever sent them waits for an answer.
    """

    epoch: Epoch
    partition: int
    first: int
    end: int
    events: list[Event]
    offsets: list[int]
    received: list[int]
    holes: list[tuple[int, int]]
    buried: Sequence[Event] = ()

    @property
    def upto(self) -> Position:
        """The last position covered."""
        return Position(self.epoch.ordinal, self.partition, self.end - 1)


class Follower:
    """Does nothing with what it is told. Used by the loop's thread alone; NotReachable from any method is a reason to
    pause, and to be told the same again."""

    def opened(self, epoch: Epoch, partition: int) -> None:
        """A partition is ours."""

    def stored(self, batches: Sequence[Batch], deadline: Deadline) -> None:
        """These are in the archive now. May come twice."""

    def tick(self) -> None:
        """Do what time alone asks for; called several times a second."""

    def closed(self, epoch: Epoch, partition: int, *, ours: bool) -> None:
        """A partition goes. `ours`: nobody else has it before this returns. Raises nothing."""

    def close(self, deadline: Deadline) -> None:
        """End own threads; nothing more comes."""
