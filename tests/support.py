"""Helpers that several test folders share."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import AnyStr, TypeVar

T = TypeVar("T")


def ended(process: subprocess.Popen[AnyStr], timeout: float = 60.0) -> tuple[AnyStr, AnyStr]:
    """Wait for a process's end; answers what it wrote. One that does not end is killed: it must not fail later tests.

    Raises:
        subprocess.TimeoutExpired: it did not within `timeout` seconds.
    """
    try:
        return process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def wait_for(condition: Callable[[], T], timeout: float = 30.0, *, every: float = 0.02, what: str = "") -> T:
    """Call `condition` until it answers something true, and answer that.

    Raises:
        AssertionError: it did not within `timeout` seconds; `what` says what was waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}; last answer: {answer!r}")
        time.sleep(every)  # the one place where tests wait: always for a condition, never for a time
