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
MAX_HANDLE: Final = (1 << 32) - 1

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


def read_chain(slot: int, get: Callable[[int], bytes | memoryview | None]) -> First | None:
    """The record whose first slot is `slot`, or None where it is torn.

    Args:
        get: the 64 bytes of a slot by its index, or None where there are none.
    """
    raw = get(slot)
    if raw is None:
        return None
    meta, time, length, crc, following, data, number = FIRST.unpack(raw)
    if number != slot + 1:
        return None
    found = bytearray(data)
    while following:
        raw = get(following - 1)
        if raw is None:
            return None
        part, after, data, number = FURTHER.unpack(raw)
        if number != following or part != PART | (slot + 1) << 8 or after == following:
            return None
        found += data
        following = after
    payload = bytes(found[:length])
    if len(payload) != length or checksum(payload) != crc:
        return None
    return First(
        kind=meta & 0xFF, handle=meta >> HANDLE_SHIFT, time=time, payload=payload, in_file=bool(meta & IN_FILE)
    )
