"""A Kafka message as consumers see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Headers = Sequence[tuple[str, bytes | None]]


class Message(Protocol):
    """A message that was consumed, without an error: confluent-kafka's, whose own types allow for None everywhere."""

    def topic(self) -> str:
        """Its topic."""

    def partition(self) -> int:
        """Its partition."""

    def offset(self) -> int:
        """Its offset there."""

    def key(self) -> bytes | None:
        """Its key."""

    def value(self) -> bytes | None:
        """Its bytes; None is a tombstone."""

    def timestamp(self) -> tuple[int, int]:
        """What its time is (kind), and the time in milliseconds since 1970."""

    def headers(self) -> Headers | None:
        """Its headers, in order."""
