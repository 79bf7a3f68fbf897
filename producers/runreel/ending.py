"""The end of a process: what is still open is ended, and said."""

from __future__ import annotations

import atexit
import builtins
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runreel import current, leaving, signals
from runreel.deadline import Deadline
from runreel.events import Error

if TYPE_CHECKING:
    from runreel.run import Run

INHERITED_WAIT: Final = 1.0  # seconds that a forked child waits for delivery: what is left, its parent's machine ships

_watched_in: set[int] = set()  # processes that end their runs on their way out


def watch(*, terminated: bool = False) -> None:
    """End open runs when this process ends; with `terminated`, also when SIGTERM ends it."""
    if terminated:
        signals.watch(_canceled)
    leaving.watch()
    process = os.getpid()
    if process in _watched_in:
        return
    if not _watched_in:  # a forked child inherits the registration
        atexit.register(_exit)
    _watched_in.add(process)
    # A process of multiprocessing leaves by os._exit after its own finalizers: atexit never comes.
    if "multiprocessing.util" in sys.modules and _of_multiprocessing():
        sys.modules["multiprocessing.util"].Finalize(None, _exit, exitpriority=100)


def unwatch() -> None:
    """Give SIGTERM and `sys.exit` back once no run is open."""
    if not current.open_runs:
        signals.unwatch()
        leaving.unwatch()


def _of_multiprocessing() -> bool:
    process: Any = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def uncaught() -> BaseException | None:
    """The last exception that nobody caught: it ended the program, or a notebook's cell."""
    return getattr(sys, "last_value", None)


def notebook() -> bool:
    """Whether somebody types: IPython, a notebook, Python's prompt."""
    return hasattr(builtins, "__IPYTHON__") or hasattr(sys, "ps1")


def _exit() -> None:
    passing = sys.exc_info()[1]  # multiprocessing's finalizers run while the exception passes
    exited = leaving.left()
    for run, left in _open():
        run.end(error=passing or run.failure() or exited, timeout=left())


def _canceled() -> None:
    asked = Error(type="SIGTERM", message="the process was told to end")
    for run, left in _open():
        run.end("CANCELED", asked, left())


def _open() -> Iterator[tuple[Run, Callable[[], float]]]:
    """The open runs, newest first, each with the seconds that it may wait: one deadline bounds them all."""
    runs = list(current.open_runs.values())
    deadline = Deadline(max((run.settings.exit_wait for run in runs), default=0.0))
    for run in reversed(runs):
        most = INHERITED_WAIT if run.process != os.getpid() else run.settings.exit_wait
        yield run, partial(deadline.left, most)
