"""`PUT /api/v1/uploads/ARTIFACT`: a claimed artifact's bytes, where the store has no address of its own."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from runreel_consumers.blobs.claims import TOKEN_HEADER
from runreel_server.asgi.http import Gone, Request

AHEAD: Final = 8
"""Pieces that are held between the client and the store: memory is one budget, whatever the size."""

AT_ONCE: Final = 16
"""Uploads that are taken at the same time; more wait. Each holds a thread as long as its client sends, so that these
are not the threads that all else is read on."""

Take = Callable[[str, str, Iterable[bytes]], int]
"""(artifact, token, pieces) -> bytes taken."""


class _Broken(Exception):
    """The client went away before the end, or the server ends: what came is not an artifact."""


_threads = ThreadPoolExecutor(AT_ONCE, "runreel-upload")


async def serve(request: Request, artifact: str, take: Take) -> None:
    """Take the body of a PUT.

    Raises:
        NotFound: no claim with this token.
        ValueError: more bytes come than were claimed.
    """
    pieces: queue.Queue[bytes | _Broken | None] = queue.Queue(AHEAD)
    token = request.header(TOKEN_HEADER)
    taking = asyncio.get_running_loop().run_in_executor(_threads, take, artifact, token, _from(pieces))
    try:
        async for piece in request.body():
            await _put(pieces, piece, taking)
        await _put(pieces, None, taking)
        size = await taking
    except BaseException as error:  # also where the server ends: the thread must not wait for a rest
        _break(pieces)
        if isinstance(error, Gone):
            await asyncio.gather(taking, return_exceptions=True)
        raise
    await request.answer(200, b'{"size":%d}' % size, {"content-type": "application/json"})


def _break(pieces: queue.Queue[bytes | _Broken | None]) -> None:
    while True:
        try:
            pieces.put_nowait(_Broken())
            return
        except queue.Full:
            with suppress(queue.Empty):
                pieces.get_nowait()


async def _put(pieces: queue.Queue[bytes | _Broken | None], piece: bytes | None, taking: asyncio.Future[int]) -> None:
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
