"""Names of things: runs, sessions, executions, step paths."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterable
from urllib.parse import unquote

SHORT = 8  # people see and type the last eight digits of a run's id: its first ones are a clock

SAFE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$(?!\n)"
"""What ids and workspaces look like: they name objects, files and topics' keys, so that they hold nothing to escape."""

_UNSAFE = re.compile("[\x00-\x1f\x7f%/#:\ud800-\udfff]")


def new_run() -> str:
    """A run's id: a UUIDv7 (RFC 9562), so that ids sort by the time they were made."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    number = (number & ~(0xF << 76)) | (0x7 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=number))


def made_at(run: str) -> int:
    """When a run's id was made, microseconds since 1970; 0: it does not tell."""
    digits = run.replace("-", "")
    try:
        return int(digits[:12], 16) * 1000 if len(digits) == 32 and digits[12] == "7" else 0
    except ValueError:
        return 0


def new_session() -> str:
    """A session's id: 128 random bits, in hex. Never derived from time, pid or host."""
    return os.urandom(16).hex()


def new_execution() -> str:
    """An execution's id: one attempt of one step, 64 random bits, in hex."""
    return os.urandom(8).hex()


def new_artifact() -> str:
    """An artifact's id: 128 random bits, in hex."""
    return os.urandom(16).hex()


def _digest(text: str) -> str:
    import hashlib  # loads OpenSSL: not on the way of every `import runreel`

    return hashlib.sha256(text.encode()).hexdigest()


def joined_execution(run: str, path: str) -> str:
    """The execution that all who join the step `path` of `run` make together."""
    return _digest(f"{run}\n{path}")[:16]


def derived_session(*parts: str) -> str:
    """A session's id that follows from what it speaks of, so that saying it again is a duplicate."""
    import json

    return _digest(json.dumps(parts))[:32]


def short(run: str) -> str:
    """What people see of a run's id: its last eight digits."""
    return run.replace("-", "")[-SHORT:]


def encode_segment(name: str) -> str:
    """One segment of a step's path: `%`, `/`, `#`, `:` and control characters percent-encoded, all else as it is.

    A name from the file system that is no Unicode (lone surrogates) is encoded byte by byte.
    """
    return _UNSAFE.sub(_percent, name)


def _percent(found: re.Match[str]) -> str:
    try:
        raw = found[0].encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half of a pair, from no file system
        raw = found[0].encode(errors="surrogatepass")
    return "".join(f"%{byte:02X}" for byte in raw)


def decode_segment(segment: str) -> str:
    """The name behind one segment of a path."""
    return unquote(segment, errors="surrogateescape")


def join_path(names: Iterable[str]) -> str:
    """The path of a step from the names of its ancestors and its own, outermost first."""
    return "/".join(encode_segment(name) for name in names)


def split_path(path: str) -> list[str]:
    """The names along a path, outermost first."""
    return [decode_segment(segment) for segment in path.split("/")]
