"""What a file shows for which there is no viewer by its type: its text where it is one, its names where it is a zip."""

from __future__ import annotations

import re
import zipfile
from contextlib import suppress
from typing import IO, Any, Final, cast

import msgspec

Json = dict[str, Any]

MOST_ENTRIES: Final = 1_000
"""Names of a zip that a page shows; it says how many there are."""

_HEAD: Final = 4_096  # bytes by which a text is known
_DIRECTORY: Final = 4 << 20  # bytes that a zip's list of names may have, for it is read at once
_ZIP: Final = b"PK\x03\x04"
_INDENT: Final = 2
_WIDEST: Final = 4 << 20  # bytes that JSON may have over several lines: indents of what lies deep grow with its square
_JSON: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},]')
_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*m")


class _Bounded:
    """A file of which no large part is read at once: what a zip says of its own sizes is not to be trusted."""

    def __init__(self, source: IO[bytes]) -> None:
        self.seek, self.tell, self._source = source.seek, source.tell, source

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(_DIRECTORY + 1 if size < 0 else min(size, _DIRECTORY + 1))
        if len(data) > _DIRECTORY:
            raise OSError(f"its list of names is longer than {_DIRECTORY >> 20} MB")
        return data


def look(source: IO[bytes]) -> Json:
    """`{"kind": "text"}`, `{"kind": "zip", entries: [{name, size}], total}`, or `{"kind": "none", reason}` where it is
    neither.

    Args:
        source: the bytes, seekable, at their beginning; it is there again afterwards.
    """
    head = source.read(_HEAD)
    source.seek(0)
    if head.startswith(_ZIP):
        try:
            with zipfile.ZipFile(cast("IO[bytes]", _Bounded(source))) as archive:
                entries = [one for one in archive.infolist() if not one.is_dir()]
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            return {"kind": "none", "reason": f"it is no readable zip: {str(error)[:200]}"}
        shown = [{"name": one.filename, "size": one.file_size} for one in entries[:MOST_ENTRIES]]
        return {"kind": "zip", "entries": shown, "total": len(entries)}
    return {"kind": "text" if _is_text(head) else "none"}


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) < _HEAD or error.start < len(head) - 3:  # else its last character is cut
            return False
        text = head[: error.start].decode()
    return bool(text) and not any(sign < " " and sign not in "\t\n\r\f\x1b" for sign in text)


def readable(data: bytes, json: bool) -> str:
    """Text as a page shows it: without a terminal's colours, JSON of one line over several."""
    if json and b"\n" not in data.strip() and _width(data) <= _WIDEST:
        with suppress(msgspec.DecodeError, RecursionError):  # else it is shown as it is
            data = msgspec.json.format(data, indent=_INDENT)
    return _COLOURS.sub("", data.decode(errors="replace"))


def _width(data: bytes) -> int:
    """The bytes that JSON of one line has over several, at the most."""
    width, indent = len(data), 0
    for found in _JSON.finditer(data):
        sign = found[0]
        if sign in b"[{":
            indent += _INDENT
        elif sign in b"]}":
            indent -= _INDENT
        elif sign != b",":
            continue
        width += 1 + indent
    return width
