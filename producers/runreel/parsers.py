"""What a setting's text means: sizes, spans, counts, pairs. Each raises ValueError with the way out in its message."""

from __future__ import annotations

import re
from collections.abc import Callable

from runreel.ids import SAFE

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?::/+|//+)", re.I)
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
_NEXT_PAIR = re.compile(r"[,\n](?=\s*[A-Za-z][A-Za-z0-9._-]*\s*=)|\n")


def size(text: str) -> int:
    """Bytes from `1048576`, `512 KiB`, `2GiB` or `1 MB`.

    Raises:
        ValueError: it is none of these.
    """
    units = {
        "": 1,
        "B": 1,
        "KIB": 1 << 10,
        "MIB": 1 << 20,
        "GIB": 1 << 30,
        "TIB": 1 << 40,
        "KB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
    }
    number = text.strip()
    digits = number.rstrip("BKMGTibkmgt ")
    try:
        found = int(float(digits) * units[number[len(digits) :].strip().upper()])
    except (KeyError, ValueError, OverflowError):
        found = -1
    if found < 0:
        raise ValueError("write a size like 512 KiB, 256 MiB or 2 GiB")
    return found


def switch(text: str) -> bool:
    """True from `1`, `true`, `yes`, `on`; False from `0`, `false`, `no`, `off` and nothing.

    Raises:
        ValueError: it is none of these.
    """
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
        "": False,
    }
    try:
        return known[text.strip().lower()]
    except KeyError:
        raise ValueError("write 1 or 0") from None


def seconds(text: str) -> float:
    """A span in seconds, not negative.

    Raises:
        ValueError: it is none.
    """
    try:
        span = float(text)
    except ValueError:
        raise ValueError("write a number of seconds") from None
    if not 0 <= span < float("inf"):
        raise ValueError("write a number of seconds, 0 or more")
    return span


def span(text: str) -> float:
    """Seconds from `90`, `30 s`, `15 min`, `12 h` or `7 d`.

    Raises:
        ValueError: it is none of these.
    """
    units = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86_400}
    number = text.strip()
    digits = number.rstrip("smindh ")
    try:
        found = float(digits) * units[number[len(digits) :].strip()]
    except (KeyError, ValueError):
        found = -1.0
    if not 0 < found < float("inf"):
        raise ValueError("write a span like 12 h or 7 d")
    return found


def age(text: str) -> float:
    """Seconds from `12 h` or `90 d`: a span whose unit must be written, for what is older is lost.

    Raises:
        ValueError: it is none, or has no unit.
    """
    if text.strip()[-1:].isdigit():
        raise ValueError("write its unit: 12 h or 90 d")
    return span(text)


def spans(text: str) -> dict[str, float | None]:
    """Seconds by name from `NAME=30 d` pairs parted by commas or lines; None from `NAME=ever`.

    Raises:
        ValueError: it is none of these.
    """
    try:
        return {key: None if value == "ever" else age(value) for key, value in pairs(text).items()}
    except ValueError:
        raise ValueError("write NAME=SPAN pairs parted by commas, a span like 12 h, 90 d or ever") from None


def count(text: str) -> int:
    """A whole number, 1 or more.

    Raises:
        ValueError: it is none.
    """
    try:
        number = int(text)
    except ValueError:
        raise ValueError("write a whole number") from None
    if number < 1:
        raise ValueError("write a whole number, 1 or more")
    return number


def port(text: str) -> int:
    """A port's number; 0 is any that is free.

    Raises:
        ValueError: it is none.
    """
    if not text.strip().isdecimal() or int(text) > 65_535:
        raise ValueError("write a port from 0 (any free one) to 65535")
    return int(text)


def name(text: str) -> str:
    """A name that can stand in keys, files and addresses.

    Raises:
        ValueError: it cannot.
    """
    if not re.search(SAFE, text):
        raise ValueError("write letters, digits, `.`, `_` and `-`, at most 128, a letter or digit first")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that takes one of `words`."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"write one of: {', '.join(words)}")
        return text

    return parse


def pairs(text: str) -> dict[str, str]:
    """`key=value` pairs parted by commas or lines, as librdkafka spells its keys. Values may hold commas.

    Raises:
        ValueError: one of them has no `=`.
    """
    found = {}
    for pair in _NEXT_PAIR.split(text):
        if pair.strip(" \n\t,"):
            key, equals, value = pair.partition("=")
            if not equals:
                raise ValueError("write key=value pairs parted by commas")
            found[key.strip()] = value.strip().rstrip(",")
    return found


def split_login(address: str) -> tuple[str, str | None]:
    """An address without the user info in it, and that: `user:password`, as it was written; None where it has none."""
    scheme = _SCHEME.match(address)
    begin = scheme.end() if scheme else 0
    path = re.split(r"[?#]", address[begin:], maxsplit=1)[0]
    authority = path.partition("/")[0]
    if "@" not in authority and not _HOST.fullmatch(authority):
        authority = path  # a password with a slash that should have been escaped
    login, at, _ = authority.rpartition("@")
    return (address[:begin] + address[begin + len(login) + 1 :], login) if at else (address, None)


def endpoint(text: str) -> str:
    """The address of a service, without user info.

    Raises:
        ValueError: it has some.
    """
    if split_login(text)[1] is not None:
        raise ValueError("take user and password out of it, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return text
