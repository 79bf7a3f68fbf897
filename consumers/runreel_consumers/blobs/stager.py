"""Held chunks to staged pieces, in a thread of its own: the loop takes the next ones meanwhile."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import msgspec

from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel_consumers.blobs.artifacts import read_info
from runreel_consumers.blobs.finisher import Finisher
from runreel_consumers.blobs.staging import About, Ending, piece_key, staged_of, staging_key
from runreel_consumers.loop import Place
from runreel_consumers.store import Store

_REMEMBERED: Final = 4096  # artifacts; what is staged of others is looked up again in the store


class Held:
    """What was added of one artifact and is not staged."""

    def __init__(self, about: About) -> None:
        self.about = about
        self.chunks: dict[int, bytes] = {}
        self.size = 0
        self.ending: Ending | None = None

    def add(self, n: int, chunk: bytes) -> None:
        """One chunk more."""
        self.chunks[n] = chunk
        self.size += len(chunk)


class _Progress:
    """What is staged of one artifact, and the hash of it as far as this process has seen it from the beginning."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spans: list[tuple[int, int]] = []
        self.about = self.stored = self.ended = False
        self.hash = hashlib.sha256()
        self.hashed_chunks = self.hashed_bytes = 0

    def holds(self, n: int) -> bool:
        return self.stored or any(first <= n <= last for first, last in self.spans)

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


@dataclass(eq=False)
class _Job:
    """What is to be staged; kept until it is, so that what fails can be tried again."""

    place: Place
    artifact: str
    held: Held
    staged: Future[None] = field(default_factory=Future)


class Stager:
    """Stages one thing after the other, in the order in which they were begun. For the loop's thread.

    Args:
        store: where pieces lie.
        finisher: is told what may be whole.
        counts: counts `pieces`.
    """

    def __init__(self, store: Store, finisher: Finisher, counts: Counter[str]) -> None:
        self._store, self._finisher, self._counts = store, finisher, counts
        self._thread = ThreadPoolExecutor(1, "runreel-staging")
        self._jobs: list[_Job] = []
        self._lock = threading.Lock()  # of what follows: our thread makes it, the loop's forgets
        self._progress: OrderedDict[str, _Progress] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that are not staged yet."""
        self._jobs = [job for job in self._jobs if not _is_done(job)]
        return sum(job.held.size for job in self._jobs)

    def holds(self, artifact: str, n: int) -> bool:
        """Whether a chunk is staged, or will be."""
        progress = self._progress.get(artifact)
        if progress is not None and progress.holds(n):
            return True
        return any(n in job.held.chunks for job in self._jobs if job.artifact == artifact)

    def begin(self, place: Place, artifact: str, held: Held) -> None:
        """Stage something soon; nobody changes it from here on."""
        job = _Job(place, artifact, held)
        self._jobs.append(job)
        job.staged = self._thread.submit(self._stage, job)

    def make_room(self, most: int) -> None:
        """Wait until at most so many bytes are under way; what has failed is left to `wait`."""
        while self.held > most and (going := [job.staged for job in self._jobs if not job.staged.done()]):
            going[0].exception()

    def wait(self, deadline: Deadline) -> None:
        """Wait until all is staged.

        Raises:
            NotReachable: it is not by `deadline`, or the store fails; the next call tries again.
        """
        for job in self._jobs:
            if job.staged.done() and not _is_done(job):
                job.staged = self._thread.submit(self._stage, job)
        failed: BaseException | None = None
        for job in self._jobs:
            try:
                failed = failed or job.staged.exception(deadline.left())
            except TimeoutError:
                raise NotReachable("the store did not take all chunks in time") from None
        self._jobs = [job for job in self._jobs if not _is_done(job)]
        if failed is not None:
            raise failed

    def forget(self, places: Collection[Place]) -> None:
        """Partitions go: another consumer goes on, and what it stages is not known here."""
        mine = [job for job in self._jobs if job.place in places]
        for job in mine:
            if not job.staged.cancel():
                job.staged.exception()  # under way: the store's timeouts bound that
        self._jobs = [job for job in self._jobs if job not in mine]
        self.drop([artifact for artifact, progress in self._progress.items() if progress.place in places])

    def drop(self, artifacts: Iterable[str]) -> None:
        """Pieces of these are gone: whatever more comes of them is looked up in the store."""
        with self._lock:
            for artifact in artifacts:
                self._progress.pop(artifact, None)

    def close(self) -> None:
        """End the thread; what it has not done comes again."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # -- in our thread

    def _stage(self, job: _Job) -> None:
        artifact, held = job.artifact, job.held
        progress = self._known(job.place, artifact)
        if progress.stored and not held.ending:
            return
        if held.chunks and not progress.about:
            self._store.put(staging_key(artifact, "about"), msgspec.json.encode(held.about))
            progress.about = True
        for first, run in _runs(n for n in sorted(held.chunks) if not progress.holds(n)):
            chunks = [held.chunks[n] for n in run]
            self._store.put(piece_key(artifact, first, run[-1]), b"".join(chunks))
            progress.update(first, chunks)
            progress.add(first, run[-1])
            self._counts["pieces"] += 1
        if held.ending is not None:
            self._store.put(staging_key(artifact, "end"), msgspec.json.encode(held.ending))
            progress.ended = True
        if progress.ended:
            self._finisher.finish(artifact, _hashed(progress, held.ending))

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
        with self._lock:
            self._progress[artifact] = progress
            self._progress.move_to_end(artifact)
            if len(self._progress) > _REMEMBERED:
                self._progress.popitem(last=False)
        return progress


def _is_done(job: _Job) -> bool:
    return job.staged.done() and job.staged.exception() is None


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
