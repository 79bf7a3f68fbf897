"""What a user says, made into what the contract carries: names, numbers, columns, plain data."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from runreel import codec

SHOWN: Final = 80  # characters of a wrong value that an error message shows
DEEPEST: Final = 32  # levels of nested params or metadata; what lies deeper becomes text
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1  # what every reader's integer column holds


def shown(value: object) -> str:
    """A value as an error message shows it: its repr, cut to a line."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def name(field: str, value: object) -> str:
    """A name: text, not empty.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty.
    """
    if not isinstance(value, str):
        raise TypeError(f"{field} is {shown(value)}, a {type(value).__name__}: give its name as text")
    if not value:
        raise ValueError(f"{field} is empty: give it a name")
    return clean(value)


def clean(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate (a file name's undecodable byte) becomes its escape."""
    if text.isascii():
        return text
    return text.encode(errors="backslashreplace").decode()


def number(field: str, value: Any) -> int | float:
    """One number: an int or a float of Python, numpy, torch and the like (anything with `item()` or `__float__`).

    Raises:
        TypeError: it is text, nothing or not one number.
    """
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        value = int(value)
        return value if _LEAST <= value <= _MOST else _far(value)
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{field} is {shown(value)}, which is text: give a number, and text to log() or tags()")
    item = getattr(value, "item", None)
    if callable(item):
        try:
            found = item()
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"{field} is {shown(value)}, not one number: give columns to points()") from None
        if isinstance(found, int | float):
            return number(field, found)
    elif hasattr(type(value), "__float__"):
        return float(value)
    raise TypeError(f"{field} is {shown(value)}, a {type(value).__name__}: give a number")


def amount(field: str, value: Any) -> int | float:
    """How many of something there are: a finite number, 0 or more.

    Raises:
        TypeError: it is no number.
        ValueError: it is not finite, or below 0.
    """
    found = number(field, value)
    if not math.isfinite(found):
        raise ValueError(f"{field} is {found}: give a finite number")
    if found < 0:
        raise ValueError(f"{field} is {found}: give 0 or more")
    return found


def _far(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def column(field: str, values: Any) -> list[int | float]:
    """A column of numbers from a list, an array (numpy, pandas, torch, `array`, a buffer) or any iterable.

    Raises:
        TypeError: it is no column, or one of its values is no number; names the place.
    """
    if isinstance(values, str | bytes | bytearray | Mapping):
        raise TypeError(f"{field} is {shown(values)}, a {type(values).__name__}: give a list or an array of numbers")
    to_list = getattr(values, "tolist", None)
    try:
        found: Any = to_list() if callable(to_list) else list(values)
    except TypeError:
        raise TypeError(f"{field} is {shown(values)}, one value: give a list or an array of numbers") from None
    if not isinstance(found, list):  # an array without dimensions
        found = [found]
    if set(map(type, found)) <= {float}:
        return list(found)
    return [number(f"{field}[{place}]", value) for place, value in enumerate(found)]


def times(field: str, values: Iterable[Any]) -> list[int]:
    """A column of moments as microseconds since 1970, from such integers or aware datetimes.

    Raises:
        TypeError, ValueError: one is neither; names the place.
    """
    found = []
    for place, value in enumerate(values):
        if isinstance(value, datetime.datetime):
            found.append(codec.micros(value))
        else:
            whole = number(f"{field}[{place}]", value)
            if not isinstance(whole, int):
                raise TypeError(f"{field}[{place}] is {shown(value)}: give microseconds since 1970 or a datetime")
            found.append(whole)
    return found


def mapping(field: str, values: object) -> dict[str, Any]:
    """A mapping of names to plain data.

    Raises:
        TypeError: it is no mapping, or a key is no text.
        ValueError: a key is empty.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"{field} is {shown(values)}, a {type(values).__name__}: give a mapping of names to values")
    return {name(f"a name in {field}", key): plain(value) for key, value in values.items()}


def masked(field: str, values: object) -> dict[str, Any]:
    """`mapping`, with what looks like a secret in it masked.

    Raises:
        TypeError, ValueError: as `mapping`.
    """
    said = mapping(field, values)
    if not said:
        return said
    from runreel import masks  # a run without params never needs its expressions

    return masks.values(said)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it. What JSON has no word for becomes text; nothing is refused."""
    if isinstance(value, enum.Enum):
        value = value.value
    found: Any = value
    if value is None or isinstance(value, bool):
        pass
    elif isinstance(value, str):
        found = clean(value)
    elif isinstance(value, float):
        found = float(value)
    elif isinstance(value, int):
        found = int(value) if _LEAST <= value <= _MOST else str(value)
    elif isinstance(value, bytes | bytearray):
        found = codec.escape(bytes(value))[0]
    elif isinstance(value, datetime.date | datetime.time):
        found = value.isoformat()
    elif isinstance(value, os.PathLike):
        found = clean(os.fsdecode(value))
    else:
        found = _nested(value, depth + 1) if depth < DEEPEST else clean(str(value))
    return found


def _nested(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth) for item in value]
    if isinstance(value, type):
        return value.__qualname__
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name), depth) for field in dataclasses.fields(value)}
    to_list = getattr(value, "tolist", None)
    return plain(to_list(), depth) if callable(to_list) else clean(str(value))
