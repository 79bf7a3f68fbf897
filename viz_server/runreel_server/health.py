"""How the server's parts are: for people (`/api/v1/health`), and for what starts and stops servers (`/readyz`)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from runreel.errors import RunreelError
from runreel_server.queries.tails import Tails

if TYPE_CHECKING:
    from runreel_server.services import Services

FRESH_SECONDS: Final = 5.0
BEHIND: Final = 10_000
"""Events that the archive may be behind the tail before it is said to be ill."""

SLOW_SECONDS: Final = 15.0
"""Seconds for which nothing may be archived while something is behind, before the archive is said to be ill."""

Json = dict[str, Any]


class Health:
    """Looks at the parts. Safe for threads.

    Args:
        services: the parts of this server.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tails = Tails(services.reader, services.feed)
        self._lock = threading.Lock()
        self._looked = 0.0
        self._store_trouble: str | None = None
        self._progress: tuple[int, float] = (0, time.monotonic())
        self._asked = time.monotonic()

    def told(self) -> Json:
        """`{"parts": [{name, ok, detail}], "listening": address or None}`."""
        kafka = self._services.settings.kafka
        parts = [self._kafka(), self._archive(), self._store()]
        return {"parts": parts, "listening": f"Kafka at {kafka}" if kafka else None}

    def reasons(self) -> list[str]:
        """Why no requests should be sent here; empty where all is well."""
        return [f"{part['name']}: {part['detail']}" for part in (self._kafka(), self._store()) if not part["ok"]]

    @property
    def behind(self) -> int:
        """How many events the tail has heard that the archive does not have yet."""
        total = 0
        for (topic, identity, partition), newest in list(self._services.feed.newest.items()):
            end = self._tails.ends(topic, identity).get((topic, identity, partition), 0)
            total += max(0, newest + 1 - end)
        return total

    def _kafka(self) -> Json:
        trouble = self._services.feed.trouble
        ok = trouble is None or not self._services.settings.kafka
        detail = trouble or f"{self._services.feed.heard:,} messages heard"
        return {"name": "Kafka", "ok": ok, "detail": detail}

    def _archive(self) -> Json:
        behind, now = self.behind, time.monotonic()
        with self._lock:
            last, since = self._progress
            # Where nobody looked for a while, nothing is known of what was archived meanwhile.
            if behind < last or not behind or now - self._asked > SLOW_SECONDS / 2:
                since = now
            self._progress, self._asked = (behind, since), now
        if behind and (behind > BEHIND or now - since > SLOW_SECONDS):
            return {"name": "archive", "ok": False, "detail": f"{behind:,} events behind: runreel consume archive?"}
        return {"name": "archive", "ok": True, "detail": f"{behind:,} events behind"}

    def _store(self) -> Json:
        with self._lock:
            fresh = time.monotonic() - self._looked < FRESH_SECONDS and self._looked
        if not fresh:
            try:
                next(iter(self._services.store.list("epochs/")), None)
                trouble = None
            except RunreelError as error:
                trouble = str(error)
            with self._lock:
                self._looked, self._store_trouble = time.monotonic(), trouble
        trouble = self._store_trouble
        return {"name": "store", "ok": trouble is None, "detail": trouble or "answers"}
