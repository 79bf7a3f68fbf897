"""What lies in `staging/AID/` until an artifact is whole.

`<first>-<last>`: a piece, the chunks of these numbers. `about`: whose they are and what came first. `end`: the end
record, and where it came. `claim` and `claimed`: see `claims`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from runreel.chunks import End
from runreel_consumers.store import Info, Store

STAGING: Final = "staging/"
_PIECE: Final = re.compile(r"(\d{10})-(\d{10})")


class About(msgspec.Struct, frozen=True):
    """Whose chunks are staged, the position of the first one that came, and when (microseconds since 1970)."""

    run: str
    workspace: str
    position: str
    received: int


class Ending(msgspec.Struct, frozen=True):
    """An end record, whose it is, its position, and when it was received."""

    run: str
    workspace: str
    position: str
    received: int
    end: End

    def about(self) -> About:
        """Whose it is and where it came."""
        return About(self.run, self.workspace, self.position, self.received)


class Piece(msgspec.Struct, frozen=True):
    """Chunks `first` to `last`, both included, in one object of `size` bytes."""

    first: int
    last: int
    key: str
    size: int


class Take(msgspec.Struct, frozen=True):
    """A piece of which the first `skip` chunks are in the pieces before it."""

    piece: Piece
    skip: int


class Staged(msgspec.Struct):
    """What is staged of one artifact. `modified`: when the youngest of it was, microseconds since 1970."""

    artifact: str
    keys: list[str] = msgspec.field(default_factory=list)
    pieces: list[Piece] = msgspec.field(default_factory=list)
    modified: int = 0

    def add(self, info: Info) -> None:
        """Count one object in."""
        name = info.key.rpartition("/")[2]
        self.keys.append(info.key)
        self.modified = max(self.modified, info.modified)
        if found := _PIECE.fullmatch(name):
            self.pieces.append(Piece(int(found[1]), int(found[2]), info.key, info.size))

    def has(self, name: str) -> bool:
        """Whether there is an object of this name."""
        return staging_key(self.artifact, name) in self.keys


def staging_key(artifact: str, name: str) -> str:
    """The key of an object of this name."""
    return f"{STAGING}{artifact}/{name}"


def piece_key(artifact: str, first: int, last: int) -> str:
    """The key of the piece that holds these chunks."""
    return staging_key(artifact, f"{first:010d}-{last:010d}")


def staged_of(store: Store, artifact: str) -> Staged:
    """What is staged of one artifact."""
    found = Staged(artifact)
    for info in store.list(staging_key(artifact, "")):
        found.add(info)
    return found


def all_staged(store: Store) -> Iterator[Staged]:
    """What is staged of each artifact there is."""
    current: Staged | None = None
    for info in store.list(STAGING):
        artifact = info.key.split("/")[1]
        if current is None or current.artifact != artifact:
            if current is not None:
                yield current
            current = Staged(artifact)
        current.add(info)
    if current is not None:
        yield current


def cover(pieces: list[Piece], chunks: int | None = None) -> list[Take]:
    """Pieces that hold the chunks from 0 on, each chunk once, up to the first hole or the first `chunks` of them."""
    taken: list[Take] = []
    waiting = deque(sorted(pieces, key=lambda piece: (piece.first, piece.last)))
    farthest: Piece | None = None
    at = 0
    while chunks is None or at < chunks:
        exact: Piece | None = None
        while waiting and waiting[0].first <= at:
            piece = waiting.popleft()
            exact = piece if piece.first == at else exact
            farthest = piece if farthest is None or piece.last > farthest.last else farthest
        best = exact or farthest  # one that begins here needs no cutting
        if best is None or best.last < at:
            break
        taken.append(Take(best, at - best.first))
        at = best.last + 1
    return taken


def cut(store: Store, artifact: str, takes: list[Take]) -> list[Piece]:
    """The pieces behind `takes`; where one is only partly needed, that part, as a piece of its own.

    Overlaps come from two consumers that held the same partition, one of them frozen for a while.
    """
    whole: list[Piece] = []
    for take in takes:
        piece = take.piece
        if take.skip:
            # All chunks but the last are of one size, and the piece before does not hold the last one.
            before = whole[-1]
            start = take.skip * (before.size // (before.last - before.first + 1))
            key = piece_key(artifact, piece.first + take.skip, piece.last)
            size = store.put_stream(key, store.stream(piece.key, start))
            piece = Piece(piece.first + take.skip, piece.last, key, size)
        whole.append(piece)
    return whole
