"""The estimates of one live run, kept current from the parts that change rather than from its whole state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runreel.events import ENDED
from runreel_server import estimates
from runreel_server.graph import Pace

MANY: Final = 200
"""Steps above which an estimate serves for a second."""

Json = dict[str, Any]


class Guesses:
    """When a run and its steps will end. Not safe for threads: its run holds a lock."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}
        self._expected: dict[str, float] = {}
        self._whole = False
        self._made = 0.0
        self._end: str | None = None

    def fill(self, patch: Json, state: str, now: int, rest: Callable[[], Mapping[str, Json]]) -> None:
        """Fill a patch of a run in this state; `rest` gives all steps, and is asked once."""
        if not self._whole:
            self._note(rest())
            self._whole = True
        steps: Mapping[str, Json] = patch.get("steps") or {}
        self._note(steps)
        if state in ENDED:
            patch["eta"] = None
            return
        running = [(path, step) for path, step in _there(steps) if step["state"] == "RUNNING"]
        inner = estimates.within(self._paces) if running else {}
        for path, step in running:
            step["eta"] = estimates.step_eta(self._paces[path], step["expected"], now, inner.get(path, ()))
        if len(self._paces) <= MANY or time.monotonic() - self._made > 1.0:
            self._end, self._made = estimates.remaining(self._paces, self._expected, now), time.monotonic()
        patch["eta"] = None if state == "STALLED" else self._end

    def _note(self, steps: Mapping[str, Json]) -> None:
        for path, step in _there(steps):
            self._paces[path] = estimates.pace(path, step)
            if step["expected"] is not None:
                self._expected[path] = step["expected"]


def _there(steps: Mapping[str, Json]) -> Iterable[tuple[str, Json]]:
    return ((path, step) for path, step in steps.items() if step is not None)
