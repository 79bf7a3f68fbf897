"""`/api/v1/runs/ID/events`: every event of a run, as CloudEvents, a JSON line each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from runreel.codec import encode
from runreel.events import Event
from runreel_server.api.parameters import TEXT, Parameter, read
from runreel_server.asgi.http import Request

Events = Callable[[str, frozenset[str] | None], Iterable[Event]]
"""(run, types or None) -> its events in the order of their stamps, the stored ones and those still in the tail."""

MEDIA_TYPE = "application/x-ndjson"
LINES = 500  # in one write
PARAMETERS: Final = (Parameter("type", "only this type; may repeat", TEXT, many=True),)


async def serve(request: Request, run: str, events: Events) -> None:
    """Stream the events of a run; `type` (may repeat) chooses among them.

    Raises:
        Problem: an unknown parameter.
        NotFound: no such run.
    """
    kinds = read(PARAMETERS, request.query())["type"]
    types = frozenset(kind if "." in kind else f"runreel.{kind}" for kind in kinds) or None
    found = await asyncio.to_thread(events, run, types)
    headers = {"content-type": f"{MEDIA_TYPE}; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}
    await request.start(200, headers)
    await request.stream(_lines(found))


def _lines(events: Iterable[Event]) -> Iterator[bytes]:
    source = iter(events)
    while batch := list(islice(source, LINES)):
        yield b"".join(encode(event) + b"\n" for event in batch)
