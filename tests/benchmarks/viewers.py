"""Many clients of the live stream in a process of their own: `python viewers.py PORT COUNT PATH...`.

Plain sockets and epoll, so that five thousand of them cost less than the server does; loopback only. A client looks for
`mark NANOSECONDS` in what it reads, which an emitter says in log lines, and notes how long ago that was.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

MARK: Final = b"mark "
DIGITS: Final = 19
CONNECTING: Final = 200
MOST: Final = 12_000
HIGHEST_SECONDS: Final = 300.0
"""A process that is forgotten ends by itself."""

Json = dict[str, Any]


class Viewers:
    """That process, seen from outside.

    Args:
        port: of the server.
        count: how many clients; each watches one of the paths in turn.
        paths: of streams.
    """

    def __init__(self, port: int, count: int, paths: Sequence[str]) -> None:
        command = [sys.executable, str(Path(__file__)), str(port), str(count), *paths]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "not all clients got a snapshot"

    def stop(self) -> None:
        """Have them read no more."""
        self._process.send_signal(signal.SIGSTOP)

    def ended(self) -> Json:
        """`{late: [ms] of all marks, sorted, marks: [fewest, most] a client, bytes, cpu}`; ends them."""
        out, _ = self._process.communicate("\n", timeout=60)
        found: Json = json.loads(out)
        return found

    def close(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()


class _Client:
    __slots__ = ("marks", "sock", "tail")

    def __init__(self, port: int, path: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self.marks, self.tail = 0, b""


def main(port: int, count: int, paths: Sequence[str]) -> None:
    """Watch until a line comes on stdin."""
    assert count <= MOST
    poll = select.epoll()
    clients: dict[int, _Client] = {}
    late: list[float] = []
    received = 0
    started: set[int] = set()
    deadline = time.monotonic() + HIGHEST_SECONDS
    said = False
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    while time.monotonic() < deadline:
        if len(clients) < count and len(clients) - len(started) < CONNECTING:
            client = _Client(port, paths[len(clients) % len(paths)])
            client.sock.setblocking(False)
            clients[client.sock.fileno()] = client
            poll.register(client.sock.fileno(), select.EPOLLIN)
        elif not said and len(started) == count:
            said = True
            print("ready", flush=True)
        for fd, _ in poll.poll(0 if len(clients) < count else 0.2):
            if fd == sys.stdin.fileno():
                marks = [client.marks for client in clients.values()]
                told = {"late": sorted(late), "marks": [min(marks), max(marks)], "bytes": received}
                print(json.dumps({**told, "cpu": time.process_time()}), flush=True)
                return
            client = clients[fd]
            data = client.sock.recv(1 << 16)
            now = time.time_ns()
            assert data, "the server closed a stream"
            received += len(data)
            if fd not in started and b"event: snapshot" in client.tail + data:
                started.add(fd)
            if client.tail:
                data = client.tail + data
            at = data.find(MARK)
            while 0 <= at <= len(data) - len(MARK) - DIGITS:
                late.append((now - int(data[at + len(MARK) : at + len(MARK) + DIGITS])) / 1e6)
                client.marks += 1
                at = data.find(MARK, at + len(MARK))
            client.tail = data[at:] if at >= 0 else data[1 - len(MARK) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
