"""SIGTERM: say CANCELED, then end as the signal would have ended the process.

Only in the main thread, and only where the disposition is the default: a host that handles it keeps its own handler.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

_say: list[Callable[[], None]] = []


def watch(canceled: Callable[[], None]) -> None:
    """Call `canceled` when SIGTERM comes, if nobody else has asked for it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _say[:] = [canceled]
        signal.signal(signal.SIGTERM, _terminated)


def unwatch() -> None:
    """Give the default disposition back, if it is still ours that is in place."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is _terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(number: int, _frame: FrameType | None) -> None:
    try:
        signal.signal(number, signal.SIG_IGN)  # a second one while the last words are said changes nothing
        for say in _say:
            say()
    finally:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # so that who waits for us sees the signal as our exit status
