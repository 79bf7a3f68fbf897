"""Which step speaks, and which runs and steps are open in this process.

The context variable's step speaks. In a thread that has none (a pool's), it is the innermost open step if exactly one
is open in this process, else the run itself. Without a run, nothing happens.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runreel.run import Run
    from runreel.speaker import Speaker
    from runreel.step import Step

_here: ContextVar[Speaker | None] = ContextVar("runreel", default=None)

# Single dict operations are atomic: no lock, for a signal handler or a forked child may need these at any moment.
open_runs: dict[int, Run] = {}
"""By `id()`, oldest first."""
open_steps: dict[int, Step] = {}
"""By `id()`, oldest first."""


def enter(speaker: Speaker | None) -> Speaker | None:
    """Make `speaker` the one of this context; answers the one before."""
    before = _here.get()
    _here.set(speaker)
    return before


def leave(speaker: Speaker, before: Speaker | None) -> None:
    """Undo `enter`, but only where `speaker` is still this context's.

    No tokens: an asynchronous generator may be finished in another task, where a token is refused.
    """
    if _here.get() is speaker:
        _here.set(before)


def here() -> Speaker | None:
    """The context's own speaker, if it or one round it is still open."""
    speaker = _here.get()
    while speaker is not None and not speaker.open:
        speaker = speaker.parent
    return speaker


def speaker() -> Speaker | None:
    """Who speaks in this context: a step, else a run, else nobody."""
    found = here() or _innermost() or newest_run()
    if found is not None and found.parent is None and found.run.base is not None and found.run.base.open:
        return found.run.base  # in a process that was started inside a step, that step stands for the run
    return found


def _innermost() -> Step | None:
    """The innermost open step, if all others that are open lie round it."""
    steps = list(open_steps.values())
    if not steps:
        return None
    newest, around = steps[-1], 0
    above: Speaker | None = newest
    while above is not None:
        around += id(above) in open_steps
        above = above.parent
    return newest if around == len(steps) else None


def newest_run() -> Run | None:
    """The open run that was started last."""
    runs = list(open_runs.values())
    return runs[-1] if runs else None


def current_run() -> Run | None:
    """The run that this context speaks in, or None.

    Inside `with runreel.start(...)` or a step, that run; elsewhere the open run that was started last.
    """
    found = speaker()
    return None if found is None else found.run


def current_step() -> Step | None:
    """The step that speaks in this context, or None where it is the run itself or nobody.

    In a thread that has no step of its own (a pool's) it is the innermost open one, if exactly one is open in this
    process; `step.bind(fn)` carries a certain one there. In a process started inside a step (`RUNREEL_STEP`), it is
    that step until another one is opened.
    """
    found = speaker()
    return None if found is None or found.parent is None else found  # type: ignore[return-value]  # only runs have none
