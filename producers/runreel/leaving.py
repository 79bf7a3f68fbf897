"""The exit status a program leaves with: neither `sys.excepthook` nor `atexit` is told of a SystemExit.

From Python 3.12 on, `sys.monitoring` tells when a SystemExit leaves the program's outermost frame, however it was
raised. Before (and where all of its places are taken) `sys.exit` and `exit` are wrapped until the last run is over;
whether the exit was caught shows in the outermost frame, which then came to its own `return`. An exit that is raised by
hand (`raise SystemExit(3)`) is not told there.
"""

from __future__ import annotations

import builtins
import functools
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

_PLACES: Final = (4, 3)  # of sys.monitoring's tools: those that Python names for nobody

_main: list[FrameType] = []  # the outermost frame of the main thread
_code: list[object] = []  # what the program last asked to leave with
_wrapped: list[tuple[Any, str, Callable[..., Any], Callable[..., Any]]] = []  # owner, name, what was there, ours
_place: list[int] = []


def watch() -> None:
    """Notice with what status the program leaves; again where a run begins, for the program may be another one's."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    _main[:] = [frame] if frame is not None else []
    if _place or _wrapped:
        return
    _code.clear()
    if not _monitor():
        _wrap(sys, "exit")
        if hasattr(builtins, "exit"):
            _wrap(type(builtins.exit), "__call__")


def unwatch() -> None:
    """Give back what is ours. What somebody else has wrapped since stays, and passes through."""
    _main.clear()
    for owner, name, before, ours in _wrapped:
        if getattr(owner, name) is ours:
            setattr(owner, name, before)
    _wrapped.clear()
    if _place and sys.version_info >= (3, 12):
        place = _place.pop()
        sys.monitoring.set_events(place, 0)
        sys.monitoring.register_callback(place, sys.monitoring.events.PY_UNWIND, None)
        sys.monitoring.free_tool_id(place)


def left() -> SystemExit | None:
    """The SystemExit that ended the program, as far as that can be told; None: there was none, or it was caught."""
    if not _code or (_wrapped and _main and _returned(_main[0])):
        return None
    return SystemExit(_code[0])


def _monitor() -> bool:
    if sys.version_info < (3, 12):
        return False
    for place in _PLACES:
        try:
            sys.monitoring.use_tool_id(place, "runreel")
        except ValueError:  # somebody else's
            continue
        event = sys.monitoring.events.PY_UNWIND
        sys.monitoring.register_callback(place, event, _unwound)
        sys.monitoring.set_events(place, event)
        _place.append(place)
        return True
    return False


def _unwound(code: CodeType, _offset: int, error: BaseException) -> None:
    if isinstance(error, SystemExit) and _main and code is _main[0].f_code:
        _code[:] = [error.code]


def _wrap(owner: Any, name: str) -> None:
    before = getattr(owner, name)

    @functools.wraps(before)
    def leave(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            status = args if owner is sys else args[1:]
            _code[:] = status or list(kwargs.values()) or [None]
        return before(*args, **kwargs)

    setattr(owner, name, leave)
    _wrapped.append((owner, name, before, leave))


def _returned(frame: FrameType) -> bool:
    """Whether a frame that is over came to a `return` rather than to an exception."""
    import opcode  # only a program that asked to leave comes here

    return opcode.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")


if sys.version_info < (3, 12):
    watch()  # `sys.exit(main())` has looked up `sys.exit` before main() begins a run
