"""What a step pays for a point, and how many a second arrive."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runreel.session import Session
from runreel.settings import Settings
from runreel.transports.base import Transport
from runreel.transports.null import NullTransport

CALLS = 200_000
THREADS = 8
POINTS = 2_000_000
NATIVE = Path(__file__).parents[2] / "deploy" / "native"


def session(folder: str, transport: Transport | None = None, **changes: Any) -> Session:
    settings = Settings(environ={"RUNREEL_STATE_DIR": folder}, folder=folder).replace(**changes)
    return Session(settings, run="bench", workspace="bench", source="/bench", role="owner", transport=transport)


def timed(one: Session, series: int, calls: int) -> list[int]:
    """Nanoseconds of each of `calls` calls in a loop."""
    clock, took = time.perf_counter_ns, []
    for i in range(calls):
        began = clock()
        one.point(series, None, 0.5 * i)
        took.append(clock() - began)
    return took


def percentile(took: list[int], share: float) -> float:
    """In microseconds."""
    return sorted(took)[int(len(took) * share)] / 1000


def row(what: str, value: float, least: float, goal: float) -> dict[str, Any]:
    """A row in microseconds; less is better."""
    return {"what": what, "value": round(value, 2), "unit": "µs", "least": least, "goal": goal, "better": "less"}


def calls() -> list[dict[str, Any]]:
    """One thread, then eight at once, each time with the worker shipping beside them."""
    with tempfile.TemporaryDirectory() as folder:
        one = session(folder, NullTransport())
        series = one.series("step", "e", "loss")
        timed(one, series, 1000)
        single = timed(one, series, CALLS)
        took: list[list[int]] = []
        threads = [
            threading.Thread(target=lambda: took.append(timed(one, series, CALLS // THREADS))) for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        many = [each for part in took for each in part]
        one.close(60)
    return [
        row("point(), 1 thread, p50", percentile(single, 0.5), 2, 1),
        row("point(), 1 thread, p99", percentile(single, 0.99), 10, 3),
        row(f"point(), {THREADS} threads, p99", percentile(many, 0.99), 20, 10),
    ]


def until(what: str, folder: str, transport: Transport | None = None, **changes: Any) -> dict[str, Any]:
    """Points a second from the first call until the last is acknowledged, one process, one loop of `point`."""
    one = session(folder, transport, **changes)
    series = one.series("step", "e", "loss")
    one.point(series, None, 0.0)
    one.flush(60)  # the connection is there
    began = time.perf_counter()
    for i in range(POINTS):
        one.point(series, None, 0.5 * i)
    said = time.perf_counter() - began
    if not one.flush(120):
        raise TimeoutError(f"{what}: not acknowledged within two minutes")
    took = time.perf_counter() - began
    one.close(60)
    note = f"{POINTS / said:,.0f}/s said"
    return {"what": f"points until {what}", "value": round(POINTS / took), "unit": "1/s", "note": note}


@contextmanager
def kafka() -> Iterator[str | None]:
    """The address of a real Kafka: RUNREEL_KAFKA's, else one of the native stack where that is installed."""
    if os.environ.get("RUNREEL_KAFKA"):
        yield os.environ["RUNREEL_KAFKA"]
        return
    sys.path.insert(0, str(NATIVE))
    from native_stack import Kafka

    if not Kafka.part().installed():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        service = Kafka(Path(folder))
        service.start()
        try:
            yield service.address
        finally:
            service.stop()


def run() -> list[dict[str, Any]]:
    """All rows; Kafka's where there is one."""
    rows = calls()
    with tempfile.TemporaryDirectory() as folder, kafka() as address:
        rows.append(until("sealed and taken by nobody", folder, NullTransport()))
        if address is not None:
            measured = until("acknowledged by Kafka", folder, kafka=address, topic_events=topic(address))
            rows.append({**measured, "least": 200_000, "goal": 500_000})
    return rows


def topic(address: str) -> str:
    """A fresh topic of one partition."""
    from confluent_kafka.admin import AdminClient, NewTopic

    name = f"bench-{os.getpid()}-{time.time_ns()}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    return name


if __name__ == "__main__":
    for found in run():
        sys.stdout.write(f"{found['what']:<45} {found['value']:>12,} {found['unit']} {found.get('note', '')}\n")
