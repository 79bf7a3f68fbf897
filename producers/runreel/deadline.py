"""One monotonic limit for everything that a shutdown does."""

from __future__ import annotations

import math
import time


class Deadline:
    """A moment on the monotonic clock, shared by all blocking steps of one piece of work.

    Args:
        seconds: from now; None is never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + max(0.0, seconds)

    def left(self, most: float = math.inf) -> float:
        """Seconds until the deadline, not negative, at most `most`."""
        return min(most, max(0.0, self._end - time.monotonic()))

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._end
