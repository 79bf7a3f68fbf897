"""HTTP to a runreel server, with what the standard library has."""

from __future__ import annotations

import base64
import http.client
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

import msgspec

from runreel.parsers import split_login
from runreel.settings import Settings


def connect(url: str, timeout: float) -> http.client.HTTPConnection:
    """A connection to an `http` or `https` address; nothing is sent yet."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


def target(url: str, path: str = "") -> str:
    """What a request line names: the address's own path and query, and `path` behind them."""
    parts: SplitResult = urlsplit(url)
    base = parts.path.rstrip("/") + path if path else parts.path or "/"
    return f"{base}?{parts.query}" if parts.query else base


def headers(settings: Settings, content_type: str) -> dict[str, str]:
    """The headers of a request to the server: what it holds, and who asks."""
    return {"Content-Type": content_type, "Accept": "application/json", **authorization(settings)}


def authorization(settings: Settings) -> dict[str, str]:
    """Who asks the server: RUNREEL_TOKEN where there is one, else the user info of RUNREEL_URL, else nobody."""
    if settings.token:
        return {"Authorization": f"Bearer {settings.token}"}
    return _basic(settings.url_login)


def _basic(login: str | None) -> dict[str, str]:
    if login is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(unquote_to_bytes(login)).decode()}"}


def opened(url: str, timeout: float, extra: Mapping[str, str] | None = None) -> Any:
    """The answer to a GET, to be read and closed; user info in the address goes along as HTTP Basic.

    Args:
        url: the address.
        timeout: seconds that the server may be silent.
        extra: headers for this server alone: a redirect to another one goes without them.

    Raises:
        OSError: no answer, or (as `urllib.error.HTTPError`) one that is an error.
    """
    address, login = split_login(url)
    request = urllib.request.Request(address)
    for name, value in {**_basic(login), **(extra or {})}.items():
        request.add_unredirected_header(name, value)
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except (ValueError, http.client.HTTPException) as error:  # an address that is none, or a server that breaks off
        raise OSError(str(error) or type(error).__name__) from None


def refusal(status: int, body: bytes) -> str:
    """Why a server said no, in one line, from its problem details (RFC 9457) where it gave some."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
        said = problem.get("detail") or problem.get("title") or ""
    except msgspec.DecodeError:
        said = ""
    return f"HTTP {status}" + (f": {said}" if said else "")
