"""What Flask, the asynchronous routes and `runreel up` share: the store, the archive's reader, the feed."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from runreel.errors import NotFound
from runreel.events import Event
from runreel.hub import Hub
from runreel.settings import Settings
from runreel.state import RunState, Tally
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.reader import Reader
from runreel_consumers.blobs.artifacts import open_artifact
from runreel_consumers.blobs.claims import Claims
from runreel_consumers.blobs.saying import Saying
from runreel_consumers.brokers import HubTopics, TopicIds, admin, client_config
from runreel_consumers.catalog.loader import Loader
from runreel_consumers.embedded import EmbeddedOutbox
from runreel_consumers.outbox import Outbox
from runreel_consumers.store import open_store
from runreel_server.estimates import Medians
from runreel_server.feed import Feed, LiveRuns

UPLOADS: Final = "/api/v1/uploads/"
"""Where claimed bytes are sent, an artifact's id behind it."""

Bytes = Callable[[int, int | None], Iterator[bytes]]
"""(start, length) -> the bytes from there."""


class Services:
    """The parts of one server, made from the settings.

    Args:
        settings: name the store and Kafka.
        hub: the `runreel up` whose server this is; its broker and store are used where the settings name none.
        url: where this server is reached, for upload addresses.

    Raises:
        SettingError: the store cannot be one; speaks to nobody otherwise.
    """

    def __init__(self, settings: Settings, *, hub: Hub | None = None, url: str = "") -> None:
        if hub is not None:
            settings = settings.replace(kafka=settings.kafka or hub.kafka, store=settings.store or hub.store)
        self.settings = settings
        self.url = (url or settings.url).rstrip("/")
        self.store = open_store(settings)
        self.reader = Reader(self.store)
        self._loader = Loader(Log(self.store))
        self.runs = LiveRuns()
        self.medians = Medians(self.store)
        embedded = hub is not None and settings.kafka == hub.kafka
        # The built-in broker answers a fetch only when its wait is over: a short one is what makes a page live.
        wait = {"fetch_wait_max_ms": 20} if embedded else {}
        config = client_config(settings, settings.kafka, **wait) if settings.kafka else None
        identities = None
        if config is not None:
            identities = (
                HubTopics(hub.id) if embedded and hub is not None else TopicIds(admin(settings, settings.kafka))
            )
        self.feed = Feed(
            settings,
            reader=self.reader,
            history=self.history,
            config=config,
            identities=identities,
            runs=self.runs,
            medians=self.medians.of,
        )
        self._ended = threading.Event()
        self._hub = hub if embedded else None
        self.claims = Claims(
            self.store, Saying(settings, self.outbox()), lambda artifact: f"{self.url}{UPLOADS}{artifact}"
        )

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin to follow Kafka; `loop` is the event loop of the streams."""
        self.feed.start(loop)

    def close(self) -> None:
        """End."""
        self._ended.set()
        self.feed.close()

    def outbox(self) -> Outbox:
        """A way for messages of this server's own. What its `flush` has answered for is safe: in Kafka, or, where that
        is the broker of `runreel up`, which forgets, in the archive."""
        if self._hub is None:
            return Outbox(self.settings, self.settings.kafka)
        return EmbeddedOutbox(self.settings, self._hub, self.store, self._ended.is_set)

    def history(self, run: str) -> tuple[RunState, Tally]:
        """What the archive has of a run, folded: its newest keyframe, and what lies beyond."""
        found = self._loader.load(run, self.settings.event_topics[0])
        return found.state, found.tally

    def events(self, run: str, types: frozenset[str] | None = None) -> Iterator[Event]:
        """All events of a run (of these types, where given) in the order of their stamps, each once.

        Those of the archive are read while they are taken; those that only the tail has yet come in their places.

        Raises:
            NotFound: no such run.
        """
        recent = sorted((e for e in self.feed.recent(run) if types is None or e.type in types), key=_stamp)
        stored = (row.event for row in self.reader.rows(run, types))
        found = _once(heapq.merge(stored, recent, key=_stamp))
        first = next(found, None)
        if first is None:
            if types is None:
                raise NotFound(f"no run {run}")
            return iter(())
        return _chain(first, found)

    def content(self, artifact: str) -> tuple[dict[str, Any], Bytes]:
        """What is known of an artifact's bytes, and a way to them.

        Raises:
            NotFound: there are none.
        """
        info, _ = open_artifact(self.store, artifact, 0, 0)
        declared = self.declared(info.run, artifact) or {}
        known = {**declared, "size": info.size, "sha256": info.sha256}

        def read(start: int, length: int | None) -> Iterator[bytes]:
            return open_artifact(self.store, artifact, start, length)[1]

        return known, read

    def declared(self, run: str, artifact: str) -> dict[str, Any] | None:
        """An artifact as its run's state has it; None where the run does not know it."""
        live = self.feed.live(run)
        with live.lock:
            return live.state.view_part(("artifact", artifact))

    def receive(self, artifact: str, token: str, pieces: Iterable[bytes]) -> int:
        """Take the bytes of a claimed artifact; answers how many there were."""
        return self.claims.receive(artifact, token, pieces)


def _stamp(event: Event) -> tuple[int, str, int]:
    return (event.time, event.session or "", -1 if event.seq is None else event.seq)


def _once(events: Iterable[Event]) -> Iterator[Event]:
    seen: dict[str, Intervals] = {}
    beats: set[str] = set()
    for event in events:
        if event.session is not None and event.seq is not None:
            new = add(seen.setdefault(event.session, []), event.seq)
        else:
            new = event.id not in beats
            beats.add(event.id)
        if new:
            yield event


def _chain(first: Event, rest: Iterable[Event]) -> Iterator[Event]:
    yield first
    yield from rest
