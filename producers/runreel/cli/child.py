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
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Final

from runreel.cli.lines import Lines

QUIET: Final = 2.0
"""Seconds without output after the child's end until what still holds its output open, a daemon, is left alone."""

PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

Told = Callable[[bytes, str], None]


class Child:
    """Runs `command` with pipes for its output, or a pseudo-terminal for both streams; use it with `with`.

    Signals are passed on from the beginning of the block, save a Ctrl-C that the terminal gives the child itself.

    Attributes:
        asked: the last signal that told it to end, if one did.
    """

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str], pty: bool = False) -> None:
        self.asked: int | None = None
        self._command, self._environ, self._pty = command, environ, pty
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Child:
        for number in (*PASSED_ON, signal.SIGWINCH):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's child is to ignore it too
                self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, told: Told) -> int:
        """Start it, show and tell its output until its end; answers the exit code, or minus the signal's number.

        Raises:
            OSError: it cannot be started.
        """
        process, readers = self._start()
        if self.asked is not None:  # while it was being started
            process.send_signal(self.asked)
        for reader in readers:
            reader.start(told)
        code = process.wait()
        for reader in readers:
            reader.wait()
        return code

    def _start(self) -> tuple[subprocess.Popen[bytes], list[_Reader]]:
        if self._pty:
            self._terminal, theirs = os.openpty()
            _same_size(theirs)
            try:
                process = subprocess.Popen(self._command, env=self._environ, stdout=theirs, stderr=theirs)
            finally:
                os.close(theirs)
            readers = [_Reader(os.fdopen(self._terminal, "rb", 0), 1, "stdout")]
        else:
            process = subprocess.Popen(self._command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert process.stdout is not None
            assert process.stderr is not None
            readers = [_Reader(process.stdout, 1, "stdout"), _Reader(process.stderr, 2, "stderr")]
        self._process = process
        return process, readers

    def _pass_on(self, number: int, _frame: object) -> None:
        if number == signal.SIGWINCH:
            if self._terminal is not None:
                with suppress(OSError):  # its reader has closed it
                    _same_size(self._terminal)
            return
        if number in ENDING:
            self.asked = number
        if self._process is not None and (number != signal.SIGINT or not _in_front()):
            self._process.send_signal(number)


class _Reader:
    """One output of the child, read by a thread of its own.

    Where it is passed on into a pipe whose reader has gone, it is closed: a child that goes on to write there ends, as
    it would without us (`runreel exec -- yes | head`).
    """

    def __init__(self, source: IO[bytes], shown: int, name: str) -> None:
        self._source, self._shown, self._name = source, shown, name
        self._heard = time.monotonic()

    def start(self, told: Told) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, args=(told,), name=f"runreel-{self._name}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the output's end, or until it has been quiet for a while."""
        ended = time.monotonic()
        while self._thread.is_alive():
            left = max(ended, self._heard) + QUIET - time.monotonic()
            if left <= 0:
                return
            self._thread.join(left)

    def _run(self, told: Told) -> None:
        lines = Lines()
        while True:
            try:
                data = os.read(self._source.fileno(), 1 << 16)
            except OSError:  # a pseudo-terminal answers its child's end with EIO
                data = b""
            if not data:
                break
            wanted = _show(self._shown, data)
            for line in lines.feed(data):
                told(line, self._name)
            self._heard = time.monotonic()
            if not wanted:
                break
        self._source.close()
        for line in lines.end():
            told(line, self._name)


def _in_front() -> bool:
    """Whether this process and its child are the terminal's foreground group: its Ctrl-C reaches both."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _same_size(terminal: int) -> None:
    try:
        size = fcntl.ioctl(sys.__stdout__.fileno() if sys.__stdout__ else 1, termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError):
        size = struct.pack("HHHH", 24, 80, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def _show(shown: int, data: bytes) -> bool:
    """Pass output on; answers whether anybody may still want more of it."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(shown, view) :]
    except BrokenPipeError:
        return False
    except OSError:  # a terminal has gone, or a disk is full: the log goes on
        return True
    return True
