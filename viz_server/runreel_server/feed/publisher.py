"""One thread that makes frames: at once for a first change, then at most ten a second for each thing watched."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

INTERVAL: Final = 0.1


class Advancing(Protocol):
    """What frames are made of."""

    name: str

    def advance(self) -> bool:
        """Make the frame of what has changed; answers whether there was anything."""


class Publisher:
    """Calls `advance` of what has changed, then `made`, which must be quick."""

    def __init__(self, made: Callable[[str], None]) -> None:
        self._made = made
        self._wake = threading.Condition()
        self._due: dict[str, tuple[float, Advancing]] = {}
        self._last: dict[str, float] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="runreel-publisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End, within `timeout` seconds."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._thread.join(timeout)

    def changed(self, one: Advancing) -> None:
        """Have a frame made of what has changed, now or when it is due again."""
        with self._wake:
            if one.name not in self._due:
                self._due[one.name] = (self._last.get(one.name, 0.0) + INTERVAL, one)
                self._wake.notify()

    def forget(self, name: str) -> None:
        """What is no longer watched."""
        with self._wake:
            self._due.pop(name, None)
            self._last.pop(name, None)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopped:
                    return
                now = time.monotonic()
                ready = [one for when, one in self._due.values() if when <= now]
                if not ready:
                    soonest = min((when for when, _ in self._due.values()), default=None)
                    self._wake.wait(None if soonest is None else soonest - now)
                    continue
                for one in ready:
                    del self._due[one.name]
                    self._last[one.name] = now
            for one in ready:
                try:
                    if one.advance():
                        self._made(one.name)
                except Exception:  # one run's trouble must not stop the others
                    log.exception("no frame of %s", one.name)
