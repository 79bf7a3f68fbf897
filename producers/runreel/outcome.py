"""How something ended: from what a user says, or from the exception that ended it, to a state and an error."""

from __future__ import annotations

import sys
from typing import Final, get_args

from runreel.events import ENDED, Error, State
from runreel.values import clean, shown

LONGEST: Final = 16_384  # characters of a message or traceback kept in the state; the step's log has the whole
_TOLD: Final = "_runreel_told"


def outcome(state: str | None, error: BaseException | Error | str | None) -> tuple[State, Error | None]:
    """The state and error to say.

    Without a `state`, an exception decides: KeyboardInterrupt and asyncio's CancelledError are CANCELED; SystemExit
    of code 0 is SUCCEEDED; any other, or a text, is FAILED; none at all is SUCCEEDED.

    Raises:
        ValueError: `state` is none that something can end in.
        TypeError: `error` is neither an exception nor a text.
    """
    if state is not None and state not in ENDED:
        ends = ", ".join(known for known in get_args(State) if known in ENDED)
        raise ValueError(f"state is {shown(state)}: give one of {ends}, or nothing")
    found: State = "SUCCEEDED"
    said: Error | None = None
    if isinstance(error, BaseException):
        found, said = _ended_by(error)
    elif isinstance(error, Error):
        found, said = "FAILED", error
    elif isinstance(error, str):
        found, said = "FAILED", Error(message=_short(clean(error)))
    elif error is not None:
        raise TypeError(f"error is {shown(error)}, a {type(error).__name__}: give an exception or a text")
    return (state if state is not None else found), said  # type: ignore[return-value]  # ENDED are States


def _ended_by(error: BaseException) -> tuple[State, Error | None]:
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "SUCCEEDED", None
    if isinstance(error, GeneratorExit):  # who consumed the generator had enough
        return "SUCCEEDED", None
    trace = "" if error.__traceback__ is None else _short(clean(text_of(error)))
    said = Error(type=type(error).__name__, message=_short(_message(error)), traceback=trace)
    return ("CANCELED" if canceled(error) else "FAILED"), said


def canceled(error: BaseException) -> bool:
    """Whether somebody wanted the end: Ctrl-C, or a canceled task of asyncio."""
    asyncio = sys.modules.get("asyncio.exceptions")  # not loaded: nobody can have raised its exception
    return isinstance(error, KeyboardInterrupt) or (asyncio is not None and isinstance(error, asyncio.CancelledError))


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return f"exit code {error.code}"
    try:
        text = clean(str(error))
        return f"{type(error).__name__}: {text}" if isinstance(error, KeyError) else text  # its text is a bare key
    except Exception as broken:
        return f"<its message cannot be had: {type(broken).__name__}>"


def text_of(error: BaseException) -> str:
    """The traceback, as Python prints it."""
    import traceback  # slow to import, and needed once something has failed

    return "".join(traceback.format_exception(error)).rstrip("\n")


def _short(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}\n[… {len(text) - LONGEST} characters: the log has them …]\n{text[-LONGEST // 2 :]}"


def worth_telling(error: object) -> bool:
    """Whether this exception's traceback belongs in a log: it is a failure and in no step's log yet.

    An exception passes through a step, those around it and the run; the innermost one's log has it.
    """
    if not isinstance(error, BaseException) or isinstance(error, SystemExit | GeneratorExit):
        return False
    if canceled(error) or getattr(error, _TOLD, False):
        return False
    try:
        setattr(error, _TOLD, True)
    except (AttributeError, TypeError):
        return True  # an exception that takes no attributes: better told twice than not at all
    return True
