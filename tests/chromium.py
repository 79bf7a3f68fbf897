"""How the real Chromium is started, and what is watched in its pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# What Chromium complains of when a server goes away, whatever it was doing just then: for Watch.allow
GONE = (
    "net::ERR_(CONNECTION_|SOCKET_NOT_CONNECTED|NETWORK_|EMPTY_RESPONSE|RESPONSE_HEADERS_TRUNCATED"
    "|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)"
)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What a page asks of another host is told by `Watch`; here is made sure that it does not leave either.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Watch:
    """What went wrong in the pages of one test: console errors and warnings, exceptions, requests elsewhere.

    A test that means to provoke some calls `allow` with a regular expression for its text.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Accept every complaint in whose text `pattern` is found."""
        self._allowed.append(re.compile(pattern))

    def complaints(self) -> list[str]:
        """Everything seen that was not allowed."""
        return [text for text in self.seen if not any(pattern.search(text) for pattern in self._allowed)]

    def attach(self, context: BrowserContext) -> None:
        """Watch all pages and frames of `context`."""
        context.on("console", self._console)
        context.on("weberror", self._web_error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.seen.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _web_error(self, error: WebError) -> None:
        self.seen.append(f"exception: {error.error.name}: {error.error.message}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.hostname != "127.0.0.1":
            self.seen.append(f"request elsewhere: {request.url}")
