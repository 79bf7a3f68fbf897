"""What commands have in common that run until they are told to end."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM)


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Show what the packages log, with its time: such a command's stderr is its log."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells each of its retries; what comes of them we tell


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets. The second one of them acts as if this were not there."""
    told = threading.Event()
    before = {number: signal.getsignal(number) for number in ENDING}

    def tell(_number: int, _frame: object) -> None:
        told.set()
        back()

    def back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in ENDING:
        signal.signal(number, tell)
    try:
        yield told
    finally:
        back()
