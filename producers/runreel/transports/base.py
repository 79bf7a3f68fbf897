"""The seam between the worker and the outside: send sealed events, hear what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec


class Sealed(msgspec.Struct, frozen=True):
    """An event that will never change: its session and seq, its key (the run's id) and its exact bytes.

    A heartbeat has seq -1: it is sent when connected, not spooled and never acknowledged.
    """

    session: str
    seq: int
    run: str
    message: bytes


class Answer(msgspec.Struct, frozen=True):
    """What became of sent events.

    `refused` None: all of `session` up to and with `seq` is safe and its space may be freed.
    `refused` a reason: the one event `seq` will never be taken.
    """

    session: str
    seq: int
    refused: str | None = None


class Broken(Exception):  # a signal between two rooms, not a failure of the caller's
    """What is under way is lost: `reset` the transport and send again from the first unacknowledged event.

    The message says why, in one line, without a secret.
    """


class Transport(Protocol):
    """One way out of the process. Used by one thread; makes no connection before the first `send`."""

    name: str

    configured: bool
    """Whether somebody said where events go: then the end of a process waits for it."""

    @property
    def where(self) -> str:
        """Where events go, for messages: an address, without a secret."""

    @property
    def reachable(self) -> bool | None:
        """Whether the other side answers; None where that is not known yet."""

    def send(self, events: Sequence[Sealed]) -> int:
        """Take events in order, as many as fit without waiting, and answer how many were taken."""

    def poll(self, timeout: float) -> list[Answer]:
        """Wait at most `timeout` seconds for answers.

        Raises:
            Broken: see there.
        """

    def reset(self) -> None:
        """Forget what is under way, after `Broken` or a fork: the caller sends again what stays unacknowledged."""

    def close(self, timeout: float) -> None:
        """Let go of everything within `timeout` seconds."""


class Contiguous:
    """Turns acknowledgements of single events into "all up to seq", a session at a time."""

    def __init__(self) -> None:
        self._order: dict[str, deque[int]] = {}
        self._known: dict[str, set[int]] = {}
        self._done: dict[str, set[int]] = {}

    def sent(self, session: str, seq: int) -> None:
        """An event is under way; sent again under the same seq, it keeps its place."""
        known = self._known.setdefault(session, set())
        if seq not in known:
            known.add(seq)
            self._order.setdefault(session, deque()).append(seq)

    def done(self, session: str, seq: int) -> Answer | None:
        """An event is safe; the answer is what may be said now, if anything."""
        order, done = self._order.get(session), self._done.setdefault(session, set())
        if not order or seq not in self._known[session]:
            return None
        done.add(seq)
        last = None
        while order and order[0] in done:
            last = order.popleft()
            done.discard(last)
            self._known[session].discard(last)
        return None if last is None else Answer(session, last)

    def clear(self) -> None:
        """Forget all."""
        self._order.clear()
        self._known.clear()
        self._done.clear()
