"""How the stream is spelled: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The name of what is watched stands in each frame's data as `watch`, because one stream may carry several. The `id:` of a
frame is the token: opaque to clients, it holds the position of everything that the stream watches.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from runreel.codec import iso

MEDIA_TYPE: Final = "text/event-stream"

_encoder = msgspec.json.Encoder()


class Frame(msgspec.Struct, frozen=True):
    """One change of one thing, from one position to the next, encoded once for all who watch it.

    Attributes:
        start: where it goes on from; empty for a snapshot.
        position: where it leads.
        alone: the whole event, as it goes to those who watch nothing else: their tokens are the same.
        size: how many of these bytes come before the token.
    """

    start: str
    position: str
    alone: bytes
    size: int

    def among(self, positions: Mapping[str, str]) -> bytes:
        """The event, as it goes to one who watches several things and is at these positions."""
        return b"%bid: %b\n\n" % (self.body, token(positions).encode())

    @property
    def body(self) -> bytes:
        """The lines of the event without its token and its end."""
        return self.alone[: self.size]


def delta(watch: str, start: str, position: str, change: Mapping[str, Any]) -> Frame:
    """A frame that applies where the client's position is `start`; `change` holds patch, points, lines."""
    return _frame("delta", watch, start, position, {"watch": watch, "from": start, "position": position, **change})


def snapshot(watch: str, position: str, state: Any, **more: Any) -> Frame:
    """A frame that replaces everything; `more` is said beside the state."""
    return _frame("snapshot", watch, "", position, {"watch": watch, "position": position, **more, "state": state})


def _frame(name: str, watch: str, start: str, position: str, data: Mapping[str, Any]) -> Frame:
    text = body(name, _encoder.encode(data))
    return Frame(start, position, b"%bid: %b\n\n" % (text, token({watch: position}).encode()), len(text))


def drained(made: deque[Frame]) -> list[Frame]:
    """What others append to meanwhile, emptied without a lock: the event loop must wait for nobody."""
    return [made.popleft() for _ in range(len(made))]


def ping(watch: str, position: str, now: int, **more: Any) -> bytes:
    """A sign of life: the server's clock, and the position that a client should have. Moves no position."""
    return body("ping", _encoder.encode({"watch": watch, "now": iso(now), "position": position, **more})) + b"\n"


def gone(watch: str, reason: str) -> bytes:
    """There is nothing of this name to watch now; a snapshot follows should that change. Moves no position."""
    return body("gone", _encoder.encode({"watch": watch, "reason": reason})) + b"\n"


def bye(retry_ms: int, reason: str) -> bytes:
    """The last frame of a stream: why it ends, and when to come back. An EventSource never comes back after a 503."""
    return b"retry: %d\n" % retry_ms + body("bye", _encoder.encode({"retry_ms": retry_ms, "reason": reason})) + b"\n"


def body(name: str, data: bytes) -> bytes:
    """The lines of one event without its id and its end. JSON holds no line break, so one data line is enough."""
    return b"event: %b\ndata: %b\n" % (name.encode(), data)


def token(positions: Mapping[str, str]) -> str:
    """The positions of everything that a stream watches, as one opaque word."""
    return base64.urlsafe_b64encode(_encoder.encode(dict(sorted(positions.items())))).decode().rstrip("=")


def read_token(text: str) -> dict[str, str]:
    """The positions in a token; empty where it is none of ours, so that its bearer gets snapshots."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=dict[str, str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return {}
