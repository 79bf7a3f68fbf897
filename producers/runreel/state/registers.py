"""Registers: fields with many writers, where the stamp (time, session, seq) decides and not the order of arrival.

Who wins may depend on what is learnt late: a session's clock offset, who owns an execution. Within one session neither
matters. So a register keeps the word of *each session*, and who wins is chosen when it is asked.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

Said = tuple[int, int, T]
"""A session's word: (time, seq, what). Time is the session's own, in microseconds since 1970."""

Register = dict[str, tuple[int, int, T]]
"""A field: each session's word on it."""

Stamp = tuple[int, str, int]
"""(time, session, seq), the time corrected by the session's clock offset."""


class Offset(msgspec.Struct, array_like=True):
    """A session's clock offset in microseconds, with the stamp of the event that says so."""

    time: int
    session: str
    seq: int
    micros: int


Offsets = Mapping[str, Offset]


def put_latest(register: Register[T], session: str, time: int, seq: int, what: T) -> None:
    """Let a session's later word replace its earlier one."""
    old = register.get(session)
    if old is None or time > old[0] or (time == old[0] and seq > old[1]):
        register[session] = (time, seq, what)


def put_least(register: Register[T], session: str, time: int, seq: int, what: T) -> None:
    """Let a session's earlier word replace its later one."""
    old = register.get(session)
    if old is None or time < old[0] or (time == old[0] and seq < old[1]):
        register[session] = (time, seq, what)


def corrected(offsets: Offsets, session: str, time: int) -> int:
    """A session's time, by the broker's clock."""
    offset = offsets.get(session)
    return time if offset is None else time + offset.micros


def stamp(offsets: Offsets, session: str, said: tuple[int, int, Any]) -> Stamp:
    """The stamp of a session's word."""
    return corrected(offsets, session, said[0]), session, said[1]


def latest(
    register: Register[T], offsets: Offsets, among: Container[str] | None = None
) -> tuple[Stamp, T] | tuple[None, None]:
    """The word with the greatest stamp, of the sessions `among`, or of all; (None, None) where there is none."""
    if len(register) < 2:  # nearly always
        for session, said in register.items():
            if among is None or session in among:
                return (corrected(offsets, session, said[0]), session, said[1]), said[2]
        return None, None
    best: Stamp | None = None
    for session, said in register.items():
        if among is None or session in among:
            mine = stamp(offsets, session, said)
            if best is None or mine > best:
                best = mine
    return (None, None) if best is None else (best, register[best[1]][2])


def least(register: Register[T], offsets: Offsets) -> Stamp | None:
    """The least stamp, None where nobody has spoken."""
    if len(register) == 1:  # nearly always
        for session, said in register.items():
            return corrected(offsets, session, said[0]), session, said[1]
    return min((stamp(offsets, session, said) for session, said in register.items()), default=None)
