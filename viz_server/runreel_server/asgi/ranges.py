"""The Range header of one part (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(ValueError):
    """A range that lies outside."""


def parse(header: str, size: int) -> tuple[int, int] | None:
    """`(start, length)` of the one range that a header asks for; None where all is to be sent.

    What is no range of bytes, or several, is answered whole, as the RFC allows.

    Raises:
        Unsatisfiable: it begins beyond the end.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        length = min(int(found[2]), size)
        if not length:
            raise Unsatisfiable(header)
        return size - length, length
    start = int(found[1])
    end = size - 1 if found[2] == "" else min(int(found[2]), size - 1)
    if found[2] != "" and int(found[2]) < start:
        return None
    if start >= size:
        raise Unsatisfiable(header)
    return start, end - start + 1
