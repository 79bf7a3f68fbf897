"""What lasts, beside Flask in one process: the stream, artifact content, uploads and events are asynchronous.

A thread that a viewer holds would take Flask's threads away: ten slow downloads, and no page is served any more.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from a2wsgi import WSGIMiddleware

from runreel.errors import NotFound, NotReachable, RunreelError
from runreel_server.asgi import content, log, texts, uploads
from runreel_server.asgi.http import Gone, Receive, Request, Scope, Send
from runreel_server.asgi.stream import Plays, Streams
from runreel_server.hosts import Hosts
from runreel_server.problems import Problem
from runreel_server.services import Services

logger = logging.getLogger(__name__)

THREADS: Final = 10
"""Of Flask: for pages and short answers, and as many for what reads a whole run."""

_WHOLE: Final = re.compile(r"/api/v1/runs/[^/]+/(density|marks|hits|delta)")
"""What reads a whole run: it may take seconds, and lines, charts and pages do not wait for it."""

_ENDING: Final = "this server is being ended: ask again in a while"
"""What is not answered when uvicorn has waited for its grace is cancelled by it."""

_AT: Final = re.compile(rb"(?:^|&)at=[^&]")

_ROUTES: Final = (
    (re.compile(r"/api/v1/stream"), ("GET",), "stream"),
    (re.compile(r"/api/v1/runs/([^/]+)/stream"), ("GET",), "run_stream"),
    (re.compile(r"/api/v1/runs/([^/]+)/events"), ("GET",), "events"),
    (re.compile(r"/api/v1/runs/([^/]+)/logs\.txt"), ("GET",), "logs"),
    (re.compile(r"/api/v1/runs/([^/]+)/series\.csv"), ("GET",), "points"),
    (re.compile(r"/api/v1/artifacts/([^/]+)/content"), ("GET", "HEAD"), "content"),
    (re.compile(r"/api/v1/uploads/([^/]+)"), ("PUT",), "upload"),
)


class Application:
    """The ASGI application.

    Args:
        flask: the WSGI application of pages and the short API.
        services: what both are made of; started and stopped with the server.
        most_streams: live streams taken at the same time.
        plays: makes the frames of runs that are played.
        resolve: the id of the run that a unique end of its id names.
        lines: the lines of a run that a query is for.
        points: the points of a run's series that a query is for, as CSV.
    """

    def __init__(
        self,
        flask: Any,
        services: Services,
        *,
        most_streams: int,
        plays: Plays,
        resolve: Callable[[str], str] = lambda run: run,
        lines: texts.Lines = lambda run, query: (),
        points: texts.Rows = lambda run, query: (),
    ) -> None:
        self._resolve, self._lines, self._rows = resolve, lines, points
        self._flask = WSGIMiddleware(flask, workers=THREADS)
        self._readers = WSGIMiddleware(flask, workers=THREADS)
        self._turns = asyncio.Semaphore(THREADS)
        self._services = services
        self._most, self._plays = most_streams, plays
        self._hosts = Hosts(services.settings.host, services.settings.url)
        self.streams: Streams | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 says."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not self._hosts.serves(host):
            way_out = "open it as 127.0.0.1 or localhost, or set RUNREEL_URL to the address that you use"
            await Request(scope, receive, send).problem(421, f"this server is not {host!r}: {way_out}")
            return
        for pattern, methods, name in _ROUTES:
            found = pattern.fullmatch(scope["path"])
            if found is None:
                continue
            request = Request(scope, receive, send)
            if request.method in methods:
                await _answered(request, lambda: getattr(self, f"_{name}")(request, *found.groups()))  # noqa: B023
            else:
                allowed = ", ".join(methods)
                detail = f"{request.method} is nothing for {request.path}: use {allowed}"
                await request.problem(405, detail, allow=allowed)
            return
        whole = scope["method"] == "GET" and (_WHOLE.fullmatch(scope["path"]) or _AT.search(scope["query_string"]))
        await _unless_ended(self._whole if whole else self._flask, scope, receive, send)

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a question to a whole run answered in its turn; one that nobody waits for any more is not begun."""
        gone = asyncio.ensure_future(Request(scope, receive, send).disconnected())
        turn = asyncio.ensure_future(self._turns.acquire())
        try:
            await asyncio.wait((gone, turn), return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                await self._readers(scope, _nothing, send)  # type: ignore[arg-type]
        finally:
            gone.cancel()
            if not turn.cancel():
                self._turns.release()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.streams = Streams(self._services.feed, self._plays, self._most)
                self._services.start(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for pool in (self._flask, self._readers):
                    pool.executor.shutdown(wait=False, cancel_futures=True)
                await asyncio.to_thread(self._services.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _stream(self, request: Request) -> None:
        assert self.streams is not None
        await self.streams.serve(request, request.all("watch"))

    async def _run_stream(self, request: Request, run: str) -> None:
        assert self.streams is not None
        await self.streams.serve_run(request, await asyncio.to_thread(self._resolve, run))

    async def _events(self, request: Request, run: str) -> None:
        await log.serve(request, await asyncio.to_thread(self._resolve, run), self._services.events)

    async def _logs(self, request: Request, run: str) -> None:
        await texts.serve(request, await asyncio.to_thread(self._resolve, run), self._lines)

    async def _points(self, request: Request, run: str) -> None:
        await texts.serve_table(request, await asyncio.to_thread(self._resolve, run), self._rows)

    async def _content(self, request: Request, artifact: str) -> None:
        await content.serve(request, artifact, self._services.content)

    async def _upload(self, request: Request, token: str) -> None:
        await uploads.serve(request, token, self._services.receive)


async def _unless_ended(serve: Callable[..., Awaitable[None]], scope: Scope, receive: Receive, send: Send) -> None:
    """Have a request answered, be it by a thread or while it waits for one; where the server ends first, say so."""
    begun = False

    async def tell(message: dict[str, Any]) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await serve(scope, receive, tell)
    except asyncio.CancelledError:
        if not begun:
            await Request(scope, receive, send).problem(503, _ENDING)


async def _nothing() -> dict[str, Any]:
    """The body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def _answered(request: Request, serve: Callable[[], Awaitable[None]]) -> None:
    """Serve a request; what is raised becomes problem details, where nothing was sent yet."""
    status, detail = 500, ""
    try:
        await serve()
        return
    except Gone:
        await request.dropped()
        return
    except asyncio.CancelledError:
        status, detail = 503, _ENDING
    except Problem as problem:
        status, detail = problem.status, problem.detail
    except NotFound as error:
        status, detail = 404, str(error)
    except NotReachable as error:
        status, detail = 503, str(error)
    except ValueError as error:
        status, detail = 400, str(error)
    except RunreelError as error:
        status, detail = 500, str(error)
    except Exception:
        logger.exception("%s %s", request.method, request.path)
        detail = "an error of the server's own; its log has it"
    if request.answered:
        logger.warning("%s %s broke off: %s", request.method, request.path, detail)
    else:
        await request.problem(status, detail)
