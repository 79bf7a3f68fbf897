"""`/api/v1/stream` and `/api/v1/runs/ID/stream`: server-sent events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from runreel.errors import RunreelError
from runreel_server.api import plays
from runreel_server.asgi.http import Request
from runreel_server.feed import Feed, LiveRun
from runreel_server.feed.runs import NAME as RUNS
from runreel_server.problems import Problem
from runreel_server.queries.plays import is_play
from runreel_server.stream import Head, Player, Turn, Watcher, bye, read_token
from runreel_server.stream.frames import MEDIA_TYPE

RETRY_MS: Final = 5_000
MOST_WATCHED: Final = 20
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 15.0
"""So often what is not there is looked for again, at first and at last."""

log = logging.getLogger(__name__)

PLAYING: Final = 2
"""Threads that make the frames of all plays."""

PIECE: Final = 64 << 10
"""Bytes that are written at a time: what a client that does not read has not taken costs about so much."""

HEADERS: Final = {
    "content-type": f"{MEDIA_TYPE}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class Plays(Protocol):
    """Makes the frames of runs that are played; see `queries.plays`."""

    def begin(self, live: LiveRun, at: int, position: str) -> Turn:
        """The snapshot from which a play goes on."""

    def turn(self, live: LiveRun, head: Head, position: str, until: int | None) -> Turn:
        """The frame from a head to a later moment."""


class Streams:
    """The live streams of one server, and the plays.

    Args:
        feed: makes the frames of what is live.
        plays: makes those of what is played.
        most: how many streams are taken at the same time; the next one gets a `bye`.
    """

    def __init__(self, feed: Feed, plays: Plays, most: int) -> None:
        self._feed, self._plays = feed, plays
        self._most = most
        self._threads = ThreadPoolExecutor(PLAYING, thread_name_prefix="runreel-play")
        self._watchers: set[Watcher | Player] = set()
        self._closing = False
        self.open = 0
        """How many streams are open."""

    def close(self) -> None:
        """Say `bye` to all, so that the process can end; clients come back to the next one."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for watcher in self._watchers:
            watcher.end()

    async def serve(self, request: Request, watched: list[str]) -> None:
        """Stream what is watched until the client goes.

        What takes long to open, or is not there, holds up nothing else: it comes when it comes. One run with `at=` in
        the query is played.

        Raises:
            Problem: nothing is watched, or a name is none, or several are to be played; says which.
        """
        if not 0 < len(watched) <= MOST_WATCHED:
            raise Problem(
                400, f"watch is given {len(watched)} times: give watch=run:ID or watch=runs, 1 to {MOST_WATCHED}"
            )
        for name in watched:
            self._feed.check(name)
        play, names = plays.wanted(plays.WATCHING, request.query()), tuple(dict.fromkeys(watched))
        if play is None:
            await self._taken(request, lambda: self._watch(request, names))
        elif len(names) > 1 or names == (RUNS,):
            raise Problem(400, f"at= plays one run: give watch=run:ID once, not {', '.join(names)}")
        else:
            await self._taken(request, lambda: self._play(request, names[0], play))

    async def serve_run(self, request: Request, run: str) -> None:
        """Stream one run, or play it, until the client goes.

        Raises:
            Problem: it is to be played, but not how it can be; says why.
            NotFound: no such run.
            NotReachable: it cannot be read now.
        """
        play, name = plays.wanted(plays.PARAMETERS, request.query()), f"run:{run}"
        if play is None:
            await self._taken(request, lambda: self._watch(request, (name,), must=True))
        else:
            await self._taken(request, lambda: self._play(request, name, play))

    async def _taken(self, request: Request, serve: Callable[[], Awaitable[None]]) -> None:
        """Serve a stream, unless there are too many."""
        if self.open >= self._most or self._closing:
            await request.start(200, {**HEADERS, "connection": "close"})
            await request.write(bye(RETRY_MS, f"{self.open} streams are open, no more are taken here"), more=False)
            return
        self.open += 1
        try:
            await serve()
        finally:
            self.open -= 1

    async def _watch(self, request: Request, names: tuple[str, ...], *, must: bool = False) -> None:
        positions = _positions(request)
        watcher = Watcher(names, positions)
        opening: list[asyncio.Future[None]] = []
        try:
            for name in names:
                if must:
                    await self._open(watcher, name, positions)
                else:
                    opening.append(asyncio.ensure_future(self._keep_opening(watcher, name, positions)))
            if not request.answered:
                await request.start(200, HEADERS)
            await self._send(request, watcher)
        finally:
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)
            watcher.close()

    async def _play(self, request: Request, name: str, play: plays.Play) -> None:
        """Play a run, then watch it where that has caught up with it."""
        run, position = name.partition(":")[2], _positions(request).get(name, "")
        await asyncio.to_thread(self._feed.live, run)
        if not position or is_play(position):  # else it had caught up, and the client comes back
            player = Player(
                name,
                lambda: self._plays.begin(self._feed.live(run), play.at, position),
                lambda head, here, until: self._plays.turn(self._feed.live(run), head, here, until),
                play.speed,
                self._threads,
            )
            await request.start(200, HEADERS)
            await self._send(request, player)
            if not player.caught_up:
                return
        await self._watch(request, (name,), must=True)

    async def _open(self, watcher: Watcher, name: str, positions: Mapping[str, str]) -> None:
        channel = await self._feed.channel(name)
        watcher.add(channel, ahead=channel.short_of(positions.get(name, "")))
        self._feed.catch_up(name)

    async def _keep_opening(self, watcher: Watcher, name: str, positions: Mapping[str, str]) -> None:
        """Have `watcher` watch `name` as soon as that is there."""
        wait = FIRST_SECONDS
        while True:
            try:
                await self._open(watcher, name, positions)
                return
            except RunreelError as error:
                watcher.refuse(name, str(error))
            except Exception:
                log.exception("%s could not be opened", name)
                watcher.refuse(name, "an error of the server's own; its log has it")
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_SECONDS)

    async def _send(self, request: Request, watcher: Watcher | Player) -> None:
        gone = asyncio.ensure_future(request.disconnected())
        gone.add_done_callback(lambda _: watcher.end())
        self._watchers.add(watcher)
        try:
            while (found := await watcher.next()) is not None:
                for start in range(0, len(found), PIECE):
                    await request.write(found if len(found) <= PIECE else found[start : start + PIECE])
            farewell = bye(1_000, "the server ends") if self._closing else watcher.farewell
            if farewell and not gone.done():
                await request.write(farewell, more=False)
        finally:
            self._watchers.discard(watcher)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


def _positions(request: Request) -> dict[str, str]:
    """Where the client is: it may give several tokens, of which a later one is the newer."""
    given = request.header("last-event-id")
    positions: dict[str, str] = {}
    for token in [given] if given else request.query().getlist("after"):
        positions |= read_token(token)
    return positions
