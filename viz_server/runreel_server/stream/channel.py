"""What all who watch one thing share: the newest frames of it, in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from runreel_server.stream.frames import Frame

log = logging.getLogger(__name__)

MOST_FRAMES: Final = 600  # a minute at ten a second: who was away longer gets a snapshot
MOST_BYTES: Final = 4 << 20

MOST_WOKEN: Final = 64
"""Of those who watch, in one turn of the event loop."""

AGAIN_SECONDS: Final = 1.0  # after a snapshot that could not be made

FRESH: Final = 50  # a snapshot serves those who come later too, while so few frames lead from it to now


class Source(Protocol):
    """What makes the frames, on other threads."""

    name: str
    """What is watched, as clients spell it: `run:ID` or `runs`."""
    position: str
    """Where its next frame goes on from."""

    def take(self) -> Frame:
        """The snapshot of now; may take long. All frames that lead to its position can be drained when this returns."""

    def drain(self) -> list[Frame]:
        """The frames made since the last call, in order. At once: it waits for nobody."""


class Channel:
    """The newest frames of one thing. Lives on the event loop's thread; every method is called there."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.position = source.position
        self._source = source
        self._snapshot: Frame | None = None
        self._frames: deque[Frame] = deque()
        self._numbers: dict[str, int] = {}  # of the frames that are kept, by where they go on from
        self._bytes = 0
        self._first = 0  # the number of the oldest frame kept
        self._wakers: set[Callable[[], None]] = set()
        self._behind: list[Callable[[], None]] = []  # yet to be woken
        self._waking: asyncio.Handle | None = None
        self._waiting: set[Callable[[], None]] = set()  # for a snapshot
        self._taking: asyncio.Task[None] | None = None

    @property
    def end(self) -> int:
        """The number that the next frame will have."""
        return self._first + len(self._frames)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._wakers)

    def short_of(self, position: str) -> bool:
        """Whether a client that has come to a position has seen more of the same partition than this server."""
        theirs, ours = (one.partition("+")[0].rpartition(":") for one in (position, self.position))
        return bool(theirs[0]) and theirs[0] == ours[0] and theirs[2] > ours[2]

    def pull(self) -> None:
        """Take in what the source has made, and wake all who watch."""
        frames = self._source.drain()
        for frame in frames:
            self._append(frame)
        if frames:
            self.wake()

    def _append(self, frame: Frame) -> None:
        if frame.start != self.position:  # it goes on from elsewhere: who watches gets a snapshot next
            self._forget()
        self._numbers[frame.start] = self.end
        self._frames.append(frame)
        self._bytes += len(frame.alone)
        self.position = frame.position
        while len(self._frames) > MOST_FRAMES or (self._bytes > MOST_BYTES and len(self._frames) > 1):
            oldest = self._frames.popleft()
            self._bytes -= len(oldest.alone)
            self._numbers.pop(oldest.start, None)
            self._first += 1

    def _forget(self) -> None:
        self._first = self.end + 1
        self._frames.clear()
        self._numbers.clear()
        self._bytes = 0

    def follow(self, source: Source) -> None:
        """Take the frames from another source of the same thing from now on: who watches gets a snapshot next."""
        self._source, self._snapshot = source, None
        self._forget()
        self.position = source.position
        self.wake()

    def wake(self) -> None:
        """Tell all who watch to look: some at a time, so that thousands of them do not hold up the event loop."""
        self._behind = list(self._wakers)
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_soon(self._wake_some)

    def _wake_some(self) -> None:
        some, self._behind = self._behind[:MOST_WOKEN], self._behind[MOST_WOKEN:]
        self._waking = asyncio.get_running_loop().call_soon(self._wake_some) if self._behind else None
        for waker in some:
            waker()

    def join(self, waker: Callable[[], None]) -> None:
        """Have `waker` called whenever there is something new."""
        self._wakers.add(waker)

    def leave(self, waker: Callable[[], None]) -> None:
        """End that."""
        self._wakers.discard(waker)
        self._waiting.discard(waker)

    def after(self, position: str) -> int | None:
        """The number of the frame that goes on from `position`, None where the log has none such."""
        return self.end if position == self.position else self._numbers.get(position)

    def frames(self, number: int) -> list[Frame] | None:
        """The frames from `number` on, None where some of them are gone."""
        if number < self._first:
            return None
        return [self._frames[index] for index in range(number - self._first, len(self._frames))]

    def snapshot(self, waker: Callable[[], None]) -> tuple[Frame, int] | None:
        """The state, and the number of the frame that goes on from it; None while it is made: then `waker` is called.

        Made and encoded once for all who come at one time, beside the event loop, which a large state would hold up.
        """
        kept = self._snapshot
        number = None if kept is None else self.after(kept.position)
        if kept is not None and number is not None and self.end - number <= FRESH:
            return kept, number
        self._waiting.add(waker)
        if self._taking is None:
            self._taking = asyncio.ensure_future(self._take())
        return None

    async def _take(self) -> None:
        source = self._source
        try:
            self._keep(source, await asyncio.to_thread(source.take))
        except Exception:  # those who wait ask again
            log.exception("no snapshot of %s", self.name)
            await asyncio.sleep(AGAIN_SECONDS)
        self._taking = None
        waiting, self._waiting = self._waiting, set()
        for waker in waiting:
            waker()

    def _keep(self, source: Source, taken: Frame) -> None:
        if source is not self._source:
            return
        self.pull()
        if self.after(taken.position) is None:  # nothing leads from there to here
            self._forget()
            self.position = taken.position
        self._snapshot = taken
