"""HTTP to a runreel server, with what the standard library has."""

from __future__ import annotations

import http.client
from urllib.parse import SplitResult, urlsplit

import msgspec

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
    """The headers of a request to the server: what it holds, and RUNREEL_TOKEN where there is one."""
    found = {"Content-Type": content_type, "Accept": "application/json"}
    if settings.token:
        found["Authorization"] = f"Bearer {settings.token}"
    return found


def refusal(status: int, body: bytes) -> str:
    """Why a server said no, in one line, from its problem details (RFC 9457) where it gave some."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
        said = problem.get("detail") or problem.get("title") or ""
    except msgspec.DecodeError:
        said = ""
    return f"HTTP {status}" + (f": {said}" if said else "")
