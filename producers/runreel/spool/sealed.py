"""Files of sealed events: checksummed frames, appended before the first send, freed by acknowledgement."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from runreel.spool.page import Mark

SUFFIX: Final = ".sealed"
SMALLEST: Final = 256 << 10
GREATEST: Final = 4 << 20

EVENT: Final = 1
MARK: Final = 2
REPLACEMENT: Final = 3  # under the seq of an event that was refused for good: it counts instead of that one

_HEAD: Final = Struct("<IIQqB32s")  # length, CRC-32 of all that follows, ordinal, seq, kind, session
_PROTECTED: Final = Struct("<QqB32s")


class Frame(msgspec.Struct, frozen=True):
    """One frame: an event with its exact bytes, or a mark. `start` and `end` are offsets in its file."""

    kind: int
    ordinal: int
    session: str
    seq: int
    payload: bytes
    start: int = 0
    end: int = 0

    def encode(self) -> bytes:
        """The frame's bytes."""
        rest = _PROTECTED.pack(self.ordinal, self.seq, self.kind, self.session.encode())
        crc = zlib.crc32(self.payload, zlib.crc32(rest))
        head = _HEAD.pack(len(self.payload), crc, self.ordinal, self.seq, self.kind, self.session.encode())
        return head + self.payload


class SealedFile:
    """One file, allocated as a whole, written from its start, and again from its start once all in it is acknowledged.

    A frame's ordinal is the one before plus one; leftovers of an earlier pass have lesser ones: a reader stops there.

    Raises:
        OSError: no space.
    """

    def __init__(self, path: Path, size: int | None = None) -> None:
        self.path = path
        create = os.O_CREAT | os.O_EXCL if size is not None else 0
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | create, 0o600)
        self.end = 0
        try:
            if size is not None:
                try:
                    os.posix_fallocate(self._fd, 0, size)
                except OSError as error:
                    if error.errno not in (95, 22):  # EOPNOTSUPP, EINVAL: then it grows as it is written
                        raise
            self.size = os.fstat(self._fd).st_size if size is None else size
        except BaseException:
            os.close(self._fd)
            if size is not None:
                path.unlink(missing_ok=True)
            raise

    def append(self, raw: bytes) -> None:
        """Write at the end.

        Raises:
            OSError: the disk does not take it.
        """
        written = 0
        while written < len(raw):
            written += os.pwrite(self._fd, raw[written:], self.end + written)
        self.end += len(raw)

    def read(self, offset: int, most: int) -> bytes:
        """At most `most` bytes from `offset` up to the end of what is written."""
        return os.pread(self._fd, max(0, min(most, self.end - offset)), offset)

    def frames(self, offset: int = 0, most: int = 1 << 20) -> Iterator[Frame]:
        """The frames from `offset` on, about `most` bytes of them, at least one."""
        raw, at = self.read(offset, max(most, _HEAD.size)), 0
        while at + _HEAD.size <= len(raw) or not at:
            if len(raw) < _HEAD.size:
                return
            length, _, ordinal, seq, kind, session = _HEAD.unpack_from(raw, at)
            end = at + _HEAD.size + length
            if end > len(raw):
                if at:
                    return
                raw = self.read(offset, end)
            yield Frame(kind, ordinal, session.decode(), seq, raw[at + _HEAD.size : end], offset + at, offset + end)
            at = end

    def recover(self) -> list[Frame]:
        """The valid frames of an ended process's file, without the events' payloads; sets the end behind them."""
        self.end = self.size
        found: list[Frame] = []
        offset = 0
        while True:
            head = self.read(offset, _HEAD.size)
            if len(head) < _HEAD.size:
                break
            length, crc, ordinal, seq, kind, session = _HEAD.unpack(head)
            if length > self.size - offset or kind not in (EVENT, MARK, REPLACEMENT):
                break
            payload = self.read(offset + _HEAD.size, length)
            if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[8:])) != crc:
                break
            if found and ordinal != found[-1].ordinal + 1:
                break
            end = offset + _HEAD.size + length
            kept = payload if kind == MARK else b""
            found.append(Frame(kind, ordinal, session.decode(), seq, kept, offset, end))
            offset = end
        self.end = offset
        return found

    def cut(self, end: int) -> None:
        """Forget what is written from `end` on; the space stays."""
        self.end = end

    def remove(self) -> None:
        """Give the space back."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the descriptor."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def mark_frame(mark: Mark) -> Frame:
    """The frame of a mark."""
    return Frame(MARK, mark.ordinal, mark.session, -1, msgspec.msgpack.encode(mark))


def read_mark(frame: Frame) -> Mark:
    """The mark of a frame."""
    return msgspec.msgpack.decode(frame.payload, type=Mark)
