"""What is done with messages: the interface between a loop and its sink."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from runreel.deadline import Deadline
from runreel_consumers.messages import Message

if TYPE_CHECKING:
    from runreel_consumers.loop import Place


class Sink(Protocol):
    """What a consumer does with messages. Used by the loop's thread alone.

    Whatever was added is stored when `flush` returns; only then does the loop commit. All methods may raise
    NotReachable: the loop then pauses, and tries the flush again.
    """

    name: str
    """Also the end of the consumer group's name."""

    batch: int
    """The most messages taken at a time."""

    @property
    def topics(self) -> Sequence[str]:
        """What it consumes."""

    @property
    def held(self) -> int:
        """Bytes added and not yet flushed."""

    @property
    def awaited(self) -> bool:
        """Whether an emitter that is about to end waits until what was added is stored: it does where there is no
        broker that answers for it."""

    def resume(self, place: Place) -> int | None:
        """Where to go on in a partition for which the group has no offset. None: at its beginning."""

    def opened(self, place: Place, partitions: int, offset: int) -> None:
        """A partition is ours from `offset` on; its topic has `partitions`. Speaks to nobody."""

    def hole(self, place: Place, first: int, last: int) -> None:
        """The topic no longer has these offsets, both included."""

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        """Take messages of one partition, in the order of their offsets."""

    def flush(self, deadline: Deadline) -> None:
        """Store all that was added. Raises NotReachable where that cannot be done by `deadline`."""

    def tick(self) -> None:
        """Do what time alone asks for; called several times a second."""

    def forget(self, places: Iterable[Place], *, ours: bool) -> None:
        """Partitions go: discard what is held of them. `ours`: they are until this returns, so that views kept beside
        the objects may still be written; else another member may have them already."""

    def close(self, deadline: Deadline) -> None:
        """End own threads and clients; nothing more is added."""
