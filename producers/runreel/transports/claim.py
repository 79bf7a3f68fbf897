"""Artifact bytes by claim check: the server says where to, the bytes go there directly."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel.uploads import Job, Refused
from runreel.web import connect, headers, refusal, target

_PATH: Final = "/api/v1/artifacts"
_TIMEOUT: Final = 60.0
_FINISH: Final = 600.0  # the server reads all of it once more, to verify it
_PIECE: Final = 1 << 20
_FOR_GOOD: Final = frozenset({400, 413, 422})


class _Part(msgspec.Struct, frozen=True):
    number: int
    url: str
    size: int


class _Claim(msgspec.Struct, frozen=True):
    """The server's answer: one `url` for all, or `parts` for a share each; `headers` go along."""

    url: str | None = None
    headers: dict[str, str] = {}
    parts: list[_Part] = []
    stored: bool = False


class _Stored(msgspec.Struct, frozen=True):
    failed: str | None = None


def send_claimed(
    settings: Settings, url: str, job: Job, stopped: Callable[[], bool], sent: Callable[[int], None]
) -> None:
    """Claim an address, send the file there as it is read, and have the server verify it.

    Args:
        settings: name the token.
        url: the server's address.
        job: what to send.
        stopped: whether to break off.
        sent: told how many bytes have been sent.

    Raises:
        NotReachable: the server, or the store, does not take it now.
        Refused: it never will.
        OSError: the file cannot be read, or a connection broke.
    """
    asked = {
        "artifact": job.artifact,
        "size": job.size,
        "sha256": job.sha256,
        "run": job.run,
        "workspace": job.workspace,
        "name": job.name,
    }
    claim = msgspec.json.decode(_post(settings, url, _PATH, asked), type=_Claim)
    etags: list[str] = []
    if not claim.stored:
        offset = 0
        for part in claim.parts or [_Part(1, claim.url or "", job.size)]:
            pieces = _told(_pieces(Path(job.path), offset, part.size), offset, sent)
            etags.append(_put(part.url, claim.headers, pieces, part.size, stopped))
            offset += part.size
        said = {"etags": etags if claim.parts else []}
        answer = _post(settings, url, f"{_PATH}/{quote(job.artifact)}/finish", said, _FINISH)
        stored = msgspec.json.decode(answer or b"{}", type=_Stored)
        if stored.failed:
            raise Refused(stored.failed)


def _post(settings: Settings, url: str, path: str, said: object, timeout: float = _TIMEOUT) -> bytes:
    connection = connect(url, timeout)
    try:
        body = msgspec.json.encode(said)
        connection.request("POST", target(url, path), body, headers(settings, "application/json"))
        return _answer(connection)[1]
    except http.client.HTTPException as error:
        raise NotReachable(f"the server broke off: {type(error).__name__}") from None
    finally:
        connection.close()


def _put(url: str, extra: dict[str, str], pieces: Iterator[bytes], size: int, stopped: Callable[[], bool]) -> str:
    """Send a part of the file, which comes in pieces; answers its ETag."""
    connection = connect(url, _TIMEOUT)
    try:
        connection.putrequest("PUT", target(url), skip_accept_encoding=True)
        for name, value in {"Content-Length": str(size), **extra}.items():
            connection.putheader(name, value)
        connection.endheaders()
        for piece in pieces:
            if stopped():
                raise NotReachable("the process ends")
            connection.send(piece)
        return _answer(connection)[0]
    except http.client.HTTPException as error:
        raise NotReachable(f"the store broke off: {type(error).__name__}") from None
    finally:
        connection.close()


def _pieces(path: Path, offset: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while size > 0 and (piece := file.read(min(_PIECE, size))):
            size -= len(piece)
            yield piece


def _told(pieces: Iterator[bytes], offset: int, sent: Callable[[int], None]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        offset += len(piece)
        sent(offset)


def _answer(connection: http.client.HTTPConnection) -> tuple[str, bytes]:
    response = connection.getresponse()
    body = response.read()
    if response.status in _FOR_GOOD:
        raise Refused(refusal(response.status, body))
    if not 200 <= response.status < 300:
        raise NotReachable(refusal(response.status, body))
    return response.headers.get("ETag", "").strip('"'), body
