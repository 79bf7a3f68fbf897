"""Bytes that are seldom asked for, in a file without a name."""

from __future__ import annotations

import os
import tempfile
import weakref

import msgspec


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where bytes lie in a spill."""

    start: int
    length: int


class Spill:
    """A file in the folder for temporary ones, gone with the process or with the last word of it. For one thread."""

    def __init__(self) -> None:
        self._file, name = tempfile.mkstemp(prefix="runreel-")
        os.unlink(name)
        weakref.finalize(self, os.close, self._file)
        self._end = 0

    def put(self, data: bytes) -> Place:
        """Keep bytes; answers where.

        Raises:
            OSError: the disk takes no more.
        """
        place = Place(self._end, len(data))
        rest = memoryview(data)
        while rest:
            rest = rest[os.pwrite(self._file, rest, self._end + len(data) - len(rest)) :]
        self._end += len(data)
        return place

    def get(self, place: Place) -> bytes:
        """The bytes that lie there."""
        return os.pread(self._file, place.length, place.start)
