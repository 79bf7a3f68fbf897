"""`PUT /api/v1/uploads/ARTIFACT`: a claimed artifact's bytes, where the store has no address of its own."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from runreel_consumers.blobs.claims import TOKEN_HEADER
from runreel_server.asgi.http import Gone, Request

AHEAD: Final = 8
"""Pieces that are held between the client and the store: memory is one budget, whatever the size."""

Take = Callable[[str, str, Iterable[bytes]], int]
"""(artifact, token, pieces) -> bytes taken."""


class _Broken(Exception):
    """The client went away before the end: what came is not an artifact."""


async def serve(request: Request, artifact: str, take: Take) -> None:
    """Take the body of a PUT.

    Raises:
        NotFound: no claim with this token.
        ValueError: more bytes come than were claimed.
    """
    pieces: queue.Queue[bytes | _Broken | None] = queue.Queue(AHEAD)
    taking = asyncio.create_task(asyncio.to_thread(take, artifact, request.header(TOKEN_HEADER), _from(pieces)))
    try:
        async for piece in request.body():
            await _put(pieces, piece, taking)
        await _put(pieces, None, taking)
    except Gone:
        await _put(pieces, _Broken(), taking)
        await asyncio.gather(taking, return_exceptions=True)
        raise
    size = await taking
    await request.answer(200, b'{"size":%d}' % size, {"content-type": "application/json"})


async def _put(
    pieces: queue.Queue[bytes | _Broken | None], piece: bytes | _Broken | None, taking: asyncio.Task[int]
) -> None:
    while not taking.done():  # one that has failed reads no more
        try:
            pieces.put_nowait(piece)
            return
        except queue.Full:
            await asyncio.sleep(0.005)


def _from(pieces: queue.Queue[bytes | _Broken | None]) -> Iterator[bytes]:
    while (piece := pieces.get()) is not None:
        if isinstance(piece, _Broken):
            raise piece
        yield piece
