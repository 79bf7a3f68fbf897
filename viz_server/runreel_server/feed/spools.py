"""Which sessions have said that much of theirs waits in a spool."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final, TypeVar

import msgspec

from runreel import events as ev
from runreel.codec import decode, payload
from runreel.errors import CodecError
from runreel_server.feed.recent import Taken

WAITS_BYTES: Final = 1 << 20
"""A session that gives signs of life waits where it has more than this: a little is always under way."""

SILENT_INTERVALS: Final = 3.0
MOST_SESSIONS: Final = 20_000
KEPT_SECONDS: Final = 24 * 3600.0

T = TypeVar("T")

_KINDS: Final = (ev.HEARTBEAT, ev.SESSION_OPENED, ev.SESSION_CLOSED)
_MARKS: Final = (*(kind.encode() for kind in _KINDS), b'"final":true', b'"final": true')


class Spool(msgspec.Struct, frozen=True):
    """What a session last said of its spool.

    Attributes:
        session: its id.
        run: its run's id.
        host: where it runs; empty where that was not heard.
        bytes: what waited there, about.
        heard: when it said so, by the broker's clock, in µs since 1970.
        silent: whether it has given no sign of life since then for longer than it should.
    """

    session: str
    run: str
    host: str
    bytes: int
    heard: int
    silent: bool


class Spools:
    """The newest sign of life of each session. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: OrderedDict[str, str] = OrderedDict()
        self._beats: OrderedDict[str, tuple[Spool, float]] = OrderedDict()
        self._closed: OrderedDict[str, bool] = OrderedDict()

    def hear(self, taken: Taken) -> None:
        """Take a message of the tail."""
        if not any(mark in taken.message for mark in _MARKS):
            return
        try:
            event = decode(taken.message)
            data = payload(event) if event.type in _KINDS else None
        except CodecError:
            return
        session = event.session or ""
        with self._lock:
            if isinstance(data, ev.SessionOpened):
                self._hosts[session] = data.host
                _bound(self._hosts)
            elif isinstance(data, ev.SessionClosed) or event.final:
                self._hosts.pop(session, None)
                self._beats.pop(session, None)
                self._closed[session] = True
                _bound(self._closed)
            elif isinstance(data, ev.Heartbeat):
                self._beats.pop(session, None)
                # One that sends its last artifacts still beats, and counts what is on its way to be acknowledged; but
                # all that it ever says lies before its close.
                if data.spool > 0 and session not in self._closed:
                    heard = event.time if taken.received is None else taken.received
                    spool = Spool(session, event.run, self._hosts.get(session, ""), data.spool, heard, False)
                    self._beats[session] = (spool, data.interval)
                    _bound(self._beats)

    def waiting(self, now: int | None = None) -> list[Spool]:
        """The spools that wait at `now` (µs since 1970; None: the clock's), the fullest one first."""
        moment = time.time_ns() // 1000 if now is None else now
        found = []
        with self._lock:
            for spool, interval in self._beats.values():
                age = (moment - spool.heard) / 1e6
                silent = age > SILENT_INTERVALS * interval
                if age < KEPT_SECONDS and (silent or spool.bytes > WAITS_BYTES):
                    found.append(msgspec.structs.replace(spool, silent=silent))
        return sorted(found, key=lambda spool: (-spool.bytes, spool.session))


def _bound(known: OrderedDict[str, T]) -> None:
    while len(known) > MOST_SESSIONS:
        known.popitem(last=False)
