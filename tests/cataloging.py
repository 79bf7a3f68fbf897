"""An archive with its catalog, without a Kafka and without patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiving import START, Kept, Letters, settings
from runreel import codec
from runreel.deadline import Deadline
from runreel.events import Event
from runreel_consumers.archive.keeper import Keeper
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.catalog import follower
from runreel_consumers.catalog.days import days, read
from runreel_consumers.catalog.follower import Catalog
from runreel_consumers.loop import Place
from runreel_consumers.store import DirectoryStore

PLACE = Place("runreel.events", 0, "one")


class Archive:
    """An archive with its catalog, without a Kafka: what the catalog sends comes back as the next messages."""

    def __init__(self, store: DirectoryStore) -> None:
        self.store, self.now, self.offset = store, START, 0
        self.letters = Letters()
        self._begin()

    def _begin(self) -> None:
        log = Log(self.store)
        self.catalog = Catalog(settings(), log, self.letters, Keeper(log), lambda: self.now)  # type: ignore[arg-type]
        self.sink = ArchiveSink(settings(), self.store, self.letters, [self.catalog])  # type: ignore[arg-type]
        self.sink.opened(PLACE, 1, self.offset)
        self.sink.tick()

    def take(self, *events: Event) -> None:
        """Messages come, are flushed, and the clock ticks."""
        messages = [
            Kept(codec.encode(event), self.offset + i, received=(self.now + i) // 1000)
            for i, event in enumerate(events)
        ]
        if messages:
            self.sink.add(PLACE, messages)
            self.offset += len(messages)
        self.sink.flush(Deadline(30))
        self.sink.tick()

    def said(self, kind: str) -> list[Event]:
        """The events of a type that the catalog has sent."""
        sent = [codec.decode(one["value"]) for one in self.letters.sent if one["topic"] == "runreel.events"]
        return [event for event in sent if event.type == kind]

    def told(self) -> dict[str, dict[str, Any]]:
        """The newest notification of each run."""
        sent = [msgspec.json.decode(one["value"]) for one in self.letters.sent if one["topic"] == "runreel.runs"]
        return {summary["id"]: summary for summary in sent}

    def stored(self) -> dict[str, dict[str, Any]]:
        """The summaries in the stored catalog."""
        return {one["id"]: one for info in days(self.store) for one in read(self.store.get(info.key))}

    def end(self) -> None:
        """Leave in good order."""
        self.sink.forget([PLACE], ours=True)
        self.sink.close(Deadline(30))

    def die(self) -> None:
        """Leave in none, and come back."""
        self.sink.close(Deadline(30))
        self.letters = Letters()
        self._begin()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELL_SECONDS", "KEEP_SECONDS", "FILE_SECONDS", "SETTLE_SECONDS", "SETTLE_INCOMPLETE"):
        monkeypatch.setattr(follower, name, 0.0)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(DirectoryStore(tmp_path))
    yield archive
    archive.end()
