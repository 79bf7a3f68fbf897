"""Artifact bytes as Kafka messages: what emitters write to the topic of blobs and the consumer reads.

An artifact is a message a chunk, then one end record, all with the artifact's id as their key. Headers name `run`,
`workspace`, `artifact` and, in a chunk, its number `n` from 0. The end record has no `n`; its value is JSON:
`{"chunks":2,"size":600000,"sha256":"..."}`. All chunks of an artifact but the last are of one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from runreel.errors import CodecError

CHUNK: Final = 512 << 10
"""Bytes of a chunk, all but the last."""

_MOST: Final = 1 << 31
_ID: Final = 128  # characters of an artifact's id, at most; it is part of object names


class End(msgspec.Struct, frozen=True):
    """An artifact's last message: how many chunks, how many bytes, their SHA-256 in hex."""

    chunks: int
    size: int
    sha256: str


class Label(msgspec.Struct, frozen=True):
    """What a message's headers say: whose chunk `n` it is, or (`n` None) whose end."""

    run: str
    workspace: str
    artifact: str
    n: int | None


def headers(run: str, workspace: str, artifact: str, n: int | None = None) -> list[tuple[str, bytes]]:
    """The headers of chunk `n` of an artifact, or (`n` None) of its end record."""
    said = {"run": run, "workspace": workspace, "artifact": artifact} | ({} if n is None else {"n": str(n)})
    return [(name, value.encode()) for name, value in said.items()]


def encode_end(end: End) -> bytes:
    """The value of an end record."""
    return msgspec.json.encode(end)


def read_headers(found: Sequence[tuple[str, bytes | None]] | None) -> Label:
    """What a message's headers say.

    Raises:
        CodecError: one is missing or is nothing that can be used; the message says which.
    """
    said = {name: (value or b"").decode(errors="replace") for name, value in found or ()}
    for name in ("run", "workspace", "artifact"):
        if not said.get(name):
            raise CodecError(f"a chunk without the header {name!r} belongs to no artifact")
    artifact, n = said["artifact"], said.get("n")
    if len(artifact) > _ID or not artifact.replace("-", "").replace("_", "").isalnum() or not artifact.isascii():
        raise CodecError(f"header artifact is {artifact[:40]!r}: letters, digits, `-` and `_`, {_ID} at most")
    if n is not None and not (n.isascii() and n.isdigit() and len(n) <= 10 and int(n) < _MOST):
        raise CodecError(f"header n is {n[:40]!r}: chunks count from 0 to 2^31 - 1")
    return Label(said["run"], said["workspace"], artifact, None if n is None else int(n))


def decode_end(value: bytes) -> End:
    """The end record in a message's value.

    Raises:
        CodecError: it is none.
    """
    try:
        end = msgspec.json.decode(value, type=End)
    except msgspec.DecodeError as error:
        raise CodecError(f"not an end record: {error}") from None
    if not 0 <= end.chunks < _MOST or end.size < 0 or (end.chunks == 0) != (end.size == 0):
        raise CodecError(f"not an end record: {end.chunks} chunks hold {end.size} bytes")
    if len(end.sha256) != 64 or set(end.sha256) - set("0123456789abcdef"):
        raise CodecError(f"not an end record: sha256 is {end.sha256[:80]!r}, write 64 hex digits in lower case")
    return end
