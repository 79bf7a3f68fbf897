"""The parameters of streams; `at` and `speed`: a run that is played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from werkzeug.datastructures import MultiDict

from runreel_server.api.parameters import ANY_TEXT, TEXT, TIME, Kind, Parameter, read
from runreel_server.problems import Problem

LEAST: Final = 0.01
MOST: Final = 1_000_000.0
_MAX: Final = "max"


def _speed(text: str) -> float | None:
    if text == _MAX:
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not LEAST <= found <= MOST:
        raise ValueError(f"give a number from {LEAST:g} to {MOST:.0f}, or {_MAX}")
    return found


SPEED: Final = Kind({"type": "string", "examples": ["1", "100", _MAX]}, _speed)

PARAMETERS: Final = (
    Parameter(
        "after", "the token of the last frame seen, as the header Last-Event-ID; may repeat", ANY_TEXT, many=True
    ),
    Parameter("at", "play the run from this moment on, to its end or until it is caught up with", TIME),
    Parameter("speed", "so many seconds of the run in one; max: as fast as frames go", SPEED, default="1"),
)


WATCHING: Final = (
    Parameter("watch", "`runs`, or `run:ID`; may repeat, 20 at most", TEXT, many=True, required=True),
    *PARAMETERS,
)
"""Of a stream that is of several things; those above are of one run's."""


class Play(msgspec.Struct, frozen=True):
    """From when a run is to be played (µs since 1970), and how fast (None: as fast as frames go)."""

    at: int
    speed: float | None


def wanted(parameters: Sequence[Parameter], query: MultiDict[str, str]) -> Play | None:
    """What is to be played; None where nothing is.

    Raises:
        Problem: a parameter is none, or unknown.
    """
    values = read(parameters, query)
    if values["at"] is None:
        if "speed" in query:
            raise Problem(400, f"speed={query['speed']!r} plays a run: give at=TIME, too")
        return None
    return Play(values["at"], values["speed"] if "speed" in query else 1.0)
