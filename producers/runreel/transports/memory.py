"""Events kept in this process: for tests, which can have it fail, hold back, or refuse."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from runreel.codec import decode
from runreel.events import Event
from runreel.transports.base import Answer, Broken, Contiguous, Sealed


class MemoryTransport:
    """Keeps what is sent, and acknowledges it at once.

    Attributes:
        sent: all that was sent, in order, copies included.
        heartbeats: signs of life.
        open: False: nothing is taken, as with a full queue.
        acknowledging: False: what is sent stays unacknowledged.
        broken: a reason: the next `poll` raises `Broken` with it, once.
        refuse: events for which it answers a reason are refused for good.
    """

    name = "memory"
    where = "this process"
    configured = True

    def __init__(self) -> None:
        self.sent: list[Sealed] = []
        self.heartbeats: list[Sealed] = []
        self.open = True
        self.acknowledging = True
        self.broken: str | None = None
        self.refuse: Callable[[Sealed], str | None] = lambda _: None
        self.resets = 0
        self.closed = False
        self._waiting: list[Sealed] = []
        self._contiguous = Contiguous()

    @property
    def reachable(self) -> bool | None:
        """Whether it takes events."""
        return self.open

    def send(self, events: Sequence[Sealed]) -> int:
        """Take all, or none while it is not `open`."""
        if not self.open:
            return 0
        for event in events:
            if event.seq < 0:
                self.heartbeats.append(event)
            else:
                self.sent.append(event)
                self._waiting.append(event)
                self._contiguous.sent(event.session, event.seq)
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Acknowledge what waits."""
        if self.broken is not None:
            reason, self.broken = self.broken, None
            raise Broken(reason)
        if not self._waiting or not self.acknowledging:
            time.sleep(timeout)  # as a client waits for its server
            return []
        answers: dict[str, Answer] = {}
        refused = []
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            refusal = self.refuse(event)
            if refusal is not None:
                refused.append(Answer(event.session, event.seq, refusal))
            elif (done := self._contiguous.done(event.session, event.seq)) is not None:
                answers[event.session] = done
        return [*answers.values(), *refused]

    def reset(self) -> None:
        """Forget what waits."""
        self.resets += 1
        self._waiting.clear()
        self._contiguous.clear()

    def close(self, timeout: float) -> None:
        """Take nothing more."""
        self.closed = True

    def events(self, type: str | None = None) -> list[Event]:  # noqa: A002  # the contract's word
        """What arrived, decoded, duplicates by (session, seq) removed, in the order of arrival; of one type or all."""
        unique = {(one.session, one.seq): one for one in reversed(self.sent)}
        kept = [one for one in self.sent if unique.pop((one.session, one.seq), None) is not None]
        return [event for event in (decode(one.message) for one in kept) if type in (None, event.type)]
