"""The blobs' sink in the loop: chunks to staged pieces, ends to the finisher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from runreel.chunks import End, Label, decode_end, read_headers
from runreel.deadline import Deadline
from runreel.errors import CodecError
from runreel.settings import Settings
from runreel_consumers.blobs.finisher import GRACE, Finisher, Say
from runreel_consumers.blobs.stager import Held, Stager
from runreel_consumers.blobs.staging import About, Ending
from runreel_consumers.dead import bury
from runreel_consumers.graveyard import Graveyard
from runreel_consumers.loop import Place
from runreel_consumers.messages import Message
from runreel_consumers.outbox import Outbox
from runreel_consumers.partitions import partition_of
from runreel_consumers.store import Store

AHEAD: Final = 6 << 20
"""Bytes of one artifact that are staged without waiting for the flush: the store copies pieces of 5 MiB and more."""


class BlobSink:
    """Stages what comes, so that memory is one budget whatever is interleaved, and leaves the rest to the finisher.

    Args:
        settings: topics.
        store: where pieces and content lie.
        outbox: sends dead letters.
        say: says a service event; returns when it has arrived, else raises NotReachable. Called by another thread.
        grace: seconds without a new piece, after which an artifact that is not whole is given up.
    """

    name = "blobs"
    batch = 8
    awaited = False  # whoever waits for an artifact waits for the word that it is stored

    def __init__(self, settings: Settings, store: Store, outbox: Outbox, say: Say, *, grace: float = GRACE) -> None:
        self.topics = [settings.topic_blobs]
        self.counts: Counter[str] = Counter()
        """Since the start: `chunks`, `bytes`, `repeated` chunks, `pieces`, `ends`, `dead`."""
        self.finisher = Finisher(store, say, grace=grace, mine=self._is_mine)
        self._dead_topic = settings.topic_dead
        self._outbox, self._graveyard = outbox, Graveyard(store)
        self._held: dict[Place, dict[str, Held]] = {}
        self._partitions: dict[Place, int] = {}
        self._stager = Stager(store, self.finisher, self.counts)

    @property
    def held(self) -> int:
        """Bytes added that are not being staged yet: those that are have a bound of their own."""
        held = sum(each.size for held in self._held.values() for each in held.values())
        return held + self._graveyard.held

    def resume(self, place: Place) -> int | None:
        """None: an expired offset means the beginning, for what is staged or stored already is passed over."""
        return None

    def opened(self, place: Place, partitions: int, offset: int) -> None:
        """A partition is ours from `offset` on; its topic has `partitions`."""
        self._partitions = {**self._partitions, place: partitions}

    def hole(self, place: Place, first: int, last: int) -> None:
        """Chunks that are gone are missed when their artifact ends."""
        self.counts["holes"] += last + 1 - first

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        """Hold chunks and ends; what is neither is sent to the dead."""
        self._drop_settled()
        held = self._held.setdefault(place, {})
        for message in messages:
            try:
                label, end = _read(message)
            except CodecError as error:
                self.counts["dead"] += 1
                self._graveyard.add(place, message, str(error))
                bury(self._outbox, self._dead_topic, message, str(error))
                continue
            position = f"{place.identity}-{place.partition:05d}-{message.offset():020d}"
            about = About(label.run, label.workspace, position, message.timestamp()[1] * 1000)
            entry = held.setdefault(label.artifact, Held(about))
            if end is not None:
                self.counts["ends"] += 1
                entry.ending = Ending(about.run, about.workspace, about.position, about.received, end)
            elif label.n is not None:
                self._hold(label.artifact, entry, label.n, message.value() or b"")
                if entry.size >= AHEAD:
                    self._stager.make_room(AHEAD)
                    self._stager.begin(place, label.artifact, held.pop(label.artifact))

    def flush(self, deadline: Deadline) -> None:
        """Stage all that is held, then tell the finisher what may be whole.

        Raises:
            NotReachable: not all is staged by `deadline`; the next flush does the rest.
        """
        self._graveyard.flush()
        self._outbox.flush(deadline)
        self._drop_settled()
        for place, held in self._held.items():
            for artifact in list(held):
                self._stager.begin(place, artifact, held.pop(artifact))
        self._stager.wait(deadline)

    def tick(self) -> None:
        """See to it that the finisher runs: it also settles what others left."""
        self.finisher.start()
        self._outbox.poll()

    def forget(self, places: Iterable[Place], *, ours: bool) -> None:
        """Discard what is held of partitions that go."""
        gone = set(places)
        self._graveyard.forget(gone)
        self._held = {place: held for place, held in self._held.items() if place not in gone}
        self._partitions = {place: count for place, count in self._partitions.items() if place not in gone}
        self._stager.forget(gone)

    def close(self, deadline: Deadline) -> None:
        """End the finisher; what it has not done stays staged."""
        self._stager.close()
        self.finisher.close(deadline)
        self._outbox.flush(deadline)

    def _drop_settled(self) -> None:
        while self.finisher.settled:
            self._stager.drop([self.finisher.settled.popleft()])

    def _hold(self, artifact: str, entry: Held, n: int, chunk: bytes) -> None:
        self.counts["chunks"] += 1
        self.counts["bytes"] += len(chunk)
        if n in entry.chunks or self._stager.holds(artifact, n):
            self.counts["repeated"] += 1
        else:
            entry.add(n, chunk)

    def _is_mine(self, artifact: str) -> bool:
        return any(partition_of(artifact, count) == place.partition for place, count in self._partitions.items())


def _read(message: Message) -> tuple[Label, End | None]:
    value = message.value()
    label = read_headers(message.headers())
    if value is None:
        raise CodecError("a message without a value is no chunk")
    return label, decode_end(value) if label.n is None else None
