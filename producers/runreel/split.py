"""Text longer than a message holds, in pieces: split over events, never cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

LEAST: Final = 26
"""Bytes that a piece has room for, at least: quotes, and an escape or a character in its longest spelling."""

_encode = msgspec.json.Encoder().encode
_BEGINNINGS: Final = (frozenset({""}), frozenset({"x"}), frozenset(f"x{digit}" for digit in "0123456789abcdef"))


def encoded_size(text: str) -> int:
    """Bytes that `text` takes in JSON, its quotes included."""
    return len(_encode(text))


def split(text: str, most: int) -> Iterator[str]:
    """Pieces of `text` that joined are `text`, each of at most `most` bytes in JSON.

    No piece ends within a code point, or within an escape of `codec.escape`.

    Raises:
        ValueError: `most` is less than `LEAST`.
    """
    if most < LEAST:
        raise ValueError(f"most is {most}: a piece needs {LEAST} bytes or more")
    begin = 0
    while begin < len(text):
        # A character takes a byte or more, so this slice is enough; it shrinks as its spelling in JSON demands.
        piece = text[begin : begin + most]
        while (size := encoded_size(piece)) > most:
            piece = piece[: min(len(piece) - 1, len(piece) * most // size)]
        if begin + len(piece) < len(text):
            piece = piece[: _whole(piece)]
        yield piece
        begin += len(piece)


def _whole(piece: str) -> int:
    """The length of `piece` without the beginning of an escape at its end: a backslash and what may follow it."""
    for tail, beginnings in enumerate(_BEGINNINGS):
        end = len(piece) - tail
        backslashes = end - len(piece[:end].rstrip("\\"))
        if backslashes % 2 and piece[end:] in beginnings:
            return end - 1
    return len(piece)
