"""A feed of the server, on librdkafka's built-in broker and an archive that holds what a test gives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feeding import Archive
from runreel.settings import Settings
from runreel_consumers.brokers import HubTopics
from runreel_server.feed import Feed, LiveRuns
from runreel_server.up import Broker


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker for this module."""
    held = Broker()
    yield held.address()
    del held


@pytest.fixture
def archive() -> Archive:
    """An empty archive."""
    return Archive()


@pytest.fixture
def waiting(broker: str, archive: Archive) -> Iterator[Feed]:
    """A feed that has not begun."""
    made = Feed(
        Settings(environ={}),
        reader=archive,  # type: ignore[arg-type]
        history=archive.history,
        config={"bootstrap.servers": broker, "fetch.wait.max.ms": 10, "log_level": 0},
        identities=HubTopics("hub"),
        runs=LiveRuns(),
    )
    yield made
    made.close()


@pytest.fixture
def feed(waiting: Feed) -> Feed:
    """A feed that follows the broker."""
    waiting.start()
    return waiting
