"""What an artifact of 1 GB costs on its way to the store: MB/s, and the consumer's memory.

The consumer is a process of its own. Its chunks come from a real Kafka and go to a real MinIO where these are installed
(deploy/native), else they are handed to the sink and go to a folder.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "deploy" / "native")]

from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from runreel.chunks import CHUNK, End, encode_end, headers  # noqa: E402
from runreel.deadline import Deadline  # noqa: E402
from runreel.events import Event  # noqa: E402
from runreel.settings import Settings  # noqa: E402
from runreel_consumers.blobs import BlobSink, read_info  # noqa: E402
from runreel_consumers.brokers import TopicIds, admin  # noqa: E402
from runreel_consumers.loop import Loop, Place  # noqa: E402
from runreel_consumers.outbox import Outbox  # noqa: E402
from runreel_consumers.store import Store, open_store  # noqa: E402

_SIZE = 1_000_000_000
_RUN, _ARTIFACT = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11", "a" * 32


def run() -> list[dict[str, Any]]:
    """Measure, and answer rows of `{what, value, unit}`."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _measured("sink to a folder", {"RUNREEL_STORE": f"dir:{folder}/store"})
    from native_stack import Stack

    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        if not (stack.kafka.part().installed() and stack.minio.part().installed()):
            return rows
        try:
            stack.kafka.start()
            stack.minio.start()
            rows += _measured(
                "Kafka to MinIO",
                {
                    "RUNREEL_KAFKA": stack.kafka.address,
                    "RUNREEL_STORE": "s3://runreel/bench",
                    "RUNREEL_S3_ENDPOINT": stack.minio.endpoint,
                    "AWS_ACCESS_KEY_ID": stack.minio.access_key,
                    "AWS_SECRET_ACCESS_KEY": stack.minio.secret_key,
                },
            )
        finally:
            stack.purge()
    return rows


def _measured(what: str, environ: dict[str, str]) -> list[dict[str, Any]]:
    if "RUNREEL_KAFKA" in environ:
        _produce(environ["RUNREEL_KAFKA"])
    told = subprocess.run(
        [sys.executable, str(HERE)], env={**os.environ, **environ}, stdout=subprocess.PIPE, check=True, timeout=300
    ).stdout
    return [{"what": f"artifact of 1 GB, {what}: {name}", **figure} for name, figure in json.loads(told).items()]


def _chunks() -> Iterator[bytes]:
    """Chunks that all differ, at no cost."""
    noise, left, n = os.urandom(CHUNK), _SIZE, 0
    while left:
        chunk = (n.to_bytes(8, "big") + noise[8:])[:left]
        yield chunk
        left, n = left - len(chunk), n + 1


def _messages() -> Iterator[tuple[bytes, list[tuple[str, bytes]]]]:
    digest, count = hashlib.sha256(), 0
    for count, chunk in enumerate(_chunks(), 1):
        digest.update(chunk)
        yield chunk, headers(_RUN, "default", _ARTIFACT, count - 1)
    yield encode_end(End(count, _SIZE, digest.hexdigest())), headers(_RUN, "default", _ARTIFACT)


def _produce(address: str) -> None:
    settings = Settings(environ={})
    wanted = [NewTopic(topic, 1, 1) for topic in (settings.topic_blobs, settings.topic_events)]
    client = AdminClient({"bootstrap.servers": address})
    for made in client.create_topics(wanted).values():
        made.result(30)
    producer = Producer({"bootstrap.servers": address, "queue.buffering.max.kbytes": 64 << 10})
    for value, label in _messages():
        while True:
            try:
                producer.produce(settings.topic_blobs, value, key=_ARTIFACT.encode(), headers=label)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def _memory(field: str) -> float:
    """Resident megabytes now (`VmRSS`) or at most since the start (`VmHWM`)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) * 1024 / 1e6


class _Given:
    def __init__(self, value: bytes, label: list[tuple[str, bytes]], offset: int) -> None:
        self.value, self.headers, self.offset = (lambda: value), (lambda: label), (lambda: offset)
        self.timestamp = lambda: (2, 1_795_338_000_000)


def _consume() -> None:
    """The consumer's process: prints its figures."""
    settings = Settings()
    store = open_store(settings)
    store.check()
    done = threading.Event()
    said: list[Event] = []

    def say(event: Event) -> None:
        said.append(event)
        done.set()

    sink = BlobSink(settings, store, Outbox(settings, settings.kafka), say)
    gc.collect()
    before, begun = _memory("VmRSS"), time.perf_counter()
    if settings.kafka:
        Loop(sink, settings, settings.kafka, TopicIds(admin(settings, settings.kafka))).run(done)
    else:
        _feed(sink, settings)
        done.wait()
    taken = time.perf_counter() - begun
    _check(store)
    figures = {
        "speed": {"value": round(_SIZE / 1e6 / taken, 1), "unit": "MB/s"},
        "peak memory": {"value": round(_memory("VmHWM")), "unit": "MB"},
        "peak memory over the idle process": {"value": round(_memory("VmHWM") - before), "unit": "MB"},
    }
    sink.close(Deadline(5))
    print(json.dumps(figures))


def _feed(sink: BlobSink, settings: Settings) -> None:
    place = Place(settings.topic_blobs, 0, "bench")
    sink.opened(place, 1, 0)
    for offset, (value, label) in enumerate(_messages()):
        sink.add(place, [_Given(value, label, offset)])  # type: ignore[list-item]
        if sink.held >= settings.flush_bytes:
            sink.flush(Deadline(60))
    sink.flush(Deadline(60))


def _check(store: Store) -> None:
    info = read_info(store, _ARTIFACT)
    if info is None or info.state != "stored" or info.size != _SIZE:
        raise AssertionError(f"not stored: {info}")


if __name__ == "__main__":
    _consume()
