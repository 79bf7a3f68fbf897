"""A child process whose output is shown and told at the same time."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

SEEN_OUT: Final = 2.0  # seconds that output of a grandchild is waited for after the child's own end
LONGEST: Final = 1 << 20  # a line without an end is told in pieces of this size
PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

Told = Callable[[bytes, str], None]


class Child:
    """Starts `command` with pipes for its output, or a pseudo-terminal.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str], pty: bool = False) -> None:
        self.asked: int | None = None
        self._outputs: list[tuple[int, int, str]] = []  # what is read, where it is shown, its name
        if pty:
            ours, theirs = os.openpty()
            _same_size(theirs)
            self._process = subprocess.Popen(command, env=environ, stdout=theirs, stderr=theirs)
            os.close(theirs)
            self._outputs = [(ours, 1, "stdout")]
        else:
            self._process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert self._process.stdout
            assert self._process.stderr
            out, err = self._process.stdout.fileno(), self._process.stderr.fileno()
            self._outputs = [(out, 1, "stdout"), (err, 2, "stderr")]

    def wait(self, told: Told) -> int:
        """Show and tell the output until the end; answers the exit code, or minus the signal's number.

        Ctrl-C reaches the child from the terminal itself and is only noted here; other signals are passed on.
        """
        before = {number: signal.signal(number, self._pass_on) for number in PASSED_ON}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, self._note)
        readers = [
            threading.Thread(target=_pump, args=(source, shown, name, told), daemon=True)
            for source, shown, name in self._outputs
        ]
        try:
            for reader in readers:
                reader.start()
            code = self._process.wait()
            for reader in readers:
                reader.join(SEEN_OUT)
            return code
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _pass_on(self, number: int, _frame: object) -> None:
        self.asked = number if number in (signal.SIGTERM, signal.SIGHUP) else self.asked
        self._process.send_signal(number)

    def _note(self, number: int, _frame: object) -> None:
        self.asked = number


def _same_size(terminal: int) -> None:
    try:
        size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError):
        size = struct.pack("HHHH", 24, 80, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def _pump(source: int, shown: int, name: str, told: Told) -> None:
    """Copy bytes to where they are shown, and tell them line by line.

    A piece that ends with a carriage return is a line that keeps it, so that readers overwrite it as a terminal does.
    """
    rest = b""
    while True:
        try:
            read = os.read(source, 1 << 16)
        except OSError:  # a pseudo-terminal answers its child's end with EIO
            read = b""
        if not read:
            break
        _show(shown, read)
        *lines, rest = (rest + read).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            for piece in _pieces(line):
                told(piece, name)
        if b"\r" in rest[:-1] or len(rest) > LONGEST:
            *pieces, rest = _pieces(rest)
            for piece in pieces:
                told(piece, name)
    for piece in _pieces(rest) if rest else ():
        told(piece, name)


def _pieces(line: bytes) -> list[bytes]:
    parts = line.split(b"\r")
    whole = [part + b"\r" for part in parts[:-1]] + ([parts[-1]] if parts[-1] or len(parts) == 1 else [])
    return [part[i : i + LONGEST] for part in whole for i in range(0, max(len(part), 1), LONGEST)]


def _show(shown: int, read: bytes) -> None:
    try:
        view = memoryview(read)
        while view:
            view = view[os.write(shown, view) :]
    except OSError:
        return  # who looked has gone; the log goes on
