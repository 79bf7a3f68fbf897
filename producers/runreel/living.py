"""The sessions of this process: what becomes of them at its end, and in its forked children."""

from __future__ import annotations

import atexit
import os
import weakref
from functools import cache
from typing import TYPE_CHECKING

from runreel.deadline import Deadline

if TYPE_CHECKING:
    from runreel.session import Session

_sessions: dict[int, weakref.ref[Session]] = {}


def add(session: Session) -> None:
    """One more; it is forgotten when nobody holds it any more."""
    _register()
    key = id(session)

    def forget(_: object) -> None:
        _sessions.pop(key, None)

    _sessions[key] = weakref.ref(session, forget)


def _all() -> list[Session]:
    return [session for reference in list(_sessions.values()) if (session := reference()) is not None]


@cache
def _register() -> None:
    atexit.register(_close)
    os.register_at_fork(after_in_child=_fork)


def _close() -> None:
    """One deadline for all that nobody closed."""
    left = [session for session in _all() if not session.over]
    if left:
        deadline = Deadline(max(session.settings.exit_wait for session in left))
        for session in left:
            session.close(deadline.left())


def _fork() -> None:
    for session in _all():
        session.forked()
