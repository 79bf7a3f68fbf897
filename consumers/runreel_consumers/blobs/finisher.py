"""From staged pieces to a stored artifact: off the loop, idempotent, at any time again from the beginning."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from runreel.deadline import Deadline
from runreel.errors import RunreelError
from runreel.events import Event
from runreel_consumers.blobs.artifacts import ArtifactInfo, read_info, write_info
from runreel_consumers.blobs.claims import give_up_claim
from runreel_consumers.blobs.content import difference, digest, keep
from runreel_consumers.blobs.staging import (
    About,
    Ending,
    Piece,
    Staged,
    Take,
    all_staged,
    cover,
    cut,
    staged_of,
    staging_key,
)
from runreel_consumers.store import Store

log = logging.getLogger(__name__)

GRACE: Final = 24 * 3600.0
"""Seconds without a new piece, after which an artifact that is not whole is given up."""

_SCAN_SECONDS: Final = 600.0
_AGAIN_SECONDS: Final = 5.0

Say = Callable[[Event], None]
"""Says a service event; returns when it has arrived, else raises NotReachable."""


class Finisher:
    """Settles artifacts: verifies what is staged, stores it as content, says so, clears up.

    Each step may be repeated by anyone, after a crash at any point: the content is written once whole and verified,
    then the info, then the event (whose bytes follow from the info), and only then the pieces go.

    Args:
        store: where pieces and content lie.
        say: says the event.
        grace: seconds without a new piece, after which what is not whole is given up.
        mine: whether an artifact found in staging is ours to settle, rather than another consumer's.
    """

    def __init__(
        self, store: Store, say: Say, *, grace: float = GRACE, mine: Callable[[str], bool] = lambda artifact: True
    ) -> None:
        self.settled: deque[str] = deque()
        """Artifacts that were settled; the sink takes them out."""
        self._store, self._say, self._grace, self._mine = store, say, grace, mine
        self._hashed: dict[str, tuple[int, str]] = {}
        self._due: dict[str, float] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def finish(self, artifact: str, hashed: tuple[int, str] | None = None) -> None:
        """Have the thread settle an artifact soon. `hashed`: size and SHA-256 of its bytes, where they are known."""
        with self._wake:
            if hashed is not None:
                self._hashed[artifact] = hashed
            self._due[artifact] = 0.0
            self._wake.notify()
        self.start()

    def start(self) -> None:
        """Start the thread, unless it runs: it begins with what others left in staging."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="runreel-blobs", daemon=True)
            self._thread.start()

    def close(self, deadline: Deadline) -> None:
        """End the thread, at the latest after the artifact at hand or at `deadline`; what is left stays staged."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(deadline.left(threading.TIMEOUT_MAX))

    def scan(self) -> list[str]:
        """Artifacts in staging that may be settled: whose end came, or that have waited long enough."""
        now = time.time() * 1e6
        return [
            staged.artifact
            for staged in all_staged(self._store)
            if (staged.has("end") or now - staged.modified > self._grace * 1e6) and self._mine(staged.artifact)
        ]

    def settle(self, artifact: str, hashed: tuple[int, str] | None = None) -> ArtifactInfo | None:
        """Settle one artifact now, if it can be. Answers what became of it; None: it waits for more.

        Raises:
            NotReachable, SettingError: the store or Kafka does not do its part; nothing is lost, try again.
        """
        staged, known = staged_of(self._store, artifact), read_info(self._store, artifact)
        if not staged.keys:
            return known
        waited = time.time() * 1e6 - staged.modified > self._grace * 1e6
        found = self._verdict(staged, known, waited, hashed)
        if found is None and not waited:
            return None
        if found is not None:
            if known is None:
                write_info(self._store, found)
            elif known.event().id == found.event().id:
                found = known  # judged before, and perhaps said: the same bytes again
            else:
                found = msgspec.structs.replace(found, time=max(found.time, known.time + 1))  # the later stamp wins
                write_info(self._store, found)
            self._say(found.event())
        self._store.delete(staged.keys)
        self.settled.append(artifact)
        return found

    def _verdict(
        self, staged: Staged, known: ArtifactInfo | None, waited: bool, hashed: tuple[int, str] | None
    ) -> ArtifactInfo | None:
        ending = self._ending(staged, known)
        if known is not None and known.state == "stored":
            return known if waited or ending else None  # a repeat; or a crash before the pieces went
        if ending is not None:
            return self._by_end(staged, known, ending, waited, hashed)
        if not waited:
            return None
        if staged.has("claim"):
            return give_up_claim(self._store, staged.artifact)
        if not staged.has("about"):  # a flush was cut off, and nobody came back to it
            return known
        about = msgspec.json.decode(self._store.get(staging_key(staged.artifact, "about")), type=About)
        return self._incomplete(staged, known, about, "its end never came")

    def _ending(self, staged: Staged, known: ArtifactInfo | None) -> Ending | None:
        if staged.has("end"):
            return msgspec.json.decode(self._store.get(staging_key(staged.artifact, "end")), type=Ending)
        if known is not None and known.state == "incomplete":
            return known.ending  # given up after its end had come; now more of it has
        return None

    def _by_end(
        self,
        staged: Staged,
        known: ArtifactInfo | None,
        ending: Ending,
        waited: bool,
        hashed: tuple[int, str] | None,
    ) -> ArtifactInfo | None:
        end = ending.end
        if known is not None and known.ending is not None:
            if known.ending.end == end and not staged.pieces:
                return known  # the end came again, after the verdict
            if known.state == "failed" and known.ending == ending:
                return known  # a crash before all pieces went
        takes = cover([*staged.pieces, *_kept(known)], end.chunks)
        come = takes[-1].piece.last + 1 if takes else 0
        if come < end.chunks:
            reason = f"of {end.chunks} chunks, chunk {come} never came"
            return self._incomplete(staged, known, ending.about(), reason, ending) if waited else None
        keys = self._whole(staged, takes)
        size, sha256 = hashed or digest(self._store, keys)
        wrong = difference(size, sha256, end.size, end.sha256)
        return ArtifactInfo(
            id=staged.artifact,
            run=ending.run,
            workspace=ending.workspace,
            state="failed" if wrong else "stored",
            size=0 if wrong else size,
            sha256=None if wrong else sha256,
            content=None if wrong else keep(self._store, size, sha256, keys),
            reason=wrong,
            chunks=end.chunks,
            ending=ending,
            position=ending.position,
            time=ending.received,
        )

    def _incomplete(
        self,
        staged: Staged,
        known: ArtifactInfo | None,
        about: About,
        reason: str,
        ending: Ending | None = None,
    ) -> ArtifactInfo:
        """Keep what came without a hole, as content of its own: a late rest goes on from there."""
        takes = cover([*staged.pieces, *_kept(known)])
        keys = self._whole(staged, takes)
        size, sha256 = digest(self._store, keys)
        return ArtifactInfo(
            id=staged.artifact,
            run=about.run,
            workspace=about.workspace,
            state="incomplete",
            size=size,
            sha256=sha256 if keys else None,
            content=keep(self._store, size, sha256, keys) if keys else None,
            reason=reason,
            chunks=takes[-1].piece.last + 1 if takes else 0,
            ending=ending,
            position=about.position,
            time=about.received + int(self._grace * 1e6),
        )

    def _whole(self, staged: Staged, takes: list[Take]) -> list[str]:
        pieces = cut(self._store, staged.artifact, takes)
        before = {take.piece.key for take in takes}
        staged.keys += [piece.key for piece in pieces if piece.key not in before]
        return [piece.key for piece in pieces]

    def _run(self) -> None:
        next_scan = 0.0
        while True:
            now = time.monotonic()
            with self._wake:
                if self._closed:
                    return
                artifact = next((each for each, due in self._due.items() if due <= now), None)
                if artifact is None and now < next_scan:
                    self._wake.wait(min([next_scan, *self._due.values()]) - now)
                    continue
                hashed = self._hashed.get(artifact or "")
                if artifact is not None:
                    del self._due[artifact]
            try:
                if artifact is None:
                    next_scan = now + _AGAIN_SECONDS
                    self._enqueue(self.scan())
                    next_scan = now + _SCAN_SECONDS
                elif self.settle(artifact, hashed) is not None:
                    self._hashed.pop(artifact, None)
            except Exception as error:
                expected = isinstance(error, RunreelError)
                log.warning("artifact %s: %s; trying again", artifact, error, exc_info=None if expected else error)
                if artifact is not None:
                    with self._wake:
                        self._due.setdefault(artifact, time.monotonic() + _AGAIN_SECONDS)

    def _enqueue(self, artifacts: Iterable[str]) -> None:
        with self._wake:
            for artifact in artifacts:
                self._due.setdefault(artifact, 0.0)


def _kept(known: ArtifactInfo | None) -> list[Piece]:
    """What an artifact that was given up has, as a piece."""
    if known is None or known.state != "incomplete" or known.content is None:
        return []
    return [Piece(0, known.chunks - 1, known.content, known.size)]
