"""The browser fixtures themselves: what they let through and what they report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, Page

from chromium import Watch
from support import wait_for


class Handler(BaseHTTPRequestHandler):
    """An empty page with a title; 404 for `/missing`."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>here</title>")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_this_machine_opens_without_complaint(page: Page, site: str, watch: Watch) -> None:
    page.goto(site)
    assert page.title() == "here"
    page.evaluate("fetch('data:,x').then(r => r.text())")
    assert watch.seen == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("console.error('bad')", "console error: bad"),
        ("console.warn('hm')", "console warning: hm"),
        ("setTimeout(() => { throw new Error('thrown') })", "exception: Error: thrown"),
        ("Promise.reject(new Error('refused')) && 0", "exception: Error: refused"),
        ("fetch('/missing') && 0", "status of 404"),
        ("document.body.append(document.createElement('iframe')) || frames[0].console.error('framed')", "framed"),
    ],
)
def test_a_complaint_is_seen_and_can_be_allowed(page: Page, site: str, watch: Watch, script: str, said: str) -> None:
    page.goto(site)
    page.evaluate(script)
    wait_for(lambda: page.evaluate("1") and any(said in text for text in watch.complaints()), what=said)
    watch.allow(said)
    assert watch.complaints() == []


@pytest.mark.parametrize("elsewhere", ["http://example.com/", "http://192.0.2.1/"])
def test_a_request_elsewhere_is_seen_and_does_not_leave(page: Page, site: str, watch: Watch, elsewhere: str) -> None:
    page.goto(site)
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate("address => fetch(address)", elsewhere)
    assert f"request elsewhere: {elsewhere}" in watch.complaints()
    watch.allow("request elsewhere")
    watch.allow("ERR_NAME_NOT_RESOLVED")
    wait_for(lambda: page.evaluate("1") and any("NOT_RESOLVED" in text for text in watch.seen), what="not resolved")


def test_each_context_is_fresh_and_takes_options(new_page: Callable[..., Page], site: str) -> None:
    light, dark = new_page(), new_page(color_scheme="dark", viewport={"width": 390, "height": 800})
    light.goto(site)
    dark.goto(site)
    light.evaluate("localStorage.setItem('key', 'value')")
    assert dark.evaluate("localStorage.getItem('key')") is None
    assert dark.evaluate("matchMedia('(prefers-color-scheme: dark)').matches && innerWidth") == 390
