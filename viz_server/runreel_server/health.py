"""How the server's parts are: for people (`/api/v1/health`), and for what starts and stops servers (`/readyz`)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from runreel.codec import iso
from runreel.errors import RunreelError
from runreel_server.feed.spools import Spool
from runreel_server.pages.text import count, plural, size
from runreel_server.queries.tails import Tails
from runreel_server.stored import Stored

if TYPE_CHECKING:
    from runreel_server.services import Services

FRESH_SECONDS: Final = 5.0
BEHIND: Final = 10_000
"""Events that the archive may be behind the tail before it is said to be ill."""

SLOW_SECONDS: Final = 15.0
"""Seconds for which nothing may be archived while something is behind, before the archive is said to be ill."""

MOST_SPOOLS: Final = 20

Json = dict[str, Any]


class Health:
    """Looks at the parts. Safe for threads.

    Args:
        services: the parts of this server.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tails = Tails(services.reader, services.feed)
        self._stored = Stored(services.store)
        self._hosts: dict[str, str] = {}
        self._lock = threading.Lock()
        self._looked = 0.0
        self._store_trouble: str | None = None
        self._progress: tuple[int, float] = (0, time.monotonic())
        self._asked = time.monotonic()

    def told(self, runs: int | None = None) -> Json:
        """How the parts are.

        Args:
            runs: how many there are, where that is known.

        Returns:
            `{"parts": [{name, ok, detail}], "listening": address or None}`, a part a line, and as figures:
            `"kafka": {rate, heard}` (events a second, messages since the start), `"archive": {events, seconds}` (how
            far it is behind), `"spools": {waiting, bytes, sessions: [{session, run, host, bytes, heard, silent}]}`
            (the 20 fullest ones), `"stored": {bytes, at, runs}`.
        """
        kafka = self._services.settings.kafka
        pulse, waiting = self._services.feed.pulse, self._services.feed.spools.waiting()
        shown = self._shown(waiting)
        stored = {**self._stored.figures(), "runs": runs}
        return {
            "parts": [self._kafka(), self._archive(), _spools(waiting, shown), self._store(stored)],
            "listening": f"Kafka at {kafka}" if kafka else None,
            "kafka": {"rate": round(pulse.rate(), 1), "heard": pulse.heard},
            "archive": {"events": self.behind, "seconds": round(self.seconds, 1)},
            "spools": {"waiting": len(waiting), "bytes": sum(spool.bytes for spool in waiting), "sessions": shown},
            "stored": stored,
        }

    def reasons(self) -> list[str]:
        """Why no requests should be sent here; empty where all is well."""
        return [f"{part['name']}: {part['detail']}" for part in (self._kafka(), self._store({})) if not part["ok"]]

    @property
    def behind(self) -> int:
        """How many events the tail has heard that the archive does not have yet."""
        newest = self._services.feed.pulse.newest
        return sum(max(0, offset + 1 - self._end(place)) for place, offset in newest.items())

    @property
    def seconds(self) -> float:
        """How long ago the oldest of these was received; 0 where there are none."""
        pulse = self._services.feed.pulse
        since = [pulse.since(place, self._end(place)) for place in pulse.newest]
        oldest = min((when for when in since if when is not None), default=None)
        return 0.0 if oldest is None else max(0.0, time.time() - oldest / 1e6)

    def _end(self, place: tuple[str, str, int]) -> int:
        return self._tails.ends(*place[:2]).get(place, 0)

    def _kafka(self) -> Json:
        trouble = self._services.feed.trouble
        ok = trouble is None or not self._services.settings.kafka
        detail = trouble or f"{count(round(self._services.feed.pulse.rate()))} events a second"
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
            detail = f"{count(behind)} events, {self.seconds:.0f} s behind: runreel consume archive?"
            return {"name": "Archive", "ok": False, "detail": detail}
        return {"name": "Archive", "ok": True, "detail": f"{self.seconds:.1f} s behind" if behind else "all is stored"}

    def _shown(self, waiting: list[Spool]) -> list[Json]:
        shown = []
        asked = False  # one a call: a run that nobody looks at is read for it
        for spool in waiting[:MOST_SPOOLS]:
            host = spool.host or self._hosts.get(spool.session)
            if host is None and not asked:
                asked, host = True, self._host(spool)
            told = {"session": spool.session, "run": spool.run, "host": host or None, "bytes": spool.bytes}
            shown.append({**told, "heard": iso(spool.heard), "silent": spool.silent})
        self._hosts = {spool.session: self._hosts[spool.session] for spool in waiting if spool.session in self._hosts}
        return shown

    def _host(self, spool: Spool) -> str:
        """Where a session runs that was opened before this server listened; empty where that cannot be told."""
        self._hosts[spool.session] = ""
        try:
            live = self._services.feed.live(spool.run)
        except RunreelError:
            return ""
        with live.lock:
            known = live.state.view_part(("session", spool.session)) or {}
        self._hosts[spool.session] = host = str(known.get("host") or "")
        return host

    def _store(self, stored: Json) -> Json:
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
        runs, held = stored.get("runs"), stored.get("bytes")
        figures = [*([] if held is None else [size(held)]), *([] if runs is None else [plural(runs, "run")])]
        return {"name": "Store", "ok": trouble is None, "detail": trouble or ", ".join(figures) or "answers"}


def _spools(waiting: list[Spool], shown: list[Json]) -> Json:
    """The part of the spools: how many wait, how much, and where the fullest one is."""
    if not waiting:
        return {"name": "Spools", "ok": True, "detail": "none waits"}
    where = f" on {shown[0]['host']}" if shown[0]["host"] else ""
    much = size(sum(spool.bytes for spool in waiting))
    detail = f"1 waits{where}, {much}"
    if len(waiting) > 1:
        detail = f"{count(len(waiting))} wait, {much}" + (f"; most{where}" if where else "")
    return {"name": "Spools", "ok": False, "detail": detail}
