"""One server as a process of its own: started, asked, stopped, killed, and found again by whoever comes later."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from native_stack.errors import NativeError
from native_stack.install import Part
from native_stack.machine import HOST, command_line, free_port, port_is_free

START_SECONDS = 90.0
"""How long a server may take to answer after its start."""

STOP_SECONDS = 20.0
"""How long a server may take to end by itself before it is killed."""


class Service(ABC):
    """A server on loopback whose data, log and record (pid, ports, keys) lie in one folder.

    Any process that names the same folder sees the same server. An object keeps its port: what was started through
    it starts again on the same port and the same data, or not at all.

    Args:
        folder: where everything lies; made by `start`.
        port: on which to listen; by default the folder's last one while it is free, else a free one.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    @abstractmethod
    def part() -> Part:
        """What must be installed."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its work now, asked in its own protocol."""

    @abstractmethod
    def prepare(self, port: int) -> None:
        """Write what the process needs to start on `port`; the folder is there."""

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """The command line, with the folder's path in it: by that the process is known again."""

    def environment(self) -> Mapping[str, str]:
        """Variables that the process has beyond ours."""
        return {}

    @property
    def log(self) -> Path:
        """What the server prints, from all its starts."""
        return self.folder / f"{self.name}.log"

    @property
    def port(self) -> int:
        """The port on which the server listens, or did last.

        Raises:
            NativeError: it was never started.
        """
        port = self.record().get("port")
        if not isinstance(port, int):
            raise NativeError(f"{self.name}: was never started in {self.folder}; start it first")
        return port

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, while it runs; never that of a stranger that was given the same number."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid  # our child: nobody else can have its number
        pid = self.record().get("pid")
        return pid if isinstance(pid, int) and str(self.folder) in command_line(pid) else None

    def running(self) -> bool:
        """Whether the process is there; `answers` tells whether it works."""
        return self.pid is not None

    def start(self, timeout: float = START_SECONDS) -> bool:
        """Start the server and wait until it answers; answer whether that was needed.

        Args:
            timeout: seconds until it must answer.

        Raises:
            NativeError: not installed, the port is taken, it ended or did not answer in time.
        """
        if self.running():
            if self._port not in (None, self.port):
                raise NativeError(
                    f"{self.name}: runs on port {self.port} already, not on {self._port}; "
                    "stop it first, or ask for no port"
                )
            self._wait(timeout)
            return False
        if not self.part().installed():
            raise NativeError(f"{self.name}: is not installed; run: python deploy/native/stack.py install {self.name}")
        port = self._choose_port()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.prepare(port)
            self.remember(port=port)
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(port),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env={**os.environ, **self.environment()},
                    start_new_session=True,  # outlives the command that started it, and its terminal's Ctrl-C
                )
        except OSError as error:
            raise NativeError(
                f"{self.name}: cannot start in {self.folder}: {error}; give another --data folder"
            ) from error
        self.remember(pid=self._process.pid)
        self._wait(timeout)
        self._port = port
        return True

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Ask the server to end, kill it after `timeout` seconds; answer whether it ran."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> bool:
        """End the server at once, as a crash would; answer whether it ran."""
        return self._end(signal.SIGKILL, STOP_SECONDS)

    def restart(self) -> None:
        """Stop the server and start it again on the same port and data.

        Raises:
            NativeError: it did not come back.
        """
        self._port = self.port
        self.stop()
        self.start()

    def purge(self) -> None:
        """Stop the server and remove its folder, if it is one that a server was started in."""
        self.stop()
        if self._record_file.exists():
            shutil.rmtree(self.folder)

    def record(self) -> dict[str, int | str | None]:
        """What was noted about the server: `pid`, `port` and what its kind adds; empty before the first start."""
        try:
            noted = json.loads(self._record_file.read_text())
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def remember(self, **values: int | str | None) -> None:
        """Note `values` in the record, replaced as a whole, so that none reads a half; its owner alone may read it."""
        noted = self._record_file.with_suffix(".new")
        with open(os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**self.record(), **values}, file)
        noted.replace(self._record_file)

    @property
    def _record_file(self) -> Path:
        return self.folder / "service.json"

    def _choose_port(self) -> int:
        if self._port is not None:
            if not port_is_free(self._port):
                raise NativeError(
                    f"{self.name}: port {self._port} on {HOST} is in use; "
                    f"give another with --{self.name}-port, or none for a free one"
                )
            return self._port
        last = self.record().get("port")
        return last if isinstance(last, int) and port_is_free(last) else free_port()

    def _wait(self, timeout: float) -> None:
        if not _until(lambda: self.answers() or not self.running(), timeout):
            self.kill()
            raise NativeError(f"{self.name}: did not answer within {timeout:.0f} s; its log: {self.log}")
        if not self.running():
            last = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()][-1:]
            said = last[0].strip()[:300] if last else "nothing"
            raise NativeError(f"{self.name}: ended at its start and said {said!r}; its log: {self.log}")

    def _end(self, first: signal.Signals, timeout: float) -> bool:
        pid = self.pid
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, first)
        if not _until(lambda: not self.running(), timeout):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if not _until(lambda: not self.running(), timeout):
                raise NativeError(f"{self.name}: process {pid} cannot be ended; see what holds it (its disk?)")
        self.remember(pid=None)
        return True


def _until(condition: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
