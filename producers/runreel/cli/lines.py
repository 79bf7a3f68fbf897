"""Lines from a stream of bytes, as a terminal would show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LONGEST: Final = 16 << 20
"""A text without an end is told in pieces of this many bytes, so that memory is bounded."""


class Lines:
    """Cuts what comes into lines: at `\\n`, at `\\r\\n`, and at `\\r`.

    What a carriage return ends is a line that keeps it, so that a reader may overwrite it as a terminal does; nothing
    between two of them is no line. Those at the end of what came may be part of a line's end, and wait.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of the line that has not ended; joined once, whatever its length
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that end in `data`."""
        if b"\n" not in data and b"\r" not in data and not self._waits():
            yield from self._keep(data)
            return
        held = self._joined() + data
        *whole, rest = held.split(b"\n")
        if b"\r" not in held:
            yield from whole
            yield from self._keep(rest)
            return
        for line in whole:
            yield from _overwritten(line)
        end = rest.rstrip(b"\r").rfind(b"\r") + 1
        yield from (piece + b"\r" for piece in rest[:end].split(b"\r") if piece)
        yield from self._keep(rest[end:])

    def end(self) -> Iterator[bytes]:
        """What is left when nothing more comes."""
        rest = self._joined()
        *before, last = rest.split(b"\r")
        yield from (piece + b"\r" for piece in before if piece)
        if last:
            yield last

    def _waits(self) -> bool:
        return bool(self._parts) and self._parts[-1].endswith(b"\r")

    def _keep(self, data: bytes) -> Iterator[bytes]:
        if data:
            self._parts.append(data)
            self._size += len(data)
        while self._size > LONGEST:
            held = self._joined()
            cut = _character(held, LONGEST)
            yield held[:cut]
            self._parts, self._size = [held[cut:]], len(held) - cut

    def _joined(self) -> bytes:
        held = b"".join(self._parts)
        self._parts, self._size = [], 0
        return held


def _overwritten(line: bytes) -> Iterator[bytes]:
    """A line, and before it the pieces that it overwrote."""
    *before, last = line.rstrip(b"\r").split(b"\r")
    yield from (piece + b"\r" for piece in before if piece)
    yield last


def _character(text: bytes, most: int) -> int:
    """Where to cut so that at most `most` bytes are before it, and no UTF-8 character is cut in two."""
    for cut in range(most, most - 4, -1):
        if text[cut] & 0xC0 != 0x80:
            return cut
    return most
