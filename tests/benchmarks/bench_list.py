"""The list of 10,000 runs: what a view costs the server, and how long its reader waits; and the index of 200,000."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/native"))

import numpy as np
from native_stack.install import CHROMIUM
from playwright.sync_api import Page, expect, sync_playwright

import many_runs
from chromium import FLAGS
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.listing import Query
from runreel_consumers.store import DirectoryStore
from serving import Server, listening

RUNS, MORE = 10_000, 200_000
TIMES = 40
VIEWS = {
    "first page": "",
    "state": "state=FAILED",
    "pipeline and tag": "pipeline=nyc-flights&tag=kind%3Dnightly",
    "text": "q=336000",
    "by duration": "sort=-duration",
    "by a metric": "sort=-metric:train:auc",
    "the last week": "since=7d&sort=pipeline",
}

Row = dict[str, Any]


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_served(Path(folder) / "served"), *_indexed(Path(folder) / "indexed")]


def _served(folder: Path) -> Iterator[Row]:
    folder.mkdir()
    server = Server(folder, port=22_400)
    many_runs.store(server.store, many_runs.summaries(RUNS, time.time_ns() // 1000, running=20))
    client = server.app.test_client()
    began = time.perf_counter()
    client.get("/api/v1/runs")
    yield {"what": f"{RUNS:,} runs: the first answer ever", "value": round(time.perf_counter() - began, 2), "unit": "s"}
    for what, query in VIEWS.items():
        yield from _shares(f"{RUNS:,} runs, API, {what}", lambda query=query: client.get(f"/api/v1/runs?{query}"), 50)
    deep = ""
    for _ in range(100):
        deep = client.get(f"/api/v1/runs?limit=50&cursor={deep}" if deep else "/api/v1/runs?limit=50").json["next"]
    yield from _shares(f"{RUNS:,} runs, API, page 101", lambda: client.get(f"/api/v1/runs?cursor={deep}"), 50)
    yield from _shares(f"{RUNS:,} runs, the page of the list", lambda: client.get("/runs"), 100)
    yield from _shares(f"{RUNS:,} runs, 20 of them running: home", lambda: client.get("/"), 100)
    with ExitStack() as stack:
        listening(server.services, stack)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.services.url}/runs")
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        yield from _seen(page)


def _seen(page: Page) -> Iterator[Row]:
    """Clicks in Chromium, until the other view is in the page and drawn."""
    for what, click in (
        ("sorted by a click", ("a[href*='sort=-duration'], a[href*='sort=duration']")),
        ("the next page", "a[rel=next]"),
    ):
        page.evaluate(
            """() => {
              window.long = [];
              new PerformanceObserver((found) => window.long.push(...found.getEntries().map((one) => one.duration)))
                .observe({ entryTypes: ['longtask'] });
            }"""
        )
        waits = [
            page.evaluate(
                """(selector) => new Promise((resolve) => {
                  const rows = document.querySelector('tbody').innerHTML, began = performance.now();
                  document.querySelector(selector).click();
                  const look = () => document.querySelector('tbody').innerHTML === rows
                    ? requestAnimationFrame(look) : requestAnimationFrame(() => resolve(performance.now() - began));
                  look();
                })""",
                click,
            )
            for _ in range(TIMES)
        ]
        yield from _percentiles(f"{RUNS:,} runs, Chromium: {what}", waits, 200)
        longest = max(page.evaluate("window.long"), default=0)
        yield {"what": f"{RUNS:,} runs, Chromium: the longest task of these", "value": round(longest), "unit": "ms"}


def _indexed(folder: Path) -> Iterator[Row]:
    now = time.time_ns() // 1000
    index = Index(DirectoryStore(folder), folder / "index.sqlite")
    began = time.perf_counter()
    with index._database:
        index._database.execute("BEGIN")
        for one in many_runs.summaries(MORE, now, running=50, every=60):
            index._put(one, None)
    took = time.perf_counter() - began
    yield {"what": f"{MORE:,} runs: taken in by the index", "value": round(MORE / took), "unit": "runs/s"}
    views = {
        "first page": Query(),
        "by a metric": Query(sort="-metric:train:auc"),
        "failed, by duration": Query(state=("FAILED",), sort="-duration"),
        "text": Query(q="commit=abc"),
    }
    for what, query in views.items():
        yield from _shares(f"{MORE:,} runs, index, {what}", lambda query=query: index.list(now, query), None)
    yield from _shares(f"{MORE:,} runs, index, experiments", index.experiments, None)
    index.close()


def _shares(what: str, ask: Callable[[], Any], least: float | None) -> Iterator[Row]:
    waits = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        waits.append((time.perf_counter() - began) * 1e3)
    yield from _percentiles(what, waits, least)


def _percentiles(what: str, waits: list[float], least: float | None) -> Iterator[Row]:
    for share in (50, 95):
        value = round(float(np.percentile(waits, share)), 1)
        row: Row = {"what": f"{what}, p{share}", "value": value, "unit": "ms", "better": "less"}
        yield row | ({"least": least} if share == 95 and least is not None else {})
