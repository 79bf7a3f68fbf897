"""Keys of a terminal while a command runs: without Enter, and given back whenever the process is stopped or ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Final

_LOOK: Final = 0.1  # seconds between two looks at whether it is over


@contextlib.contextmanager
def keys(actions: Mapping[str, Callable[[], object]]) -> Iterator[bool]:
    """Call an action, from a thread of its own, when its key is pressed. Answers whether there is a terminal.

    Ctrl-C and Ctrl-Z stay what they are: where Ctrl-Z stops the process, the shell finds its terminal as it was. Only
    the main thread may.

    Args:
        actions: by key.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield False
        return
    terminal = _Terminal(sys.stdin.fileno())
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(terminal, actions, over), name="runreel-keys", daemon=True)
    before = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
    signal.signal(signal.SIGTSTP, terminal.stopping)
    signal.signal(signal.SIGCONT, terminal.going)
    terminal.take()
    reader.start()
    try:
        yield True
    finally:
        over.set()
        reader.join()
        for number, handler in before.items():
            signal.signal(number, handler)
        terminal.give()


class _Terminal:
    """The terminal, ours or the shell's."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._shells = termios.tcgetattr(descriptor)

    def ours(self) -> bool:
        """Whether we are in its foreground: whoever touches it from the background is stopped."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return False

    def take(self) -> None:
        """Keys come one by one, and are not shown."""
        if self.ours():
            tty.setcbreak(self.descriptor, termios.TCSANOW)

    def give(self) -> None:
        """As the shell had it."""
        if self.ours():
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self._shells)

    def stopping(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: give the terminal back, then stop as if nothing were caught."""
        self.give()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self.stopping)

    def going(self, _number: int, _frame: FrameType | None) -> None:
        """Continued, in the foreground or not."""
        self.take()


def _read(terminal: _Terminal, actions: Mapping[str, Callable[[], object]], over: threading.Event) -> None:
    while not over.is_set():
        try:
            ready = select.select([terminal.descriptor], [], [], _LOOK)[0]
            if not ready or not terminal.ours():
                continue
            pressed = os.read(terminal.descriptor, 64)
        except OSError:
            return
        if not pressed:
            return
        for key in pressed.decode(errors="replace"):
            if (action := actions.get(key)) is not None:
                action()
