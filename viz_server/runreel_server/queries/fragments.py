"""Parts of a run's views as JSON, kept by what they follow from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST_BYTES: Final = 24 << 20
"""About how many bytes of parts are kept of one run; the oldest give way."""

_OVERHEAD: Final = 400  # bytes of a part beside its text

Key = tuple[str, str, int, frozenset[str] | None, int | None]
"""A part's kind and key, the entry that touched it last, and what else it shows: the sessions that have stalled, up to
where a session is stored."""


class Fragments:
    """Encoded parts. For one thread at a time."""

    def __init__(self) -> None:
        self.size = 0
        """About how many bytes they take in memory."""
        self._kept: dict[Key, bytes] = {}
        self.get = self._kept.get
        """Answers a part that is kept."""
        self._medians: Mapping[str, Any] = {}

    def put(self, key: Key, text: bytes) -> None:
        """Keep a part."""
        self._kept[key] = text
        self.size += len(text) + _OVERHEAD
        while self.size > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def forget(self, index: int) -> None:
        """Let go of what follows from an entry at `index` or behind it."""
        for key in [key for key in self._kept if key[2] >= index]:
            self._drop(key)

    def expect(self, medians: Mapping[str, Any]) -> None:
        """Let go of all where what earlier runs took is no longer what it was."""
        if medians != self._medians:
            self._medians = medians
            self._kept.clear()
            self.size = 0

    def _drop(self, key: Key) -> None:
        self.size -= len(self._kept.pop(key)) + _OVERHEAD
