"""What consumers need outside: required at their start, and looked at by `runreel doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Literal

from runreel.checks import Finding, reach
from runreel.codec import iso
from runreel.errors import NotReachable, SettingError
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers import graveyard
from runreel_consumers import topics as wanted_topics
from runreel_consumers.archive.positions import Epochs
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import TopicIds, address_of, partitions_of_topics
from runreel_consumers.store import Store, open_store

_RECENT: Final = 86_400_000_000  # µs: what died within a day is worth a warning


def require_kafka(settings: Settings) -> str:
    """The bootstrap servers that the settings name, which answer.

    Raises:
        SettingError: there are none, they do not answer, or the clients' keys are wrong.
    """
    address = address_of(settings)
    reach(settings, address)
    return address


def require_topics(settings: Settings, names: list[str]) -> None:
    """See that topics are there.

    Raises:
        SettingError: one is not; it is not made here, because a mistyped name would make another one.
    """
    client, _ = reach(settings, address_of(settings))
    for name, count in partitions_of_topics(client, names).items():
        if not count:
            raise SettingError(_setting_of(settings, name), name, "is no topic there: run `runreel topics create`")


def _setting_of(settings: Settings, topic: str) -> str:
    named = {settings.topic_blobs: "BLOBS", settings.topic_runs: "RUNS", settings.topic_dead: "DEAD"}
    return f"RUNREEL_TOPIC_{named.get(topic, 'EVENTS')}"


def require_store(settings: Settings) -> Store:
    """The store that the settings name, which can be read and written.

    Raises:
        SettingError: there is none, or it does not answer or refuses; says the way out.
    """
    store = open_store(settings)
    try:
        store.check()
    except NotReachable as error:
        s3 = settings.store.startswith("s3:")
        name, value = ("RUNREEL_S3_ENDPOINT", settings.s3_endpoint) if s3 else ("RUNREEL_STORE", settings.store)
        raise SettingError(name, value, f"{error}: check the address, and that the store runs") from None
    return store


def topics(settings: Settings) -> Iterator[Finding]:
    """Whether the topics are there and right, and whether the archive keeps up with them."""
    if not settings.kafka:
        if Hub.find(settings):
            yield Finding("ok", "topics", "the broker of `runreel up` makes them itself")
        return
    client, _ = reach(settings, settings.kafka, starting=False)
    differences = wanted_topics.compare(settings, settings.kafka)
    for found in differences:
        yield Finding("wrong", "topics", f"{found.topic} {found.text}", found.way_out)
    if not differences:
        yield Finding("ok", "topics", "all there and right")
    if not settings.store:
        return
    store = require_store(settings)
    ids = TopicIds(client).of(settings.event_topics)
    yield from _grown(settings, store, partitions_of_topics(client, ids), ids)
    yield from _lag(settings, store, ids)


def _grown(settings: Settings, store: Store, counts: dict[str, int], ids: dict[str, str]) -> Iterator[Finding]:
    registry = Epochs(store)
    for topic, number in ids.items():
        epoch = registry.find(number)
        if epoch is not None and epoch.partitions != counts[topic]:
            text = f"{topic} had {epoch.partitions} partitions when its archive began and has {counts[topic]} now"
            way_out = "runs are split between partitions: name a new topic in RUNREEL_TOPIC_EVENTS and create it"
            yield Finding("wrong", "topics", text, way_out)


def _lag(settings: Settings, store: Store, ids: dict[str, str]) -> Iterator[Finding]:
    lags = wanted_topics.lags(settings, settings.kafka, Reader(store), ids)
    if not lags:
        yield Finding("ok", "archive", "has all that the topics hold")
        return
    oldest, behind = max(lag.age for lag in lags), sum(lag.behind for lag in lags)
    text = f"lags by {behind:,} messages, the oldest of {oldest:,.0f} s"
    if oldest > settings.retention / 2:
        days = settings.retention / 86_400
        way_out = f"start more of `runreel consume archive`: Kafka keeps them {days:g} days, then they are lost"
        yield Finding("warning", "archive", f"{text}: more than half of the retention", way_out)
    else:
        yield Finding("ok", "archive", text)


def store(settings: Settings) -> Iterator[Finding]:
    """Whether the store can be reached, read and written."""
    if not settings.store and Hub.find(settings) is None:
        yield Finding("ok", "store", "RUNREEL_STORE is not set: only consumers and servers need it")
        return
    found = require_store(settings)
    hub = None if settings.store else Hub.find(settings)
    yield Finding("ok", "store", f"{settings.store or (hub.store if hub else '')} is read and written")
    number, last = graveyard.count(found)
    if number:
        text = f"{number:,} messages could not be taken, the last at {iso(last)}"
        level: Literal["ok", "warning"] = "warning" if time.time() * 1e6 - last < _RECENT else "ok"
        yield Finding(level, "dead letters", text, "`runreel archive dead` says which and why" if level != "ok" else "")
