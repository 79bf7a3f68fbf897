"""What the machine gives: folders, ports, processes and locks."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from native_stack.errors import NativeError

HOST = "127.0.0.1"
"""Everything listens here and nowhere else."""

PORTS = range(20_000, 30_000)
"""Where free ports are taken from: below the range of outgoing connections (32768 and up on Linux, 49152 on macOS).
A client that keeps dialling a stopped server on a port of that range can connect to itself and hold the port."""


def cache_folder() -> Path:
    """Where installed parts lie, by version: `$XDG_CACHE_HOME/runreel/native`, or the same below `~/.cache`."""
    return _base("XDG_CACHE_HOME", ".cache") / "runreel" / "native"


def state_folder() -> Path:
    """Where `up` keeps its data unless told otherwise: `$XDG_STATE_HOME/runreel/native`, or below `~/.local/state`."""
    return _base("XDG_STATE_HOME", ".local/state") / "runreel" / "native"


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says that a relative path is to be ignored.
    return Path(value) if value.startswith("/") else Path.home() / default


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the JVM and Go do: connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(*, but: frozenset[int] = frozenset()) -> int:
    """A port of `PORTS` on which nobody listens, and none of `but`.

    Raises:
        NativeError: none of 200 random ones is free.
    """
    for port in random.sample(PORTS, 200):
        if port not in but and port_is_free(port):
            return port
    raise NativeError(f"no free port found between {PORTS.start} and {PORTS.stop} on {HOST}; give one that is free")


def command_line(pid: int) -> str:
    """The command line of a living process, arguments joined by spaces; empty where there is none (or a zombie)."""
    proc = Path("/proc") / str(pid)
    if Path("/proc/self/cmdline").exists():
        try:
            return (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` for the block; whoever comes second waits, after a call of `waiting`.

    The lock belongs to the open file: it is free again when its holder ends, however that ends.

    Raises:
        NativeError: the folder of `path` cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise NativeError(f"cannot write {path}: {error.strerror}; give a folder that you may write to") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """One line for a person, on stderr: stdout carries only what is meant for `eval`."""
    print(text, file=sys.stderr, flush=True)
