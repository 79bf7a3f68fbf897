"""What the asynchronous routes share: a request, and ways to answer it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

from werkzeug.datastructures import MultiDict

from runreel_server import problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Mapping[str, str]

PATIENCE: Final = 30.0
"""Seconds that a client may leave a read or a write waiting before it is dropped; it resumes when it comes again."""

_END: Final = object()


class Gone(Exception):
    """The client has gone, or read nothing for too long."""


class Request:
    """One HTTP request, on the event loop."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._scope, self._receive, self._send = scope, receive, send
        self._headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
        self.answered = False
        self._writing: tuple[asyncio.Task[Any] | None, float] | None = None
        self._guard: asyncio.TimerHandle | None = None
        self._stuck = False

    def header(self, name: str) -> str:
        """A header's value, `""` where it is absent."""
        return self._headers.get(name.lower(), "")

    def all(self, name: str) -> list[str]:
        """All values of a parameter of the query."""
        return self._query.get(name, [])

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter of the query."""
        return self._query.get(name, [default])[-1]

    def query(self) -> MultiDict[str, str]:
        """The whole query, empty values too."""
        return MultiDict(parse_qsl(self._scope["query_string"].decode("latin-1"), keep_blank_values=True))

    async def body(self) -> AsyncIterator[bytes]:
        """The body, in pieces as it comes.

        Raises:
            Gone: the client went away before its end, or has sent nothing for `PATIENCE` seconds.
        """
        more = True
        while more:
            try:
                async with asyncio.timeout(PATIENCE):
                    message = await self._receive()
            except TimeoutError:
                raise Gone from None
            if message["type"] == "http.disconnect":
                raise Gone
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def disconnected(self) -> None:
        """Wait until the client has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.answered = True
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Send a piece of the body; waits while the client is slow, so that it costs no memory.

        Raises:
            Gone: it has read nothing for `PATIENCE` seconds.
        """
        self._writing = (asyncio.current_task(), time.monotonic())
        if self._guard is None:  # one timer in a while, not one for each of a thousand small pieces
            self._guard = asyncio.get_running_loop().call_later(PATIENCE, self._look)
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stuck and task is not None and task.uncancel() == 0:
                raise Gone from None
            raise
        except OSError:
            raise Gone from None
        finally:
            self._writing = None
            if not more and self._guard is not None:
                self._guard.cancel()

    def _look(self) -> None:
        """Break a write off that waits for too long."""
        self._guard = None
        if self._writing is None:
            return
        task, since = self._writing
        rest = since + PATIENCE - time.monotonic()
        if rest > 0:
            self._guard = asyncio.get_running_loop().call_later(rest, self._look)
        elif task is not None:
            self._stuck = True
            task.cancel()

    async def dropped(self) -> None:
        """Wait until the connection of a client that reads nothing is cut, as `web.bind` has it."""
        if self._stuck:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.disconnected()

    async def answer(self, status: int, body: bytes, headers: Headers) -> None:
        """Send a whole answer."""
        await self.start(status, {"content-length": str(len(body)), **headers})
        await self.write(b"" if self.method == "HEAD" else body, more=False)

    async def problem(self, status: int, detail: str, **headers: str) -> None:
        """Answer with problem details, and with further headers."""
        body = problems.Problem(status, detail).body()
        await self.answer(status, body, {"content-type": problems.MEDIA_TYPE, **headers})

    async def stream(self, pieces: Iterable[bytes]) -> None:
        """Send a body piece by piece as the client reads; each piece is made on a thread, none is held by a client."""
        source = iter(pieces)
        try:
            while (piece := await asyncio.to_thread(_next, source)) is not _END:
                await self.write(piece)  # type: ignore[arg-type]
            await self.write(b"", more=False)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                await asyncio.to_thread(close)


def _next(source: Iterator[bytes]) -> object:
    return next(source, _END)
