"""Events to the `up` of this machine: its broker forgets, its archive's word alone counts."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from runreel import codec
from runreel.hub import Hub, replace
from runreel.spool.lock import Lock
from runreel.transports import embedded
from runreel.transports.embedded import EmbeddedTransport
from sessions import child, session, settings, texts, told, unique, values
from support import wait_for


class Up:
    """A hub with librdkafka's built-in broker, and an archive that loses what `loses` says, as an eviction does."""

    def __init__(self, folder: Path, stored: dict[tuple[str, int], bytes], loses: float = 0.0) -> None:
        self.stored, self.loses = stored, loses
        self.settings = settings(folder)
        self.seen = 0
        self._random = random.Random(5)
        self._holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        (broker,) = self._holder.list_topics(timeout=10).brokers.values()
        self.kafka = f"{broker.host}:{broker.port}"
        self.acks = folder / "acks"
        self._lock: Lock | None = Hub.hold(self.settings)
        assert self._lock is not None
        self.storing = threading.Event()
        self.storing.set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._consume)
        Hub(id=Hub.new_id(), kafka=self.kafka, url="", store="", acks=str(self.acks)).write(self.settings)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        Hub.remove(self.settings)
        if self._lock is not None:
            self._lock.release()
        self._holder.purge()

    def _consume(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self.kafka, "group.id": "t", "auto.offset.reset": "earliest", "log_level": 0}
        )
        partitions = self._holder.list_topics("runreel.events", timeout=10).topics["runreel.events"].partitions
        consumer.assign([TopicPartition("runreel.events", number, OFFSET_BEGINNING) for number in partitions])
        while not self._stop.is_set():
            if not self.storing.wait(0.05):
                continue
            heard = set()
            for message in consumer.consume(500, 0.05):
                if message.error() is not None:
                    continue
                self.seen += 1
                event = codec.decode(message.value() or b"")
                if event.seq is None or event.session is None or self._random.random() < self.loses:
                    continue
                key = (event.session, event.seq)
                assert self.stored.setdefault(key, message.value() or b"") == message.value()
                heard.add(event.session)
            for name in heard:
                end = -1
                while (name, end + 1) in self.stored:
                    end += 1
                if end >= 0:
                    replace(self.acks / name, str(end).encode())
        consumer.close()


@pytest.fixture
def stored() -> dict[tuple[str, int], bytes]:
    return {}


@pytest.fixture
def up(tmp_path: Path, stored: dict[tuple[str, int], bytes]) -> Iterator[Up]:
    one = Up(tmp_path, stored)
    yield one
    one.stop()


def test_a_step_finds_the_hub_without_configuration(tmp_path: Path, up: Up) -> None:
    process = child(
        tmp_path,
        """
import json
one = session(folder)
one.line("a", "e", "found")
print(json.dumps({"closed": one.close(20), "left": len(list((folder / "spool").iterdir()))}))
""",
    )
    assert told(process) == {"closed": True, "left": 0}
    assert process.stderr_text == ""  # type: ignore[attr-defined]
    assert texts(unique(up.stored.values())) == ["found"]


def test_only_the_archives_word_frees(tmp_path: Path, up: Up) -> None:
    up.storing.clear()
    one = session(tmp_path)
    one.line("a", "e", "x")
    assert not one.flush(1.0)
    assert not one.opened().shipper.delivered
    up.storing.set()
    assert one.close(20)


def test_what_the_broker_evicted_is_sent_again(
    tmp_path: Path, stored: dict[tuple[str, int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PATIENCE", 0.2)
    up = Up(tmp_path, stored, loses=0.3)
    try:
        one = session(tmp_path)
        series = one.series("a", "e", "loss")
        for i in range(30_000):
            one.point(series, None, i)
        assert one.close(60)
    finally:
        up.stop()
    assert values(unique(stored.values())) == list(range(30_000))
    assert up.seen > len(stored)


def test_a_new_hub_gets_what_the_last_one_did_not_acknowledge(
    tmp_path: Path, stored: dict[tuple[str, int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_SEARCH", 0.05)
    first = Up(tmp_path, stored)
    one = session(tmp_path)
    one.line("a", "e", "first")
    assert one.flush(20)
    first.storing.clear()
    one.line("a", "e", "lost with its broker")
    wait_for(lambda: one.opened().shipper.ledger.in_flight)
    first.stop()
    one.line("a", "e", "while there is none")
    second = Up(tmp_path, stored)
    try:
        assert one.close(30)
    finally:
        second.stop()
    assert texts(unique(stored.values())) == ["first", "lost with its broker", "while there is none"]


def test_little_is_under_way_and_less_after_each_silence(
    tmp_path: Path, up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 256 KiB of a session; halved on each re-send down to one event; doubled on progress."""
    up.storing.clear()
    monkeypatch.setattr(embedded, "PATIENCE", 0.05)
    one = session(tmp_path)
    for i in range(8):
        one.line("a", "e", f"{i} " + "x" * 100_000)
    one.opened().worker.start()

    def window() -> Any:
        way = one.opened().worker.transport
        assert isinstance(way, EmbeddedTransport)
        return way._windows.get(one.id)

    wait_for(lambda: window() and window().events)
    own = window()
    assert own.size <= embedded.WINDOW
    wait_for(lambda: own.limit == 1)
    assert own.under_way == 1
    up.storing.set()
    assert one.close(60)
    assert len(texts(unique(up.stored.values()))) == 8
    assert own.limit > 1


def test_many_sessions_share_the_hub(tmp_path: Path, up: Up) -> None:
    many = [session(tmp_path) for _ in range(5)]
    for number, one in enumerate(many):
        for i in range(200):
            one.line("a", "e", f"{number} {i}")
    assert all(one.close(30) for one in many)
    assert len(texts(unique(up.stored.values()))) == 1000
