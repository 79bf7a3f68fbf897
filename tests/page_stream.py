"""The live stream of a small server of pages: a test says what goes over it."""

from __future__ import annotations

import json
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Response

Json = dict[str, Any]


@dataclass
class Asked:
    """One request for the stream."""

    names: tuple[str, ...]
    after: str


@dataclass(eq=False)
class _Open:
    names: tuple[str, ...]
    frames: queue.Queue[bytes | None] = field(default_factory=queue.Queue)


class PageStream:
    """All streams that are open.

    Args:
        state: the state of what is watched under a name.
        now: the server's clock, as text.

    Attributes:
        asked: who came, in order.
        positions: how far each thing is that is watched.
        refuse: say `bye` to who comes.
        mute: say nothing to anybody, as a network does that is gone.
    """

    def __init__(self, state: Callable[[str], Json], now: Callable[[], str]) -> None:
        self._state, self._now = state, now
        self._lock = threading.Lock()  # each stream is answered on a thread of its own
        self._streams: list[_Open] = []
        self.asked: list[Asked] = []
        self.positions: defaultdict[str, int] = defaultdict(int)
        self.refuse = False
        self.mute = False

    @property
    def open(self) -> list[tuple[str, ...]]:
        """What each open stream watches."""
        return [one.names for one in self._streams]

    def send(self, event: str, data: Json, watch: str = "") -> None:
        """One frame to all who watch this, or each thing that they watch; a delta's positions are filled in."""
        with self._lock:
            for name in [watch] if watch else sorted({name for one in self._streams for name in one.names}):
                said = {"watch": name, **data}
                if event == "delta":
                    start = self.positions[name]
                    self.positions[name] += 1
                    said = {"from": str(start), "position": str(start + 1), **said}
                for one in self._streams:
                    if name in one.names and not self.mute:
                        one.frames.put(self._frame(event, said))

    def drop(self) -> None:
        """End all open streams."""
        with self._lock:
            streams, self._streams = self._streams, []
            for one in streams:
                one.frames.put(None)

    def serve(self, names: Iterable[str], after: str) -> Response:
        """The answer to who asks for a stream."""
        made = _Open(tuple(names))
        self.asked.append(Asked(made.names, after))
        if self.refuse:
            full = 'event: bye\ndata: {"retry_ms": 300, "reason": "full"}\n\n'
            return Response(full, content_type="text/event-stream")
        with self._lock:
            for name in made.names:
                if not self.mute:
                    made.frames.put(self._frame("snapshot", {**self._place(name), "state": self._state(name)}))
            self._streams.append(made)
        return Response(self._said(made), content_type="text/event-stream")

    def _said(self, one: _Open) -> Iterator[bytes]:
        try:
            while True:
                try:
                    frame = one.frames.get(timeout=1.0)
                except queue.Empty:
                    frame = self._pings(one)
                if frame is None:
                    return
                yield frame
        finally:
            with self._lock:
                self._streams = [other for other in self._streams if other is not one]

    def _pings(self, one: _Open) -> bytes | None:
        with self._lock:
            if not one.frames.empty():  # a ping would be of the position that this frame leads to
                return one.frames.get()
            if self.mute:
                return b":\n\n"  # a comment, to notice who has gone
            return b"".join(self._frame("ping", {**self._place(name), "now": self._now()}) for name in one.names)

    def _place(self, name: str) -> Json:
        return {"watch": name, "position": str(self.positions[name])}

    def _frame(self, event: str, data: Json) -> bytes:
        token = ",".join(f"{name}@{position}" for name, position in sorted(self.positions.items()))
        ends = "" if event == "ping" else f"id: {token}\n"
        return f"event: {event}\ndata: {json.dumps(data)}\n{ends}\n".encode()
