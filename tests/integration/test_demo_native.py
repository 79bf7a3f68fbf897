"""The same demo on a real Kafka and a real MinIO, each part a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import commands
import demos
from native import Native
from support import wait_for

pytestmark = [pytest.mark.native, pytest.mark.slow, pytest.mark.timeout(600)]


class Parts:
    """What an operator starts: consumers and a server, each logging to a file.

    Args:
        folder: of their logs and states.
        settings: the variables they all get.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.settings = folder, settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *arguments: str) -> None:
        """Start `runreel ARGUMENTS`."""
        name = "-".join(arguments[:2])
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*commands.COMMAND, *arguments],
                env=commands.environ(self.folder / name, **self.settings),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def said(self, name: str) -> str:
        """What a part has printed; it must still run."""
        text = (self.folder / f"{name}.log").read_text()
        assert self._processes[name].poll() is None, text
        return text

    def stop(self) -> dict[str, int]:
        """End them all as a scheduler does; answers their exit codes."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(60) for name, process in self._processes.items()}

    def kill(self) -> None:
        """Leave none behind."""
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def settings(native: Native, prefix: str) -> dict[str, str]:
    """What all parts share: where Kafka and the store are, and topics of this test alone."""
    topics = {
        f"RUNREEL_TOPIC_{name.upper()}": f"{prefix}.{name}" for name in ("events", "blobs", "runs", "views", "dead")
    }
    return {
        "RUNREEL_KAFKA": native.kafka,
        "RUNREEL_STORE": f"s3://{native.bucket}/{prefix}",
        "RUNREEL_S3_ENDPOINT": native.s3_endpoint,
        "MINIO_ROOT_USER": native.access_key,
        "MINIO_ROOT_PASSWORD": native.secret_key,
        "RUNREEL_GROUP": prefix,
        "RUNREEL_PARTITIONS": "2",
        **topics,
    }


@pytest.fixture
def parts(settings: dict[str, str], tmp_path: Path) -> Iterator[Parts]:
    """Topics, consumers and a server."""
    made = commands.run(tmp_path, "topics", "create", **settings)
    assert made.returncode == 0, made.stderr
    running = Parts(tmp_path, settings)
    running.start("consume", "archive")
    running.start("consume", "blobs")
    running.start("serve", "--port", "0")
    yield running
    running.kill()


def test_the_demo_on_kafka_and_minio_is_whole(parts: Parts, settings: dict[str, str], tmp_path: Path) -> None:
    """Every step, input, artifact and point of it arrives, by the same commands that a deployment uses."""
    url = wait_for(lambda: address(parts.said("serve---port")), 60, what="the server's address")
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
    assert parts.stop() == {"consume-archive": 0, "consume-blobs": 0, "serve---port": 0}


def address(said: str) -> str | None:
    """The address in what `serve` prints."""
    found = [line.removeprefix("serving ") for line in said.splitlines() if line.startswith("serving ")]
    return found[0] if found else None


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
