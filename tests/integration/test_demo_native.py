"""The same demo on a real Kafka and a real MinIO, each part a process of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import commands
import demos
import parts
from native import Native
from support import wait_for

pytestmark = [pytest.mark.native, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def settings(native: Native, prefix: str) -> dict[str, str]:
    """What all parts share: where Kafka and the store are, and topics of this test alone."""
    return parts.settings(native, native.bucket, prefix)


@pytest.fixture
def running(settings: dict[str, str], tmp_path: Path) -> Iterator[parts.Parts]:
    """Topics, consumers and a server."""
    started = parts.Parts(tmp_path, settings)
    started.start("consume", "archive")
    started.start("consume", "blobs")
    started.start("serve", "--port", "0")
    yield started
    started.kill()


def test_the_demo_on_kafka_and_minio_is_whole(running: parts.Parts, settings: dict[str, str], tmp_path: Path) -> None:
    """Every step, input, artifact and point of it arrives, by the same commands that a deployment uses."""
    url = running.url()
    wait_for(lambda: get(f"{url}/readyz"), 60, what="the server to be ready")
    emitter = {name: value for name, value in settings.items() if name.startswith(("RUNREEL_KAFKA", "RUNREEL_TOPIC"))}
    done = commands.run(tmp_path, "demo", "--quick", "--exit", "--no-browser", timeout=400, **emitter, RUNREEL_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == f"the page: {url}"
    run = lines[-2].rpartition("/")[2]
    assert lines[-1] == f"see it again: runreel replay {run[-8:]}"

    state = wait_for(lambda: whole(f"{url}/api/v1/runs/{run}"), 120, every=0.2, what="the run to be complete")
    demos.check(state)
    model = next(a for a in state["artifacts"].values() if a["name"] == "model")
    with urllib.request.urlopen(f"{url}/api/v1/artifacts/{model['id']}/content", timeout=30) as answer:
        assert len(answer.read()) == model["size"]
    assert running.stop() == {"consume archive": 0, "consume blobs": 0, "serve": 0}


def get(url: str) -> Any:
    """The JSON or text at an address, None where it does not answer or is not ready."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()
    except (urllib.error.HTTPError, OSError):
        return None


def whole(url: str) -> dict[str, Any] | None:
    """A run's state once it is complete and its artifacts are stored."""
    state: dict[str, Any] = json.loads(get(url) or b"{}")
    if not state.get("complete") or any(a["state"] == "pending" for a in state["artifacts"].values()):
        return None
    return state
