"""What users named, as one segment of an object's name."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import quote, unquote

_LONGEST: Final = 150  # bytes; file systems stop at 255, and something may stand beside it


def name_of(text: str) -> str:
    """`text` as one segment of a key: percent-encoded; what is very long ends in a hash instead."""
    name = quote(text, safe=" @+=,")
    if not name.strip("."):
        name = name.replace(".", "%2E") or "%"
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 33]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return name


def text_of(name: str) -> str:
    """The text behind a segment that was not too long."""
    return "" if name == "%" else unquote(name)
