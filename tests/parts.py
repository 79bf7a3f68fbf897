"""A deployment as an operator starts it: topics, consumers and a server, each a process of its own."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Protocol

import commands
from support import wait_for


class Servers(Protocol):
    """Where the real Kafka and MinIO are."""

    kafka: str
    s3_endpoint: str
    access_key: str
    secret_key: str


def settings(servers: Servers, bucket: str, prefix: str) -> dict[str, str]:
    """What all parts share; topics, group and keys that nobody else has."""
    topics = {f"RUNREEL_TOPIC_{name}": f"{prefix}.{name}" for name in ("EVENTS", "BLOBS", "RUNS", "VIEWS", "DEAD")}
    return {
        **topics,
        "RUNREEL_KAFKA": servers.kafka,
        "RUNREEL_STORE": f"s3://{bucket}/{prefix}",
        "RUNREEL_S3_ENDPOINT": servers.s3_endpoint,
        "RUNREEL_GROUP": prefix,
        "RUNREEL_PARTITIONS": "2",
        "MINIO_ROOT_USER": servers.access_key,
        "MINIO_ROOT_PASSWORD": servers.secret_key,
    }


class Parts:
    """Processes that log to files. Makes the topics at once.

    Args:
        folder: of their logs and states.
        settings: the variables they all get.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.settings = folder, settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        made = commands.run(folder, "topics", "create", **settings)
        assert made.returncode == 0, made.stderr

    def start(self, *arguments: str) -> None:
        """Start `runreel ARGUMENTS`."""
        name = " ".join(word for word in arguments[:2] if not word.startswith("-"))
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

    def url(self) -> str:
        """The address that `runreel serve` says."""
        return wait_for(self._url, 60, what="the server's address")

    def pid(self, name: str) -> int:
        """A part's process."""
        return self._processes[name].pid

    def wait(self, name: str) -> None:
        """Wait until a part has ended."""
        self._processes[name].wait(60)

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

    def _url(self) -> str | None:
        found = [line for line in self.said("serve").splitlines() if line.startswith("serving ")]
        return found[0].removeprefix("serving ") if found else None
