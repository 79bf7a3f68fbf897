"""One consumer, from its name to its end: what `runreel consume NAME` and `runreel up` run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runreel.deadline import Deadline
from runreel.errors import SettingError
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers import graveyard
from runreel_consumers.archive.acks import Acks
from runreel_consumers.archive.followers import Follower
from runreel_consumers.archive.keeper import Keeper
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.blobs.saying import Saying
from runreel_consumers.blobs.sink import BlobSink
from runreel_consumers.brokers import HubTopics, Identities, TopicIds, address_of, admin
from runreel_consumers.catalog.follower import Catalog
from runreel_consumers.catalog.retention import Gone, Retention, ages
from runreel_consumers.embedded import EmbeddedOutbox
from runreel_consumers.loop import Loop
from runreel_consumers.outbox import Outbox
from runreel_consumers.sinks import Sink
from runreel_consumers.store import Store, open_store

NAMES: Final = ("archive", "blobs")
"""The consumers there are."""

EMBEDDED_BYTES: Final = 1 << 20
EMBEDDED_SECONDS: Final = 0.25
"""How often a consumer of `runreel up` flushes: its broker holds little, and its emitters wait for acknowledgements."""

_TELL_SECONDS: Final = 60.0


def consume(name: str, settings: Settings, stop: threading.Event, *, hub: Hub | None = None) -> None:
    """Run one consumer until `stop` is set.

    Args:
        name: one of `NAMES`.
        settings: where Kafka and the store are; without Kafka, the `runreel up` of this machine is served.
        stop: ends it: what was taken is stored and committed, within the settings' `exit_wait`.
        hub: the `runreel up` whose consumer this is; by default the one that runs on this machine.

    Raises:
        SettingError: there is no such consumer, no Kafka, or the store refuses us; says the way out.
        NotReachable: a broker or the store does not answer.
    """
    if name not in NAMES:
        raise SettingError("consumer", name, f"is none; there are: {', '.join(NAMES)}")
    loop = make(name, settings, hub if settings.kafka else hub or Hub.find(settings))
    loop.run(stop)


def make(name: str, settings: Settings, hub: Hub | None) -> Loop:
    """The loop of one consumer; only the store has been asked whether it is there.

    Raises:
        SettingError: as `consume`.
    """
    embedded = hub is not None and not settings.kafka
    if embedded and hub is not None:
        settings = settings.replace(
            store=settings.store or hub.store,
            flush_bytes=min(settings.flush_bytes, EMBEDDED_BYTES),
            flush_seconds=min(settings.flush_seconds, EMBEDDED_SECONDS),
        )
        address, identities = hub.kafka, _hub_topics(hub)
    else:
        address = address_of(settings)
        identities = TopicIds(admin(settings, address))
    store = open_store(settings)
    store.check()
    sink = _sink(name, settings, address, store, hub if embedded else None)
    return Loop(sink, settings, address, identities, grouped=not embedded)


def telling(settings: Settings, address: str) -> Gone:
    """Tells on the topic of notifications that runs are gone. Speaks to nobody before."""

    def tell(runs: Sequence[str]) -> None:
        outbox = Outbox(settings, address)
        for run in runs:
            outbox.send(settings.topic_runs, None, key=run.encode())
        outbox.flush(Deadline(_TELL_SECONDS))

    return tell


def _hub_topics(hub: Hub) -> Identities:
    return HubTopics(hub.id)


def _sink(name: str, settings: Settings, address: str, store: Store, hub: Hub | None) -> Sink:
    outbox = Outbox(settings, address)
    if name == "blobs":
        own = Outbox(settings, address) if hub is None else EmbeddedOutbox(settings, hub, store)
        return BlobSink(settings, store, outbox, Saying(settings, own))
    archive = Log(store)
    retention = Retention(Log(store), ages(settings), settings.retention, gone=telling(settings, address))

    def retain() -> None:
        retention.apply()
        graveyard.clear(store, time.time_ns() // 1000 - int(settings.retention_dead * 1e6))

    followers: list[Follower] = [Catalog(settings, archive, outbox, Keeper(archive, retain=retain))]
    if hub is not None:
        followers.append(Acks(Path(hub.acks), settings.spool_dir))
    return ArchiveSink(settings, store, outbox, followers)
