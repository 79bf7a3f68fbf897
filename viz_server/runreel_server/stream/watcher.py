"""One client of the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

from runreel_server.stream import frames
from runreel_server.stream.channel import Channel

PING_SECONDS: Final = 1.2  # so that who hears something each second is not pinged besides
AHEAD_SECONDS: Final = 5.0  # how long a client that has seen more than this server is let wait for it


class Watcher:
    """What one client watches and how far it is. Used on the event loop's thread.

    Holds no frames of its own: what is not yet sent lies in the channels, bounded, and a client that falls behind them
    gets a snapshot.

    Args:
        names: what it watches; each is `add`ed when its channel is there.
        positions: where it was, by name (`read_token`); empty for a new one.
    """

    farewell: Final = b""

    def __init__(self, names: Iterable[str], positions: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, Channel] = {}
        self._positions = {name: positions.get(name, "") for name in names}
        self._next: dict[str, int | None] = {}
        self._refused: dict[str, str] = {}
        self._patience: dict[str, float] = {}
        self._ended = False
        self._news = False
        self._wake = self.wake
        self._waiter: asyncio.Future[None] | None = None
        # One timer that is set again when it rings: thousands of streams set none for each frame.
        self._timer: asyncio.TimerHandle | None = None
        self._sent = self._loop.time()

    def add(self, channel: Channel, *, ahead: bool = False) -> None:
        """Send this channel's frames from now on.

        Args:
            channel: of one of the names.
            ahead: the client has seen more of it than this server, which is waited for a few seconds.
        """
        name = channel.name
        self._channels[name] = channel
        self._refused.pop(name, None)
        if ahead:
            self._patience[name] = self._loop.time() + AHEAD_SECONDS
            self._loop.call_later(AHEAD_SECONDS, self._wake)
        at = self._positions[name]
        self._next[name] = channel.after(at) if at else None
        if self._next[name] is not None:  # it goes on: told at once, by a ping where there is nothing else
            self._sent = self._loop.time() - PING_SECONDS
            self._stop_timer()
        channel.join(self._wake)
        self.wake()

    def refuse(self, name: str, reason: str) -> None:
        """Say that there is nothing of this name now, and why."""
        self._refused[name] = reason
        self.wake()

    def end(self) -> None:
        """Have `next` say that it is over."""
        self._ended = True
        self.wake()

    def close(self) -> None:
        """Stop watching."""
        for channel in self._channels.values():
            channel.leave(self._wake)
        self._stop_timer()

    def wake(self) -> None:
        """Have `next` look for news."""
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> bytes | None:
        """What to send next: frames, or a ping after a second without one; None once it is over."""
        while not self._ended:
            if self._news:
                self._news = False
                found = self._found()
                if found:
                    self._sent = self._loop.time()
                    return found
            elif self._loop.time() >= self._sent + PING_SECONDS:
                self._sent = self._loop.time()
                now = _now()
                return b"".join(frames.ping(name, self._at(name), now) for name in self._positions)
            await self._wait()
        return None

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        if self._timer is None:
            self._timer = self._loop.call_at(self._sent + PING_SECONDS, self._ring)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """Wake where there was silence for long enough; else ring again when that may be."""
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._sent + PING_SECONDS:
            self._waiter.set_result(None)
        else:
            self._timer = self._loop.call_at(self._sent + PING_SECONDS, self._ring)

    def _at(self, name: str) -> str:
        """Where the client should be: in what is not open yet, or not as far as the client, it stays where it was."""
        channel = self._channels.get(name)
        if channel is None or name in self._patience or self._next[name] is None:
            return self._positions[name]
        return channel.position

    def _found(self) -> bytes:
        parts = [frames.gone(name, reason) for name, reason in self._refused.items()]
        self._refused.clear()
        for channel in self._channels.values():
            if self._next[channel.name] != channel.end and self._reached(channel):
                parts += self._due(channel)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _due(self, channel: Channel) -> Iterable[bytes]:
        name = channel.name
        number = self._next[name]
        kept = None if number is None else channel.frames(number)
        if kept is None:
            self._next[name] = None
            taken = channel.snapshot(self._wake)
            if taken is None:
                return
            frame, number = taken
            kept = [frame, *(channel.frames(number) or ())]
        self._next[name] = channel.end
        for frame in kept:
            self._positions[name] = frame.position
            yield frame.alone if len(self._positions) == 1 else frame.among(self._positions)

    def _reached(self, channel: Channel) -> bool:
        """Whether this server is as far as the client, or was waited for long enough."""
        name = channel.name
        if name not in self._patience:
            return True
        number = channel.after(self._positions[name])
        if number is None and self._loop.time() < self._patience[name]:
            return False
        del self._patience[name]
        self._next[name] = number
        return True


def _now() -> int:
    return time.time_ns() // 1000
