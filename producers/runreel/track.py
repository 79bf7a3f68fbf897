"""Track: go through something, and say how far that is."""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from runreel import values

if TYPE_CHECKING:
    from runreel.speaker import Speaker

T = TypeVar("T")

RATES: Final = 31  # recent rates whose median is the rate: a stall or a burst of a few units moves it little
SAMPLE: Final = 0.1  # seconds that one rate spans, at least


class Track(Generic[T]):
    """Progress through an iterable, or counted by hand; made by `step.track`.

    Around it anything works: `enumerate(step.track(paths))`, `zip`, `break`. Iterating says each unit when the next one
    is asked for; what is on disk is always the newest count, what is delivered at most five a second.

    Attributes:
        done: units done.
        total: units there will be, or None.
        unit: what they are, or None.
    """

    def __init__(
        self,
        speaker: Speaker,
        iterable: Iterable[T] | None = None,
        total: float | None = None,
        unit: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if iterable is not None and not isinstance(iterable, Iterable):
            raise TypeError(
                f"track got {values.shown(iterable)}, a {type(iterable).__name__}: give an iterable, or total="
            )
        self._speaker, self._iterable, self._clock = speaker, iterable, clock
        self.done: int | float = 0
        self.total: int | float | None = _length(iterable) if total is None else values.amount("total", total)
        self.unit = unit
        self._message: str | None = None
        self._rates: deque[float] = deque(maxlen=RATES)
        self._begin()

    def __repr__(self) -> str:
        return f"<runreel.Track {self.done}/{'?' if self.total is None else self.total} {self.unit or ''}>"

    def _begin(self) -> None:
        self.done = 0
        self._sampled_at, self._sampled_done = self._clock(), float(self.done)
        self._say()

    def __iter__(self) -> Iterator[T]:
        """The iterable's items, each said as done when the next one is asked for.

        Raises:
            TypeError: there is no iterable: count by `update`.
        """
        if self._iterable is None:
            raise TypeError("this track has no iterable to go through: give one, or count by update()")
        if self.done:
            self._begin()
        for item in self._iterable:
            yield item
            self.update()
        if self.total is None:
            self.total = self.done
            self._say()

    def __len__(self) -> int:
        """The iterable's length.

        Raises:
            TypeError: it has none.
        """
        if not isinstance(self._iterable, Sized):
            raise TypeError("what is tracked has no length")
        return len(self._iterable)

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Track[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, n: int | float = 1, *, message: str | None = None) -> None:
        """Say that `n` more units are done; `message` says, in a few words, what is being done.

        Raises:
            TypeError: `n` is no number.
        """
        self.done += n if type(n) is int else values.number("n", n)
        if message is not None:
            self._message = message
        now = self._clock()
        span = now - self._sampled_at
        if span >= SAMPLE:
            self._rates.append((self.done - self._sampled_done) / span)
            self._sampled_at, self._sampled_done = now, self.done
        self._say()

    def close(self) -> None:
        """Say the count once more; for those who write it with `tqdm` in mind."""
        self._say()

    @property
    def rate(self) -> float | None:
        """Units a second: the median of recent rates; None before there is one."""
        rates = sorted(self._rates)
        half = len(rates) // 2
        return (rates[half] + rates[-1 - half]) / 2 if rates else None

    @property
    def remaining(self) -> float | None:
        """Seconds until all is done, at that rate; None where total or rate are unknown or nothing moves."""
        rate = self.rate
        if self.total is None:
            return None
        if self.done >= self.total:
            return 0.0
        return (self.total - self.done) / rate if rate and rate > 0 else None

    @property
    def eta(self) -> datetime.datetime | None:
        """The moment (UTC) when all is done, at that rate; None where `remaining` is."""
        left = self.remaining
        if left is None or left > datetime.timedelta.max.total_seconds() / 1e3:
            return None
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=left)

    def _say(self) -> None:
        self._speaker.progress(self.done, self.total, unit=self.unit, message=self._message)


def _length(iterable: object) -> int | None:
    try:
        return len(iterable)  # type: ignore[arg-type]  # asked of anything: what has none says so
    except Exception:  # a data loader over a stream may raise whatever it likes
        return None
