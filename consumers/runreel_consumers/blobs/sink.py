"""The blobs' sink in the loop: chunks to staged pieces, ends to the finisher."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from runreel.chunks import End, Label, decode_end, read_headers
from runreel.deadline import Deadline
from runreel.errors import CodecError, NotReachable
from runreel.settings import Settings
from runreel_consumers.blobs.artifacts import read_info
from runreel_consumers.blobs.finisher import GRACE, Finisher, Say
from runreel_consumers.blobs.staging import About, Ending, piece_key, staged_of, staging_key
from runreel_consumers.dead import bury
from runreel_consumers.loop import Place
from runreel_consumers.messages import Message
from runreel_consumers.outbox import Outbox
from runreel_consumers.partitions import partition_of
from runreel_consumers.store import Store

log = logging.getLogger(__name__)

_REMEMBERED: Final = 4096  # artifacts; what is staged of others is looked up again in the store


class _Progress:
    """What is staged of one artifact, and the hash of it as far as this process has seen it from the beginning."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spans: list[tuple[int, int]] = []
        self.about = self.stored = self.ended = False
        self.hash = hashlib.sha256()
        self.hashed_chunks = self.hashed_bytes = 0

    def holds(self, n: int) -> bool:
        return any(first <= n <= last for first, last in self.spans)

    def add(self, first: int, last: int) -> None:
        if self.spans and self.spans[-1][1] + 1 == first:
            self.spans[-1] = (self.spans[-1][0], last)
        else:
            self.spans.append((first, last))

    def update(self, first: int, chunks: Sequence[bytes]) -> None:
        if first == self.hashed_chunks:
            for chunk in chunks:
                self.hash.update(chunk)
                self.hashed_bytes += len(chunk)
            self.hashed_chunks += len(chunks)


class _Held:
    """What was added of one artifact since the last flush."""

    def __init__(self, about: About) -> None:
        self.about = about
        self.chunks: dict[int, bytes] = {}
        self.ending: Ending | None = None


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
    batch = 16

    def __init__(self, settings: Settings, store: Store, outbox: Outbox, say: Say, *, grace: float = GRACE) -> None:
        self.topics = [settings.topic_blobs]
        self.counts: Counter[str] = Counter()
        """Since the start: `chunks`, `bytes`, `repeated` chunks, `pieces`, `ends`, `dead`."""
        self.finisher = Finisher(store, say, grace=grace, mine=self._is_mine)
        self._dead_topic = settings.topic_dead
        self._store, self._outbox = store, outbox
        self._held: dict[Place, dict[str, _Held]] = {}
        self._progress: OrderedDict[str, _Progress] = OrderedDict()
        self._partitions: dict[Place, int] = {}
        self._bytes = 0

    @property
    def held(self) -> int:
        """Bytes added and not yet flushed."""
        return self._bytes

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
                bury(self._outbox, self._dead_topic, message, str(error))
                continue
            position = f"{place.identity}-{place.partition:05d}-{message.offset():020d}"
            about = About(label.run, label.workspace, position, message.timestamp()[1] * 1000)
            entry = held.setdefault(label.artifact, _Held(about))
            if end is not None:
                self.counts["ends"] += 1
                entry.ending = Ending(about.run, about.workspace, about.position, about.received, end)
            elif label.n is not None:
                self._hold(label.artifact, entry, label.n, message.value() or b"")

    def flush(self, deadline: Deadline) -> None:
        """Stage all that is held, then tell the finisher what may be whole.

        Raises:
            NotReachable: not all is staged by `deadline`; the next flush does the rest.
        """
        self._outbox.flush(deadline)
        self._drop_settled()
        for place, held in self._held.items():
            for artifact in list(held):
                if deadline.expired:
                    raise NotReachable("the store did not take all chunks in time")
                self._stage(place, artifact, held[artifact])
                del held[artifact]
        self._bytes = 0

    def tick(self) -> None:
        """See to it that the finisher runs: it also settles what others left."""
        self.finisher.start()
        self._outbox.poll()

    def forget(self, places: Iterable[Place], *, ours: bool) -> None:
        """Discard what is held of partitions that go."""
        gone = set(places)
        self._held = {place: held for place, held in self._held.items() if place not in gone}
        self._partitions = {place: count for place, count in self._partitions.items() if place not in gone}
        for artifact in [each for each, progress in self._progress.items() if progress.place in gone]:
            del self._progress[artifact]  # another consumer goes on: what it stages is not known here
        self._bytes = sum(
            len(chunk) for held in self._held.values() for entry in held.values() for chunk in entry.chunks.values()
        )

    def close(self, deadline: Deadline) -> None:
        """End the finisher; what it has not done stays staged."""
        self.finisher.close(deadline)
        self._outbox.flush(deadline)

    def _drop_settled(self) -> None:
        """Pieces of what was settled are gone: whatever more comes of it is looked up in the store."""
        while self.finisher.settled:
            self._progress.pop(self.finisher.settled.popleft(), None)

    def _hold(self, artifact: str, entry: _Held, n: int, chunk: bytes) -> None:
        self.counts["chunks"] += 1
        self.counts["bytes"] += len(chunk)
        progress = self._progress.get(artifact)
        if n in entry.chunks or (progress is not None and (progress.stored or progress.holds(n))):
            self.counts["repeated"] += 1
            return
        entry.chunks[n] = chunk
        self._bytes += len(chunk)

    def _stage(self, place: Place, artifact: str, entry: _Held) -> None:
        progress = self._known(place, artifact)
        if progress.stored and not entry.ending:
            return
        if entry.chunks and not progress.about:
            self._store.put(staging_key(artifact, "about"), msgspec.json.encode(entry.about))
            progress.about = True
        for first, run in _runs(n for n in sorted(entry.chunks) if not progress.holds(n) and not progress.stored):
            chunks = [entry.chunks[n] for n in run]
            self._store.put(piece_key(artifact, first, run[-1]), b"".join(chunks))
            progress.update(first, chunks)
            progress.add(first, run[-1])
            self.counts["pieces"] += 1
        if entry.ending is not None:
            self._store.put(staging_key(artifact, "end"), msgspec.json.encode(entry.ending))
            progress.ended = True
        if progress.ended:
            self.finisher.finish(artifact, _hashed(progress, entry.ending))

    def _known(self, place: Place, artifact: str) -> _Progress:
        """What is staged of an artifact, from memory or from the store."""
        progress = self._progress.get(artifact)
        if progress is None:
            progress = _Progress(place)
            staged = staged_of(self._store, artifact)
            for piece in staged.pieces:
                progress.add(piece.first, piece.last)
            info = read_info(self._store, artifact)
            progress.stored = info is not None and info.state == "stored"
            progress.ended = staged.has("end") or (info is not None and info.ending is not None)
            progress.about = staged.has("about")
            if info is not None and info.state == "incomplete" and info.chunks:
                progress.add(0, info.chunks - 1)
            self._progress[artifact] = progress
            if len(self._progress) > _REMEMBERED:
                self._progress.popitem(last=False)
        self._progress.move_to_end(artifact)
        return progress

    def _is_mine(self, artifact: str) -> bool:
        return any(partition_of(artifact, count) == place.partition for place, count in self._partitions.items())


def _read(message: Message) -> tuple[Label, End | None]:
    value = message.value()
    label = read_headers(message.headers())
    if value is None:
        raise CodecError("a message without a value is no chunk")
    return label, decode_end(value) if label.n is None else None


def _hashed(progress: _Progress, ending: Ending | None) -> tuple[int, str] | None:
    """Size and SHA-256, where all chunks came in order through this process; else they are read back."""
    if ending is None or not ending.end.chunks or progress.hashed_chunks != ending.end.chunks:
        return None
    return progress.hashed_bytes, progress.hash.hexdigest()


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Numbers that follow each other, together."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [n for _, n in group]
        yield run[0], run
