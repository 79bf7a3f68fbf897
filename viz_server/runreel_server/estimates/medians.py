"""What a pipeline's earlier runs took."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from runreel.codec import parse_time
from runreel.errors import NotReachable
from runreel_consumers.catalog.pipelines import Durations, durations
from runreel_consumers.store import Store

FRESH_SECONDS: Final = 30.0
"""How long an answer of the store holds."""

YOUNG: Final = 60_000_000
"""For a run that began less than so many microseconds ago the run before it may be filed at any moment: then an answer
holds `YOUNG_SECONDS`."""

YOUNG_SECONDS: Final = 3.0
_MOST: Final = 1_000

Json = dict[str, Any]


class Medians:
    """The durations of pipelines, read again after a while. Safe for threads.

    Args:
        store: where the catalog keeps them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, Durations]] = {}

    def durations(self, workspace: str, pipeline: str, *, fresh: float | None = None) -> Durations:
        """How long the last runs took; none where the store does not answer: an estimate is not worth an error.

        Args:
            workspace: theirs.
            pipeline: theirs.
            fresh: how many seconds old an answer may be; None: `FRESH_SECONDS`.
        """
        if not pipeline:
            return Durations([])
        key = (workspace, pipeline)
        with self._lock:
            read, found = self._known.get(key, (0.0, None))
        now = time.monotonic()
        if found is not None and now - read < (FRESH_SECONDS if fresh is None else fresh):
            return found
        try:
            found = durations(self._store, workspace, pipeline)
        except NotReachable:
            found = found or Durations([])
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now, found)
        return found

    def of(self, state: Json) -> Json:
        """`{"run": seconds, "steps": {path: seconds}}` for a run with these own fields; empty where there are none.

        Only runs that had ended when this one began count, so that a moment of it looks the same whenever one looks.
        """
        started = state["started"]
        young = started is not None and time.time_ns() // 1000 - parse_time(started) < YOUNG
        fresh = YOUNG_SECONDS if young else None
        found = self.durations(state["workspace"], state["pipeline"], fresh=fresh).runs
        return Durations([one for one in found if started is None or one.finished <= started]).medians()
