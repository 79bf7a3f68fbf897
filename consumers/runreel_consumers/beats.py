"""The signs of life of a replayed run's sessions: its emitters' own would come late, or too seldom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from runreel.codec import encode_data
from runreel.events import HEARTBEAT, SESSION_CLOSED, SESSION_OPENED, Event, Heartbeat

INTERVAL: Final = 5.0
"""Seconds between two signs of life of a session."""

_MICROS: Final = 1_000_000


class Beats:
    """Says, for each session that lives at the replay's moment, that it does.

    Args:
        send: sends an event.
        offsets: clock offsets by renewed session, microseconds: its clock is as wrong as it was.
        clock: seconds.
    """

    def __init__(
        self,
        send: Callable[[Event], object],
        offsets: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._offsets, self._clock = send, offsets or {}, clock
        self._open: dict[str, Event] = {}
        self._said: dict[str, int] = {}
        self._signs: dict[str, int] = {}
        self._due = clock() + INTERVAL

    def heard(self, event: Event) -> None:
        """An event of the replay, renewed: one that is sent, was sent before, or the emitter's own sign of life."""
        session = event.session or ""
        self._signs[session] = event.time
        if event.seq is not None:
            self._said[session] = event.seq
        if event.type == SESSION_OPENED:
            self._open[session] = event
        elif event.final or event.type == SESSION_CLOSED:
            self._open.pop(session, None)

    def tick(self, now: int | None) -> None:
        """Say so where it is time.

        Args:
            now: the moment of the replayed run; a session that gave no sign up to two intervals before it gives none.
        """
        if self._clock() < self._due:
            return
        self._due = self._clock() + INTERVAL
        for session, opened in self._open.items():
            if now is not None and now - self._signs[session] > 2 * INTERVAL * _MICROS:
                continue
            when = time.time_ns() // 1000 - self._offsets.get(session, 0)
            self._send(
                msgspec.structs.replace(
                    opened,
                    type=HEARTBEAT,
                    seq=None,
                    id=f"{session}-h{when}",
                    time=when,
                    data=encode_data(Heartbeat(interval=INTERVAL, said=self._said[session])),
                    extra=None,
                )
            )
