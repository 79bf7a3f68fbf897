"""How far the shipping of one spool is, kept so that a kill leaves the state before or the one after."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

SIZE: Final = 64 << 10
_HALF: Final = SIZE // 2
_HEAD: Final = Struct("<QII")  # generation, length, CRC-32


class Mark(msgspec.Struct, frozen=True):
    """Up to where records are sealed. Written behind the sealed events that it covers; they count only with it.

    Attributes:
        ordinal: of its frame.
        read: all slots below are sealed, save `pending`.
        session: who speaks (a session rolls over to a new one before its seq ends).
        next: the next event's seq.
        closed: whether `runreel.session.closed` is sealed.
        said: reason -> what was said of losses so far.
    """

    ordinal: int
    read: int
    pending: list[int]
    session: str
    next: int
    closed: bool = False
    said: dict[str, int] = {}


class State(msgspec.Struct, frozen=True):
    """The newest mark, what is acknowledged (session -> seq), and losses by reason."""

    mark: Mark
    acked: dict[str, int] = {}
    lost: dict[str, int] = {}


class Page:
    """One file of two halves, written in turn; the newer valid one counts.

    Raises:
        OSError: no space.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._fd, 0, 2 * _HALF)
        except OSError as error:
            if error.errno not in (95, 22):  # EOPNOTSUPP, EINVAL: then it grows as it is written
                os.close(self._fd)
                raise
        self._generation = 0
        self.state = self._load()

    def save(self, state: State) -> bool:
        """Keep `state`. False: it does not fit, or the disk does not take it, and the last one stays."""
        payload = msgspec.msgpack.encode(state)
        if len(payload) > _HALF - _HEAD.size:
            return False
        self._generation += 1
        raw = _HEAD.pack(self._generation, len(payload), zlib.crc32(payload)) + payload
        try:
            os.pwrite(self._fd, raw, self._generation % 2 * _HALF)
        except OSError:
            return False
        self.state = state
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _load(self) -> State | None:
        found: State | None = None
        for half in (0, 1):
            raw = os.pread(self._fd, _HALF, half * _HALF)
            if len(raw) < _HEAD.size:
                continue
            generation, length, crc = _HEAD.unpack_from(raw)
            payload = raw[_HEAD.size : _HEAD.size + length]
            if generation > self._generation and len(payload) == length and zlib.crc32(payload) == crc:
                found, self._generation = msgspec.msgpack.decode(payload, type=State), generation
        return found
