"""What all who watch one thing share: the newest frames of it, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from runreel_server.stream.frames import Frame

MOST_FRAMES: Final = 600  # a minute at ten a second: who was away longer gets a snapshot
MOST_BYTES: Final = 4 << 20

FRESH: Final = 50  # a snapshot serves those who come later too, while so few frames lead from it to now


class Source(Protocol):
    """What makes the frames, on other threads."""

    name: str
    """What is watched, as clients spell it: `run:ID` or `runs`."""
    position: str
    """Where its next frame goes on from."""

    def take(self) -> Frame:
        """The snapshot of now. All frames that lead to its position can be drained when this returns."""

    def drain(self) -> list[Frame]:
        """The frames made since the last call, in order."""


class Channel:
    """The newest frames of one thing. Lives on the event loop's thread; every method is called there."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.position = source.position
        self._source = source
        self._snapshot: Frame | None = None
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._first = 0  # the number of the oldest frame kept
        self._wakers: set[Callable[[], None]] = set()

    @property
    def end(self) -> int:
        """The number that the next frame will have."""
        return self._first + len(self._frames)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._wakers)

    def pull(self) -> None:
        """Take in what the source has made, and wake all who watch."""
        frames = self._source.drain()
        for frame in frames:
            self._append(frame)
        if frames:
            self.wake()

    def _append(self, frame: Frame) -> None:
        if frame.start != self.position:  # it goes on from elsewhere: who watches gets a snapshot next
            self._first = self.end + 1
            self._frames.clear()
            self._bytes = 0
        self._frames.append(frame)
        self._bytes += len(frame.body)
        self.position = frame.position
        while len(self._frames) > MOST_FRAMES or (self._bytes > MOST_BYTES and len(self._frames) > 1):
            self._bytes -= len(self._frames.popleft().body)
            self._first += 1

    def wake(self) -> None:
        """Tell all who watch to look."""
        for waker in tuple(self._wakers):
            waker()

    def join(self, waker: Callable[[], None]) -> None:
        """Have `waker` called whenever there is something new."""
        self._wakers.add(waker)

    def leave(self, waker: Callable[[], None]) -> None:
        """End that."""
        self._wakers.discard(waker)

    def after(self, position: str) -> int | None:
        """The number of the frame that goes on from `position`, None where the log has none such."""
        if position == self.position:
            return self.end
        for number, frame in enumerate(self._frames, self._first):
            if frame.start == position:
                return number
        return None

    def frames(self, number: int) -> list[Frame] | None:
        """The frames from `number` on, None where some of them are gone."""
        if number < self._first:
            return None
        return [self._frames[index] for index in range(number - self._first, len(self._frames))]

    def snapshot(self) -> tuple[Frame, int]:
        """The state, and the number of the frame that goes on from it. Encoded once for all who come at one time."""
        kept = self._snapshot
        number = None if kept is None else self.after(kept.position)
        if kept is None or number is None or self.end - number > FRESH:
            kept = self._snapshot = self._source.take()
            self.pull()
            self.position = kept.position
            number = self.end
        return kept, number
