"""The archive's sink: messages to segments, what cannot be taken to the dead, what is misplaced to its partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from runreel.codec import decode
from runreel.deadline import Deadline
from runreel.errors import CodecError
from runreel.events import HEARTBEAT, SESSION_CLOSED, Event
from runreel.settings import Settings
from runreel_consumers.archive import columns, segment
from runreel_consumers.archive.followers import Batch, Follower
from runreel_consumers.archive.layout import Segment, contiguous, cover, segments
from runreel_consumers.archive.positions import Epoch, Epochs
from runreel_consumers.dead import bury
from runreel_consumers.graveyard import Graveyard
from runreel_consumers.loop import Place
from runreel_consumers.messages import Message
from runreel_consumers.outbox import Outbox
from runreel_consumers.partitions import partition_of
from runreel_consumers.store import Store


class _Held:
    """What was added of one place since the last flush."""

    def __init__(self, place: Place, partitions: int, first: int) -> None:
        self.place, self.partitions = place, partitions
        self.epoch: Epoch | None = None
        self.announced = False
        self.restart(first)

    def restart(self, first: int) -> None:
        self.first = self.end = first
        self.size = 0
        self.events: list[Event] = []
        self.offsets: list[int] = []
        self.received: list[int] = []
        self.holes: list[tuple[int, int]] = []
        self.buried: list[Event] = []
        self.written: int | None = None  # up to where the segment that holds it is stored


class ArchiveSink:
    """Writes each partition's messages as segments, and tells the followers.

    Args:
        settings: topics.
        store: where segments go.
        outbox: sends dead letters and misplaced messages.
        followers: told of each batch, in turn.
    """

    name = "archive"
    batch = 10_000

    def __init__(self, settings: Settings, store: Store, outbox: Outbox, followers: Sequence[Follower] = ()) -> None:
        self.topics = settings.event_topics
        self.counts: Counter[str] = Counter()
        """Since the start: `events`, `bytes`, `dead`, `misplaced`, `holes`, `segments`."""
        self._dead_topic = settings.topic_dead
        self._carried = {topic: frozenset(names.split()) for topic, names in settings.topic_workspaces.items()}
        self._store, self._outbox, self._followers = store, outbox, followers
        self._epochs = Epochs(store)
        self._graveyard = Graveyard(store)
        self._places: dict[Place, _Held] = {}
        self.awaited = False
        """Whether a session has said its last event since the last flush."""

    @property
    def held(self) -> int:
        """Bytes added and not yet flushed."""
        return sum(held.size for held in self._places.values()) + self._graveyard.held

    def resume(self, place: Place) -> int | None:
        """The contiguous end of what is stored of this partition: an expired offset of the group costs no repeat."""
        epoch = self._epochs.find(place.identity)
        if epoch is None:
            return None
        return contiguous(cover(segments(self._store, epoch.ordinal, place.partition)))

    def opened(self, place: Place, partitions: int, offset: int) -> None:
        """A partition is ours from `offset` on."""
        self._places.setdefault(place, _Held(place, partitions, offset))

    def hole(self, place: Place, first: int, last: int) -> None:
        """Offsets that are gone are covered by the next segment, and its index names them."""
        held = self._places[place]
        held.holes.append((first, last))
        held.end = last + 1
        self.counts["holes"] += last + 1 - first

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        """Decode the envelopes; what is not to be archived here is sent where it belongs."""
        held = self._places[place]
        mine, partitions = place.partition, held.partitions
        events, offsets, received = held.events, held.offsets, held.received
        carried = self._carried.get(place.topic)
        size = 0
        for message in messages:
            value = message.value()
            event = None
            try:
                event = _taken(value)
                if carried is not None and event.workspace not in carried:
                    raise CodecError(f"workspace {event.workspace!r} may not be said in topic {place.topic}")
            except CodecError as error:
                self.counts["dead"] += 1
                if event is not None:
                    held.buried.append(event)
                    self.awaited = self.awaited or _is_last(event)
                self._graveyard.add(place, message, str(error))
                bury(self._outbox, self._dead_topic, message, str(error))
                continue
            if partition_of(event.run, partitions) != mine:
                self._forward(message, event.run, partition_of(event.run, partitions))
                continue
            self.awaited = self.awaited or _is_last(event)
            events.append(event)
            offsets.append(message.offset())
            received.append(message.timestamp()[1] * 1000)
            size += len(value or b"")
        held.end = messages[-1].offset() + 1
        held.size += size
        self.counts["bytes"] += size
        self._outbox.poll()

    def flush(self, deadline: Deadline) -> None:
        """Write a segment a partition, then tell the followers.

        Raises:
            NotReachable: Kafka or the store did not take all of it; the next flush does the rest.
        """
        self._graveyard.flush()
        self._outbox.flush(deadline)
        self.awaited = False
        due = [held for held in self._places.values() if held.end > held.first]
        batches = [self._write(held) for held in due]
        for follower in self._followers:
            follower.stored(batches, deadline)
        for held in due:
            self.counts["events"] += len(held.events)
            held.restart(held.end)

    def tick(self) -> None:
        """Register epochs as soon as their topics are seen, so that readers know where the log goes on."""
        for held in self._places.values():
            self._announce(held)
        for follower in self._followers:
            follower.tick()
        self._outbox.poll()

    def forget(self, places: Iterable[Place], *, ours: bool) -> None:
        """Discard what is held of partitions that go."""
        places = list(places)
        self._graveyard.forget(places)
        for place in places:
            held = self._places.pop(place, None)
            if held is not None and held.announced and held.epoch is not None:
                for follower in self._followers:
                    follower.closed(held.epoch, place.partition, ours=ours)

    def close(self, deadline: Deadline) -> None:
        """End the followers' threads and the producer."""
        for follower in self._followers:
            follower.close(deadline)
        self._outbox.flush(deadline)

    def _announce(self, held: _Held) -> Epoch:
        place = held.place
        if held.epoch is None:
            held.epoch = self._epochs.register(place.identity, place.topic, held.partitions)
        if not held.announced:
            for follower in self._followers:
                follower.opened(held.epoch, place.partition)
            held.announced = True
        return held.epoch

    def _write(self, held: _Held) -> Batch:
        epoch = self._announce(held)
        partition = held.place.partition
        if held.written != held.end:
            rows = self._table(held, epoch)
            segment.write(self._store, Segment(epoch.ordinal, partition, held.first, held.end - 1), rows, held.holes)
            held.written = held.end
            self.counts["segments"] += 1
        return Batch(
            epoch, partition, held.first, held.end, held.events, held.offsets, held.received, held.holes, held.buried
        )

    def _table(self, held: _Held, epoch: Epoch) -> Any:
        return columns.table(held.events, held.received, held.offsets, epoch.ordinal, held.place.partition)

    def _forward(self, message: Message, run: str, partition: int) -> None:
        self.counts["misplaced"] += 1
        self._outbox.send(
            message.topic(), message.value(), key=run.encode(), headers=message.headers(), partition=partition
        )


def _is_last(event: Event) -> bool:
    """Whether its session says nothing more: then its emitter waits to end."""
    return event.final or event.type == SESSION_CLOSED


def _taken(value: bytes | None) -> Event:
    """The event in a message that the archive takes.

    Raises:
        CodecError: it is none, or lacks what de-duplication needs.
    """
    if value is None:
        raise CodecError("a message without a value is no event")
    event = decode(value)
    if event.session is None or (event.seq is None and event.type != HEARTBEAT):
        raise CodecError("session and seq are missing: only a heartbeat may lack its seq")
    if not event.data.isascii():  # which is told faster than UTF-8
        try:
            event.data.decode()
        except UnicodeDecodeError as error:
            raise CodecError(f"data are not UTF-8: {error}") from None
    return event
