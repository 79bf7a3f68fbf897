"""What handles stand for, kept beside the segments, whose space may be free before the session ends."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from runreel.spool.batch import Name

NAMES: Final = "names"
_HEAD: Final = Struct("<II")  # length, CRC-32


class Names:
    """One session's file of names: appended to, read once."""

    def __init__(self, path: Path) -> None:
        self.known: dict[int, Name] = {}
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        raw, at = os.pread(self._fd, os.fstat(self._fd).st_size, 0), 0
        while at + _HEAD.size <= len(raw):
            length, crc = _HEAD.unpack_from(raw, at)
            payload = raw[at + _HEAD.size : at + _HEAD.size + length]
            if len(payload) < length or zlib.crc32(payload) != crc:
                break
            name = msgspec.msgpack.decode(payload, type=Name)
            self.known[name.handle] = name
            at += _HEAD.size + length
        self._end = at

    def add(self, learnt: dict[int, Name]) -> bool:
        """Keep more. False: there is no space now."""
        fresh = [name for handle, name in learnt.items() if handle not in self.known]
        payloads = [msgspec.msgpack.encode(name) for name in fresh]
        raw = b"".join(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload for payload in payloads)
        try:
            written = os.pwrite(self._fd, raw, self._end) if raw else 0
        except OSError:
            return False
        if written < len(raw):
            return False
        self._end += written
        self.known.update(learnt)
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
