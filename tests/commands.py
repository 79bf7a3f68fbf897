"""The command line as its users have it: processes, what they print, and what they said."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runreel import codec
from runreel.events import Event
from runreel.hub import Hub
from runreel.settings import Settings
from support import wait_for

COMMAND = [sys.executable, "-m", "runreel"]


def environ(folder: Path, **variables: str) -> dict[str, str]:
    """This process's environment without settings, with a state folder below `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RUNREEL_", "AWS_", "MINIO_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return {**clean, "PATH": path, "RUNREEL_STATE_DIR": str(folder / "state"), **variables}


def settings_of(folder: Path, **variables: str) -> Settings:
    """The settings of a command that runs in `folder`."""
    return Settings(environ=environ(folder, **variables), folder=folder)


def run(
    folder: Path, *arguments: str, stdin: bytes | None = None, timeout: float = 60.0, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """One command, in `folder`."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environ(folder, **variables),
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    """A command under way, its output in pipes."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=environ(folder, **variables),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def told(stderr: bytes) -> list[Event]:
    """The events that a command with RUNREEL_TRANSPORT=console said."""
    return [codec.decode(line) for line in stderr.splitlines() if line.startswith(b'{"specversion"')]


def data(events: Sequence[Event], kind: str) -> list[Any]:
    """What the events of a type hold."""
    return [msgspec.json.decode(event.data) for event in events if event.type == kind]


def lines(events: Sequence[Event], stream: str | None = None) -> list[str]:
    """The texts of log lines, in the order of their seqs."""
    found = data(sorted(events, key=lambda event: event.seq or 0), "runreel.logs")
    return [text for one in found if stream in (None, one.get("stream", "log")) for text in one["text"]]


class Up:
    """A running `runreel up`.

    Attributes:
        hub: where it is.
        process: it.
    """

    def __init__(self, folder: Path, *arguments: str, command: Sequence[str] = COMMAND, **variables: str) -> None:
        self.folder, self._variables = folder, variables
        options = arguments if "--port" in arguments else ("--port", "0", *arguments)
        before = Hub.find(self.settings)
        with (folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "up", *options], env=environ(folder, **variables), cwd=folder, stdout=log, stderr=log
            )
        try:
            self.hub = wait_for(lambda: self._found(before), 60, what="runreel up")
            wait_for(self._answers, 60, what="its server")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def settings(self) -> Settings:
        """The settings of this folder."""
        return settings_of(self.folder, **self._variables)

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "up.log").read_text()

    def get(self, path: str) -> Any:
        """A JSON answer of its server."""
        with urllib.request.urlopen(self.hub.url + path, timeout=30) as answer:
            return msgspec.json.decode(answer.read())

    def runs(self) -> list[dict[str, Any]]:
        """Its list of runs."""
        found: list[dict[str, Any]] = self.get("/api/v1/runs")["runs"]
        return found

    def state(self, run: str) -> dict[str, Any]:
        """A run's state."""
        found: dict[str, Any] = self.get(f"/api/v1/runs/{run}")
        return found

    def complete(self, run: str, timeout: float = 60.0) -> dict[str, Any]:
        """A run's state once all of it is in the archive."""
        return wait_for(lambda: self._complete(run), timeout, every=0.2, what=f"run {run} to be complete")

    def memory(self) -> int:
        """Bytes of memory it has taken at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self, number: signal.Signals = signal.SIGINT, timeout: float = 30.0) -> float:
        """End it by a signal; answers how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout)
        return time.monotonic() - began

    def _found(self, before: Hub | None) -> Hub | None:
        assert self.process.poll() is None, self.log
        hub = Hub.find(self.settings)
        return hub if hub is not None and hub != before else None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.hub.url + "/healthz", timeout=5):
                return True
        except OSError:
            return False

    def _complete(self, run: str) -> dict[str, Any] | None:
        try:
            state = self.state(run)
        except OSError:
            return None
        return state if state["complete"] else None


@contextlib.contextmanager
def up(folder: Path, *arguments: str, command: Sequence[str] = COMMAND, **variables: str) -> Iterator[Up]:
    """A `runreel up` for the time of a block; `command` is what stands for `runreel`."""
    machine = Up(folder, *arguments, command=command, **variables)
    try:
        yield machine
    finally:
        if machine.process.poll() is None:
            machine.stop(signal.SIGKILL)
