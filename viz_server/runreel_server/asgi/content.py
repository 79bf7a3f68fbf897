"""`/api/v1/artifacts/ID/content`: the bytes, streamed from where they lie, never in the page's origin context."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from runreel_server.asgi import ranges
from runreel_server.asgi.http import Request
from runreel_server.services import Bytes

Find = Callable[[str], tuple[dict[str, Any], Bytes]]
"""An artifact's id -> what is known of it (`name`, `media_type`, `size`, `sha256`), and a way to its bytes."""

SANDBOX: Final = "sandbox allow-scripts allow-popups; default-src * 'unsafe-inline' 'unsafe-eval' data: blob:"
"""An artifact is somebody's work: it may run its scripts, in an origin of its own, away from our pages and our API."""


_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+( *; *[\w.+-]+=([\w.+/-]+|\"[\w .+/-]*\"))*", re.ASCII)
"""What a media type may look like: it was said by anybody and becomes a header."""


async def serve(request: Request, artifact: str, find: Find) -> None:
    """Answer with the bytes of an artifact, or the one range that is asked for.

    Raises:
        NotFound: there are no bytes.
    """
    info, read = await asyncio.to_thread(find, artifact)
    size = int(info["size"])
    headers = {
        "content-type": _type(info.get("media_type")),
        "accept-ranges": "bytes",
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "x-accel-buffering": "no",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
        "content-disposition": _disposition(str(info.get("name") or artifact), attach="download" in request.one("as")),
        "cache-control": "private, no-cache",
    }
    if info.get("sha256"):
        headers["etag"] = f'"{info["sha256"]}"'
        if headers["etag"] in request.header("if-none-match"):
            await request.answer(304, b"", headers)
            return
    condition = request.header("if-range")
    wanted = request.header("range") if not condition or condition == headers.get("etag") else ""
    try:
        part = ranges.parse(wanted, size)
    except ranges.Unsatisfiable:
        await request.answer(416, b"", {"content-range": f"bytes */{size}"})
        return
    start, length = part or (0, size)
    if part:
        headers["content-range"] = f"bytes {start}-{start + length - 1}/{size}"
    await request.start(206 if part else 200, {**headers, "content-length": str(length)})
    if request.method == "HEAD" or not length:
        await request.write(b"", more=False)
        return
    await request.stream(read(start, length))


def _type(media_type: str | None) -> str:
    kind = media_type if media_type and _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") and "charset" not in kind else kind


def _disposition(name: str, *, attach: bool) -> str:
    kind = "attachment" if attach else "inline"
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"
