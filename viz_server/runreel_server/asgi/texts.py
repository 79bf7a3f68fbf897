"""`/api/v1/runs/ID/logs.txt` and `series.csv`: the log as text and series as tables, of any size."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from werkzeug.datastructures import MultiDict

from runreel.codec import iso
from runreel.ids import short
from runreel_consumers.archive.lines import Line
from runreel_server.asgi.http import Request

MOST_NAME: Final = 100
"""Characters of a file's name."""

_STRANGE: Final = re.compile(r"[^A-Za-z0-9.-]+")

Lines = Callable[[str, MultiDict[str, str]], Iterable[Sequence[Line]]]
"""(run, query) -> the lines that the query is for, in order."""

Rows = Callable[[str, MultiDict[str, str]], Iterable[str]]
"""(run, query) -> CSV, some rows at a time."""


async def serve(request: Request, run: str, lines: Lines) -> None:
    """Stream the lines of a run.

    Raises:
        Problem: a parameter is none.
        NotFound: no such run.
    """
    found = await asyncio.to_thread(lines, run, request.query())
    await _send(request, as_text(found), "text/plain; charset=utf-8", f"{short(run)}.log")


async def serve_table(request: Request, run: str, rows: Rows) -> None:
    """Stream the points of a run's series.

    Raises:
        Problem: a parameter is none.
        NotFound: no such run.
    """
    found = await asyncio.to_thread(rows, run, request.query())
    encoded = (text.encode("utf-8", "replace") for text in found)
    keys = request.query().getlist("key")
    name = _STRANGE.sub("_", unquote(keys[0]))[:MOST_NAME] if len(keys) == 1 else short(run)
    await _send(request, encoded, "text/csv; charset=utf-8; header=present", f"{name}.csv")


async def _send(request: Request, pieces: Iterable[bytes], kind: str, filename: str) -> None:
    headers = {
        "content-type": kind,
        "content-disposition": f'attachment; filename="{filename}"',
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
    }
    await request.start(200, headers)
    await request.stream(pieces)


def as_text(found: Iterable[Sequence[Line]]) -> Iterator[bytes]:
    """`TIME LEVEL STEP TEXT`, each with its line end; a text that came in pieces is one again."""
    goes_on: tuple[str, str | None, str] | None = None
    for lines in found:
        parts: list[str] = []
        for line in lines:
            source = (line.session, line.execution, line.stream)
            if goes_on != source:
                end = "" if goes_on is None else "\n"
                parts.append(f"{end}{iso(line.time)} {line.level} {unquote(line.subject or '-')} ")
            parts.append(line.text)
            goes_on = source if line.more else None
            if not line.more:
                parts.append("\n")
        if parts:
            yield "".join(parts).encode("utf-8", "replace")
