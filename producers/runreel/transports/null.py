"""Nowhere: everything is taken and acknowledged. For RUNREEL_TRANSPORT=null."""

from __future__ import annotations

import time
from collections.abc import Sequence

from runreel.transports.base import Answer, Sealed


class NullTransport:
    """Takes every event and acknowledges it."""

    name = "null"
    where = "nowhere (RUNREEL_TRANSPORT=null)"
    configured = True
    reachable: bool | None = True

    def __init__(self) -> None:
        self._answers: dict[str, int] = {}

    def send(self, events: Sequence[Sealed]) -> int:
        """Take all."""
        self._answers.update((event.session, event.seq) for event in events if event.seq >= 0)
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Acknowledge what was sent since the last call."""
        answers = [Answer(session, seq) for session, seq in self._answers.items()]
        self._answers.clear()
        if not answers:
            time.sleep(timeout)  # as a client waits for its server
        return answers

    def reset(self) -> None:
        """Forget what is under way."""
        self._answers.clear()

    def close(self, timeout: float) -> None:
        """Nothing is held."""
