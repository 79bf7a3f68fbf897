"""A run replayed as fast as it goes: events a second, to the terminal and to a real Kafka, one process."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "deploy/native")]

from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from native_stack import Kafka, Stack  # noqa: E402

from archiving import Speaker, settings, store_events, whole  # noqa: E402
from runreel import ids  # noqa: E402
from runreel_consumers.archive.reader import Reader  # noqa: E402
from runreel_consumers.bulk import Bulk  # noqa: E402
from runreel_consumers.pace import MAX_SPEED  # noqa: E402
from runreel_consumers.replaying import Replay  # noqa: E402
from runreel_consumers.store import DirectoryStore  # noqa: E402
from runreel_consumers.transfer import HEADERS  # noqa: E402

EVENTS = 400_000
TOPIC = "bench.replay"


def run() -> list[dict[str, Any]]:
    """Rows of {what, value, unit}."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        store = DirectoryStore(folder / "store")
        events = whole(Speaker(), EVENTS)
        store_events(store, events, each=50_000)
        number, count = events[0].run, len(events)
        del events
        rows = [{"what": "replay at max to the terminal: events a second", "value": shown(store, number, count)}]
        stack = Stack(folder / "stack")
        if stack.kafka.part().installed():
            try:
                stack.kafka.start()
                rows += sent(store, number, stack.kafka)
            finally:
                stack.purge()
    return [{**row, "unit": "1/s", "least": 100_000, "goal": 100_000} for row in rows]


def shown(store: DirectoryStore, number: str, count: int) -> float:
    """Events a second, written as lines to a file that keeps nothing."""
    with Path("/dev/null").open("w") as nothing:
        begin = time.perf_counter()
        Replay(Reader(store), number, speed=MAX_SPEED).show(lambda line: nothing.write(f"{line}\n"))
        return round(count / (time.perf_counter() - begin))


def sent(store: DirectoryStore, number: str, kafka: Kafka) -> list[dict[str, Any]]:
    """Events a second, until Kafka has acknowledged the last one."""
    client = AdminClient({"bootstrap.servers": kafka.address})
    client.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])[TOPIC].result(30)
    Replay(Reader(store), number, speed=MAX_SPEED, until="0.1").send(_bulk(kafka), TOPIC, ids.new_run())
    begin, cpu = time.perf_counter(), time.thread_time()
    count = Replay(Reader(store), number, speed=MAX_SPEED).send(_bulk(kafka), TOPIC, ids.new_run())
    took, ours = time.perf_counter() - begin, time.thread_time() - cpu
    note = f"our own thread: {count / ours:,.0f} a second of its CPU"
    return [{"what": "replay at max to a real Kafka: events a second", "value": round(count / took), "note": note}]


def _bulk(kafka: Kafka) -> Bulk:
    return Bulk(settings(), kafka.address, HEADERS, threading.Event())


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']}: {row['value']:,.0f} {row['unit']} {row.get('note', '')}")
