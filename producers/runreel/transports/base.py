"""The seam between the worker and the outside: send sealed events, hear what became of them."""

from __future__ import annotations

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


class Transport(Protocol):
    """One way out of the process. Used by one thread; makes no connection before the first `send`."""

    name: str

    def send(self, events: Sequence[Sealed]) -> int:
        """Take events in order, as many as fit without waiting, and answer how many were taken."""

    def poll(self, timeout: float) -> list[Answer]:
        """Wait at most `timeout` seconds for answers."""

    def reset(self) -> None:
        """Forget what is under way, after a fatal error or a fork: the caller sends again what stays unacknowledged."""

    def close(self, timeout: float) -> None:
        """Let go of everything within `timeout` seconds."""
