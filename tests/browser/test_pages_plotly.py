"""What Plotly does to styles when it loads, derived anew from the installed version, against what the pages give it."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, serve
from runreel_server.pages.plotly_bundle import STYLE_ID, bundle

pytestmark = pytest.mark.browser

RULES = "sheet => [...sheet.cssRules].map(rule => rule.cssText)"


class Bare(BaseHTTPRequestHandler):
    """Plotly in a page without a policy, and the sheet that the pages serve in its place."""

    def do_GET(self) -> None:
        pages = {
            "/": (
                "text/html",
                b"<!doctype html><link rel=icon href=data:,><title>bare</title><script src=plotly.js></script>",
            ),
            "/sheet": (
                "text/html",
                b"<!doctype html><link rel=icon href=data:,><link id=ours rel=stylesheet href=ours.css>",
            ),
            "/plotly.js": ("text/javascript", bundle().script),
            "/ours.css": ("text/css", bundle().css.encode()),
        }
        kind, body = pages[self.path]
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture
def bare() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bare) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_sheet_has_the_rules_that_plotly_would_insert_in_their_order(bare: str, page: Page) -> None:
    page.goto(bare)
    inserted = page.evaluate(f"id => ({RULES})(document.getElementById(id).sheet)", STYLE_ID)
    page.goto(f"{bare}/sheet")
    ours = page.evaluate(f"() => ({RULES})(document.getElementById('ours').sheet)")
    assert len(inserted) > 50
    assert ours == inserted


def test_the_policy_allows_by_hash_every_style_that_plotly_makes_as_text(bare: str, page: Page) -> None:
    page.goto(bare)
    texts = page.evaluate(
        "id => [...document.querySelectorAll('style')].filter(s => s.id !== id).map(s => s.textContent)", STYLE_ID
    )
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    assert sorted(hashes) == sorted(bundle().style_hashes)


@pytest.fixture
def site() -> Iterator[str]:
    with serve(FlightsSource()) as (address, _):
        yield address


def test_plotly_works_under_the_policy_without_a_complaint(site: str, page: Page) -> None:
    page.goto(f"{site}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    page.locator('.chart[data-key="train:loss"] .chart-open').click()
    expect(page.locator("#enlarged .modebar")).to_be_attached(timeout=20_000)
    modebar = page.locator("#enlarged .modebar-container")
    assert modebar.evaluate("e => getComputedStyle(e.querySelector('.modebar-group')).float") == "left", (
        "the rules hold"
    )
    assert page.evaluate("id => document.querySelectorAll('#' + CSS.escape(id)).length", STYLE_ID) == 1
