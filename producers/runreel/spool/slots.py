"""The slot: 64 bytes, eight words, one cache line. A record is one slot (a point) or a chain of them.

=========  ======================  =======================================  ==========================
word       point                   first slot of a longer record            further slot (`PART`)
=========  ======================  =======================================  ==========================
0          kind, flags, handle     kind, flags, handle                      kind, the first slot's number
1          time (microseconds)     time (microseconds)                      next slot's number, or 0
2          index (`at`)            length and CRC-32 of the whole payload   40 bytes of payload ...
3          value                   next slot's number, or 0                 ...
4-6        -                       24 bytes of payload                      ...
7          its own number          its own number, written last of all      its own number
=========  ======================  =======================================  ==========================

A slot's number is its index in the spool plus one, so that an allocated and unwritten slot (zeros) never has it.
`pack_into` stores the fields in their order, the number as the last: a slot whose writer was killed half way is known
by its missing number. A chain's first slot is claimed first and written last, so it vouches for the whole chain.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from struct import Struct
from typing import Final

import msgspec

SIZE: Final = 64
SHIFT: Final = 6  # log2(SIZE)
WORDS: Final = 8

VOID: Final = 1  # nothing; marks a place in the order
POINT: Final = 2
PART: Final = 3
NAME: Final = 4  # what a handle stands for
EVENT: Final = 5
LINE: Final = 6
PROGRESS: Final = 7
COLUMNS: Final = 8  # many points of one series
CLOSE: Final = 9  # the session's last word

AT_FLOAT: Final = 1 << 8
AT_INT: Final = 1 << 9
VALUE_INT: Final = 1 << 10
IN_FILE: Final = 1 << 11  # the payload is the name of the file that holds it
HANDLE_SHIFT: Final = 16

FIRST_BYTES: Final = 24
PART_BYTES: Final = 40
MAX_CHAIN: Final = 64 << 10
"""A longer payload goes into a file of its own."""

POINT_FLOAT: Final = Struct("=Qqdd24xQ")
POINT_INT: Final = Struct("=Qqdq24xQ")
POINT_AT_INT: Final = Struct("=Qqqd24xQ")
POINT_INTS: Final = Struct("=Qqqq24xQ")
FIRST: Final = Struct("=QqIIQ24sQ")
FURTHER: Final = Struct("=QQ40sQ")


class First(msgspec.Struct, frozen=True):
    """A record that takes more than a point: its kind and flags, handle, time (microseconds) and payload."""

    kind: int
    handle: int
    time: int
    payload: bytes
    in_file: bool = False


def pieces(payload: bytes) -> Iterator[bytes]:
    """The payload of a record as its slots hold it: 24 bytes, then 40 at a time."""
    yield payload[:FIRST_BYTES]
    for start in range(FIRST_BYTES, len(payload), PART_BYTES):
        yield payload[start : start + PART_BYTES]


def checksum(payload: bytes) -> int:
    """CRC-32 of a payload."""
    return zlib.crc32(payload)


@lru_cache(512)
def _row(count: int) -> Struct:
    return Struct("=" + "QQ40sQ" * count)


def straight(first: int, further: int, payload: bytes) -> bytes:
    """The further slots of a record whose slots lie side by side, the first one at `first`."""
    meta, number = PART | (first + 1) << 8, first + 2
    fields: list[int | bytes] = []
    for start in range(FIRST_BYTES, len(payload), PART_BYTES):
        fields += (meta, number + 1, payload[start : start + PART_BYTES], number)
        number += 1
    fields[-3] = 0
    return _row(further).pack(*fields)


Get = Callable[[int, int], memoryview | None]
"""(slot, count) -> the bytes of so many slots side by side, or None where they are not."""


def read_chain(slot: int, get: Get) -> First | None:
    """The record whose first slot is `slot`, or None where it is torn."""
    raw = get(slot, 1)
    if raw is None:
        return None
    meta, time, length, crc, following, data, number = FIRST.unpack(raw)
    if number != slot + 1:
        return None
    further = -(-(length - FIRST_BYTES) // PART_BYTES) if length > FIRST_BYTES else 0
    rest = b""
    if further:
        found = _straight(slot, further, get) if following == slot + 2 else None
        if found is None:
            found = _winding(slot, further, following, get)
        if found is None:
            return None
        rest = found
    payload = (data + rest)[:length]
    if len(payload) != length or checksum(payload) != crc:
        return None
    return First(
        kind=meta & 0xFF, handle=meta >> HANDLE_SHIFT, time=time, payload=payload, in_file=bool(meta & IN_FILE)
    )


def _straight(slot: int, further: int, get: Get) -> bytes | None:
    raw = get(slot + 1, further)
    if raw is None:
        return None
    words = raw.cast("Q")
    first = slot + 2
    if words[0::WORDS].tolist() != [PART | (slot + 1) << 8] * further:
        return None
    if words[WORDS - 1 :: WORDS].tolist() != list(range(first, first + further)):
        return None
    if words[1::WORDS].tolist() != [*range(first + 1, first + further), 0]:
        return None
    whole = raw.tobytes()
    return b"".join([whole[start + 16 : start + 56] for start in range(0, len(whole), SIZE)])


def _winding(slot: int, further: int, following: int, get: Get) -> bytes | None:
    found = bytearray()
    for _ in range(further):
        raw = get(following - 1, 1)
        if raw is None:
            return None
        part, after, data, number = FURTHER.unpack(raw)
        if number != following or part != PART | (slot + 1) << 8:
            return None
        found += data
        following = after
    return bytes(found)
