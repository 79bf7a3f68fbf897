"""How much the store holds, counted now and then beside everything else."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from runreel.codec import iso
from runreel.errors import RunreelError
from runreel_consumers.store import Store

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 300.0
SHARE: Final = 20.0
"""After a count that took a second, none is begun for so many: a store of a million objects is not listed all day."""

PATIENCE: Final = 0.5

Json = dict[str, Any]


class Stored:
    """The size of a store. Safe for threads.

    Args:
        store: what is counted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known: Json = {"bytes": None, "at": None}
        self._due = 0.0

    def figures(self) -> Json:
        """`{"bytes": n or None, "at": time or None}`, as counted last. A first count is waited for, half a second."""
        with self._lock:
            if self._thread is None and time.monotonic() >= self._due:
                self._thread = threading.Thread(target=self._count, name="runreel-stored", daemon=True)
                self._thread.start()
            thread = self._thread if self._known["at"] is None else None
        if thread is not None:
            thread.join(PATIENCE)
        return self._known

    def _count(self) -> None:
        began = time.monotonic()
        try:
            known = {"bytes": sum(info.size for info in self._store.list()), "at": iso(time.time_ns() // 1000)}
        except RunreelError as error:
            log.info("what the store holds was not counted: %s", error)
            known = self._known
        wait = max(FRESH_SECONDS, SHARE * (time.monotonic() - began))
        with self._lock:
            self._known, self._due, self._thread = known, time.monotonic() + wait, None
