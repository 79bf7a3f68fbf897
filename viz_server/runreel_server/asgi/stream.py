"""`/api/v1/stream` and `/api/v1/runs/ID/stream`: server-sent events."""

from __future__ import annotations

import asyncio
from typing import Final

from runreel_server.asgi.http import Gone, Request
from runreel_server.feed import Feed
from runreel_server.problems import Problem
from runreel_server.stream import Watcher, bye, read_token
from runreel_server.stream.frames import MEDIA_TYPE

RETRY_MS: Final = 5_000
MOST_WATCHED: Final = 20

HEADERS: Final = {
    "content-type": f"{MEDIA_TYPE}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class Streams:
    """The live streams of one server.

    Args:
        feed: makes the frames.
        most: how many streams are taken at the same time; the next one gets a `bye`.
    """

    def __init__(self, feed: Feed, most: int) -> None:
        self._feed = feed
        self._most = most
        self._closing = asyncio.Event()
        self.open = 0
        """How many streams are open."""

    def close(self) -> None:
        """Say `bye` to all, so that the process can end; clients come back to the next one."""
        self._closing.set()

    async def serve(self, request: Request, watched: list[str]) -> None:
        """Stream what is watched until the client goes.

        Raises:
            Problem: nothing is watched, or a name is none; says which.
            NotFound: no such run.
        """
        if not 0 < len(watched) <= MOST_WATCHED:
            raise Problem(
                400, f"watch is given {len(watched)} times: give watch=run:ID or watch=runs, 1 to {MOST_WATCHED}"
            )
        if self.open >= self._most or self._closing.is_set():
            await request.start(200, HEADERS)
            await request.write(bye(RETRY_MS, f"{self.open} streams are open, no more are taken here"), more=False)
            return
        self.open += 1
        try:
            channels = [await self._feed.channel(name) for name in dict.fromkeys(watched)]
            positions = read_token(request.header("last-event-id") or request.one("after"))
            ahead = frozenset(c.name for c in channels if self._feed.ahead(c, positions.get(c.name, "")))
            watcher = Watcher(channels, positions, ahead)
            await request.start(200, HEADERS)
            await self._send(request, watcher)
        finally:
            self.open -= 1

    async def _send(self, request: Request, watcher: Watcher) -> None:
        gone = asyncio.ensure_future(request.disconnected())
        closing = asyncio.ensure_future(self._closing.wait())
        send = asyncio.ensure_future(self._frames(request, watcher))
        try:
            await asyncio.wait((gone, closing, send), return_when=asyncio.FIRST_COMPLETED)
            if closing.done() and not gone.done():
                send.cancel()
                await request.write(bye(1_000, "the server ends"), more=False)
        except Gone:
            return
        finally:
            for task in (gone, closing, send):
                task.cancel()
            await asyncio.gather(gone, closing, send, return_exceptions=True)
            watcher.close()

    async def _frames(self, request: Request, watcher: Watcher) -> None:
        try:
            while True:
                await request.write(await watcher.next())
        except Gone:
            return
