"""The parameters of addresses: declared once, for reading them and for the OpenAPI document."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from werkzeug.datastructures import MultiDict

from runreel.codec import parse_time
from runreel_consumers.archive.lines import parse_cursor
from runreel_server.problems import Problem

Json = dict[str, Any]

_LATEST: Final = 253_402_300_799_999_999  # the year 9999: beyond it a time cannot be written


class Kind(msgspec.Struct, frozen=True):
    """What a parameter may be: as JSON Schema, and as what turns its text into its value.

    `parse` raises ValueError, whose text says what to write.
    """

    schema: Json
    parse: Callable[[str], Any]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a query.

    Attributes:
        name: as it stands in the address.
        help: what it does, for the document.
        kind: what it may be.
        many: whether it may stand there several times; then its value is a list.
        required: whether it must be there.
        default: its value where it is absent.
    """

    name: str
    help: str
    kind: Kind
    many: bool = False
    required: bool = False
    default: Any = None

    def document(self) -> Json:
        """Its place in an OpenAPI document."""
        schema = self.kind.schema
        if self.many:
            schema = {"type": "array", "items": schema, "minItems": int(self.required)}
        if isinstance(self.default, str | int):
            schema = {**schema, "default": self.default}
        said: Json = {"name": self.name, "in": "query", "required": self.required, "description": self.help}
        return {**said, "schema": schema}


def read(parameters: Sequence[Parameter], given: MultiDict[str, str]) -> dict[str, Any]:
    """The values of a query.

    Raises:
        Problem: 400, for a parameter that is unknown, missing, repeated or none; names it, its value and the way out.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            way_out = f"this address knows {', '.join(known)}" if known else "this address takes none"
            raise Problem(400, f"unknown parameter {name!r}: {way_out}")
    return {name: _value(parameter, given.getlist(name)) for name, parameter in known.items()}


def _value(parameter: Parameter, texts: Sequence[str]) -> Any:
    if not texts:
        if parameter.required:
            raise Problem(400, f"{parameter.name} is missing: {parameter.help}")
        return [] if parameter.many else parameter.default
    if len(texts) > 1 and not parameter.many:
        raise Problem(400, f"{parameter.name} is given {len(texts)} times: give it once")
    values = []
    for text in texts:
        try:
            values.append(parameter.kind.parse(text))
        except ValueError as error:
            raise Problem(400, f"{parameter.name}={text[:100]!r}: {error}") from None
    return values if parameter.many else values[0]


def one_of(words: Sequence[str]) -> Kind:
    """One of some words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"give one of {', '.join(words)}")
        return text

    return Kind({"type": "string", "enum": list(words)}, parse)


def whole(least: int, most: int) -> Kind:
    """A whole number within bounds, both included."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.lstrip("-").isdigit() or not least <= int(text[:20]) <= most:
            raise ValueError(f"give a whole number from {least} to {most}")
        return int(text)

    return Kind({"type": "integer", "minimum": least, "maximum": most}, parse)


def time(text: str) -> int:
    """A moment: ISO 8601 with its zone, or whole microseconds since 1970.

    Raises:
        ValueError: it is neither.
    """
    if text.isascii() and text.isdigit():
        if len(text) > 18 or int(text) > _LATEST:
            raise ValueError("that is after the year 9999")
        return int(text)
    try:
        return parse_time(text.replace(" ", "+"))  # a plus sign that was not encoded
    except (ValueError, OverflowError):
        raise ValueError("give a time like 2026-11-22T09:00:00Z, or whole microseconds since 1970") from None


def number(text: str) -> float:
    """A finite number, or a moment as microseconds.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = float(text)
    except ValueError:
        return float(time(text))
    if not math.isfinite(found):
        raise ValueError("give a finite number, or leave it out")
    return found


def filled(text: str) -> str:
    """Any text but none at all.

    Raises:
        ValueError: it is empty.
    """
    if not text:
        raise ValueError("it is empty: give a value, or leave it out")
    return text


def place(text: str) -> str | int:
    """A cursor of a line, or a moment.

    Raises:
        ValueError: it is neither.
    """
    try:
        return time(text)
    except ValueError:
        pass
    try:
        parse_cursor(text)
    except ValueError:
        raise ValueError("give a cursor of an answer, or a time like 2026-11-22T09:00:00Z") from None
    return text


PLACE: Final = Kind({"type": "string", "examples": ["2026-11-22T09:00:00Z"]}, place)
TIME: Final = Kind({"type": "string", "examples": ["2026-11-22T09:00:00Z"]}, time)
NUMBER: Final = Kind({"type": "string", "examples": ["0.5", "2026-11-22T09:00:00Z"]}, number)
TEXT: Final = Kind({"type": "string", "minLength": 1}, filled)
ANY_TEXT: Final = Kind({"type": "string"}, str)
