"""Python's tracebacks as texts: the line of one that says what went wrong. `static/js/log/trace.js` says the same."""

from __future__ import annotations

import re
from typing import Final

_BEGINS: Final = re.compile(r"^(  \+ Exception Group )?Traceback \(most recent call last\):", re.MULTILINE)
_CHAINS: Final = re.compile(
    r"^(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):$",
    re.MULTILINE,
)
_BAR: Final = re.compile(r"^  \| ?")


def begins(text: str) -> bool:
    """Whether a text is a traceback from its beginning."""
    return _BEGINS.match(text) is not None


def point(text: str) -> str:
    """The line that names the exception: the first one behind the frames of the last traceback of a chain.

    What follows it is the rest of its message, its notes, or the exceptions of a group. Of a traceback that is cut off
    before it the last line is the best that is known.
    """
    last = _CHAINS.split(text)[-1]
    begin = _BEGINS.search(last)
    lines = (last[begin.end() :] if begin else last).split("\n")
    if begin and begin[1]:
        lines = [_BAR.sub("", line) for line in lines]
    named = (line for line in lines[1:] if line[:1].strip())
    return next(named, text.rstrip().rpartition("\n")[2]).rstrip()
