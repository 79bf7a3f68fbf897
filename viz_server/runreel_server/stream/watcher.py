"""One client of the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from runreel_server.stream import frames
from runreel_server.stream.channel import Channel

PING_SECONDS: Final = 1.0
AHEAD_SECONDS: Final = 5.0  # how long a client that has seen more than this server is let wait for it


class Watcher:
    """What one client watches and how far it is. Used on the event loop's thread.

    Holds no frames of its own: what is not yet sent lies in the channels, bounded, and a client that falls behind them
    gets a snapshot.

    Args:
        channels: what it watches.
        positions: where it was, by the channels' names (`read_token`); empty for a new one.
        ahead: channels whose position this server has not reached yet: waited for, a few seconds, before a snapshot.
    """

    def __init__(self, channels: Sequence[Channel], positions: Mapping[str, str], ahead: frozenset[str]) -> None:
        self._channels = list(channels)
        self._changed = asyncio.Event()
        self._positions = {channel.name: positions.get(channel.name, "") for channel in channels}
        self._next: dict[str, int | None] = {}
        self._sent = asyncio.get_running_loop().time()
        self._patience = dict.fromkeys(ahead, self._sent + AHEAD_SECONDS)
        for channel in self._channels:
            at = self._positions[channel.name]
            self._next[channel.name] = channel.after(at) if at else None
            channel.join(self._changed.set)
        self._changed.set()

    def close(self) -> None:
        """Stop watching."""
        for channel in self._channels:
            channel.leave(self._changed.set)

    async def next(self) -> bytes:
        """What to send next: frames, or a ping after a second without one."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            found = b"".join(self._due(channel, loop.time()) for channel in self._channels)
            if found:
                self._sent = loop.time()
                return found
            try:
                async with asyncio.timeout_at(self._sent + PING_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                self._sent = loop.time()
                now = _now()
                pings = [frames.ping(c.name, c.position, now) for c in self._channels if c.name not in self._patience]
                if pings:
                    return b"".join(pings)

    def _due(self, channel: Channel, now: float) -> bytes:
        name = channel.name
        if name in self._patience and not self._reached(channel, now):
            return b""
        number = self._next[name]
        kept = None if number is None else channel.frames(number)
        if kept is None:
            frame, self._next[name] = channel.snapshot()
            kept = [frame, *(channel.frames(self._next[name] or 0) or ())]
        self._next[name] = channel.end
        parts = []
        for frame in kept:
            self._positions[name] = frame.position
            parts += [frame.body, b"id: ", frames.token(self._positions).encode(), b"\n\n"]
        return b"".join(parts)

    def _reached(self, channel: Channel, now: float) -> bool:
        number = channel.after(self._positions[channel.name])
        if number is None and now < self._patience[channel.name]:
            return False
        del self._patience[channel.name]
        self._next[channel.name] = number
        return True


def _now() -> int:
    return time.time_ns() // 1000
