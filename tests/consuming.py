"""Consumers as a deployment has them: processes on real Kafka and real MinIO."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from native import Native

COMMAND = """
import threading
from runreel.settings import Settings
from runreel_consumers.consume import consume
consume("archive", Settings(), threading.Event())
"""


@pytest.fixture
def environ(native: Native, prefix: str) -> dict[str, str]:
    """What a deployment sets."""
    topics = {
        f"RUNREEL_TOPIC_{name}": f"{prefix}.{name.lower()}" for name in ("EVENTS", "BLOBS", "RUNS", "VIEWS", "DEAD")
    }
    return {
        "RUNREEL_KAFKA": native.kafka,
        "RUNREEL_STORE": f"s3://{native.bucket}/{prefix}",
        "RUNREEL_S3_ENDPOINT": native.s3_endpoint,
        "AWS_ACCESS_KEY_ID": native.access_key,
        "AWS_SECRET_ACCESS_KEY": native.secret_key,
        "RUNREEL_GROUP": prefix,
        "RUNREEL_KAFKA_CONFIG": "session.timeout.ms=2000,heartbeat.interval.ms=500",
        "RUNREEL_PARTITIONS": "4",
        "RUNREEL_FLUSH_SECONDS": "0.2",
        **topics,
    }


@contextmanager
def consumer(environ: dict[str, str], *, kill: bool) -> Iterator[subprocess.Popen[bytes]]:
    """A consumer as a process, ended by SIGTERM's harsher brother or in peace."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
    with subprocess.Popen([sys.executable, "-c", COMMAND], env={**clean, **environ}) as process:
        try:
            yield process
            assert process.poll() is None, "the consumer ended by itself"
        finally:
            process.kill() if kill else process.terminate()
