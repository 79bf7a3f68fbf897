"""One client that a run is played to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from time import perf_counter
from typing import Final, Literal, NamedTuple, TypeVar

from runreel.codec import iso
from runreel_server.stream import frames
from runreel_server.stream.frames import Frame
from runreel_server.stream.watcher import PING_SECONDS

INTERVAL: Final = 0.1
"""Seconds between two frames, at least."""

SHARE: Final = 4.0
"""A frame that took a second to make is followed by the next one after so many: no play takes a core for itself."""

RETRY_MS: Final = 5_000

T = TypeVar("T")

Then = Literal["on", "end", "live"]


class Head(NamedTuple):
    """Up to where a run was played: the moment, in µs since 1970, and what tells that it is still what it was."""

    time: int
    mark: str


class Turn(NamedTuple):
    """What a play says next.

    Attributes:
        frame: None where nothing has changed.
        head: up to where the run is played then.
        position: of the client then.
        then: whether it goes on, is at the run's end, or has caught up with a run that goes on.
    """

    frame: Frame | None
    head: Head
    position: str
    then: Then


class Player:
    """The pace of a play. Used on the event loop's thread; frames are made on threads of `executor`.

    Its frames end at multiples of the time that one frame covers, so that those who play the same at different times
    can have the same frames. It keeps the pace whatever the client reads: who is slow gets fewer frames.

    Args:
        name: of what is played, as clients spell it: `run:ID`.
        begin: makes the first turn.
        turn: makes the turn from a head, at a position, to a moment (µs since 1970), or, for None, as far as one frame
            goes.
        speed: how many seconds of the run go by in one; None: as many as frames can tell.
        executor: where turns are made.
    """

    def __init__(
        self,
        name: str,
        begin: Callable[[], Turn],
        turn: Callable[[Head, str, int | None], Turn],
        speed: float | None,
        executor: Executor,
    ) -> None:
        self._name, self._begin, self._turn, self._executor = name, begin, turn, executor
        self._loop = asyncio.get_running_loop()
        self._speed = None if speed is None else speed * 1e6
        self._step = 0 if speed is None else max(1, round(speed * INTERVAL * 1e6))
        self._ended = asyncio.Event()
        self._now: Turn | None = None
        self._began = (0.0, 0)  # the loop's time and the run's
        self._free = 0.0  # when the next frame may be made
        self._sent = self._loop.time()

    @property
    def farewell(self) -> bytes:
        """What is to be said at the end."""
        over = self._now is not None and self._now.then == "end"
        return frames.bye(RETRY_MS, "end") if over else b""

    @property
    def caught_up(self) -> bool:
        """Whether the run goes on and there is no more to play: it is to be watched from here on."""
        return self._now is not None and self._now.then == "live"

    def end(self) -> None:
        """Have `next` say that it is over."""
        self._ended.set()

    def close(self) -> None:
        """Stop playing."""
        self.end()

    async def next(self) -> bytes | None:
        """What to send next: a frame, or a ping after a second without one; None once it is over."""
        while not self._ended.is_set():
            if self._now is None:
                turn = await self._made(self._begin)
                self._began = (self._loop.time(), turn.head.time)
            elif self._now.then != "on":
                return None
            elif self._loop.time() >= (due := self._due()):
                head, position, until = self._now.head, self._now.position, self._until()
                turn = await self._made(lambda: self._turn(head, position, until))  # noqa: B023
            elif self._loop.time() >= self._sent + PING_SECONDS:
                self._sent = self._loop.time()
                at = iso(self._now.head.time)
                return frames.ping(self._name, self._now.position, time.time_ns() // 1000, at=at)
            else:
                await self._sleep(min(due, self._sent + PING_SECONDS))
                continue
            self._now = turn
            if turn.frame is not None:
                self._sent = self._loop.time()
                return turn.frame.alone
        return None

    def _due(self) -> float:
        """When the next frame is to be made, by the loop's clock."""
        assert self._now is not None
        if self._speed is None:
            return self._free
        clock, start = self._began
        following = (self._now.head.time // self._step + 1) * self._step
        return max(self._free, clock + (following - start) / self._speed)

    def _until(self) -> int | None:
        if self._speed is None:
            return None
        clock, start = self._began
        played = start + round((self._loop.time() - clock) * self._speed)
        return played // self._step * self._step

    async def _made(self, make: Callable[[], Turn]) -> Turn:
        began = self._loop.time()
        took, turn = await self._loop.run_in_executor(self._executor, lambda: _timed(make))
        self._free = began + max(INTERVAL, SHARE * took)
        return turn

    async def _sleep(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._ended.wait()
        except TimeoutError:
            return


def _timed(make: Callable[[], T]) -> tuple[float, T]:
    began = perf_counter()
    made = make()
    return perf_counter() - began, made
