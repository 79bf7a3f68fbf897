"""Names of log levels."""

from __future__ import annotations

import logging

from runreel.values import shown


def level(given: str | int) -> str:
    """A level's name: one of logging's (upper or lower case, its own additions too), or of its number.

    Raises:
        ValueError: logging knows no such level.
    """
    if isinstance(given, int):
        return logging.getLevelName(given)
    if isinstance(given, str):
        word = given.upper()
        if isinstance(logging.getLevelName(word), int):
            return {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(word, word)
    raise ValueError(f"level is {shown(given)}: give DEBUG, INFO, WARNING, ERROR or CRITICAL")
