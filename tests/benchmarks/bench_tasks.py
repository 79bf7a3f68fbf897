"""How long the page holds up the browser while a run of 5,000 steps says 100 things a second: Chromium's long tasks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/native"))

import msgspec
import numpy as np
from bench_moments import many_steps
from native_stack.install import CHROMIUM
from playwright.sync_api import Browser, Page, expect, sync_playwright

from chromium import FLAGS
from runreel_consumers import serving
from runs import RUN, Clock
from serving import Server, listening

RATE = 100
"""Events a second."""
TOLD = 1_000
"""Events that are said while the page is looked at: the last 50 of the steps begin, go on and end."""
SECONDS = 7
SETTLED = 2.0
"""Seconds after which what the page's opening took is over."""
LIMIT = 50  # milliseconds: more is a long task, https://www.w3.org/TR/longtasks-1/
PATIENCE = 120_000  # milliseconds
FRAME = frozenset({"FireAnimationFrame", "Layout", "Paint"})

Row = dict[str, Any]

LISTEN = """() => {
  window.long = [];
  const seen = new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration)));
  seen.observe({ entryTypes: ['longtask'] });
}"""

SEEN = "async () => (await import(document.querySelector('script[type=module]').src)).store.live.events"


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    return list(rows())


def rows() -> Iterator[Row]:
    """The same, each as soon as it is measured."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for what, query in (("", ""), (", unfolded", "?open=all"), (", in the past", "?at=PAST")):
            yield from _watched(browser, f"5,000 steps, {RATE} updates a second{what}", query)
        browser.close()


def _watched(browser: Browser, what: str, query: str) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdin
        assert server.stdout
        try:
            told = json.loads(server.stdout.readline())
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(f"{told['url']}/runs/{RUN}{query.replace('PAST', told['past'])}")
            expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=PATIENCE)
            expect(page.locator("#log .log li").first).to_be_attached(timeout=PATIENCE)
            server.stdin.write("\n")
            server.stdin.flush()
            page.wait_for_timeout(SETTLED * 1000)
            yield from _tasks(browser, page, what)
            assert page.evaluate(SEEN) > told["events"], "the page has seen nothing of what was said"
            page.close()
        finally:
            server.kill()
            server.wait()


def _tasks(browser: Browser, page: Page, what: str) -> Iterator[Row]:
    session = browser.new_browser_cdp_session()
    found: list[Any] = []
    over: list[bool] = []
    session.on("Tracing.dataCollected", lambda part: found.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda _: over.append(True))
    page.evaluate(LISTEN)
    config = {"includedCategories": ["disabled-by-default-devtools.timeline", "devtools.timeline"]}
    session.send("Tracing.start", {"traceConfig": config, "transferMode": "ReportEvents"})
    page.wait_for_timeout(SECONDS * 1000)
    session.send("Tracing.end")
    long = page.evaluate("() => window.long")
    while not over:
        page.wait_for_timeout(50)
    session.detach()
    taken, drawn = _cpu(found)
    bound = {"least": LIMIT, "better": "less"}
    yield {"what": f"{what}: long tasks", "value": len(long), "unit": f"in {SECONDS} s", "least": 0, "better": "less"}
    yield {"what": f"{what}: longest task", "value": round(max(long, default=0.0)), "unit": "ms", **bound}
    share = f"{sum(taken) / SECONDS / 10:.0f} % of one core"
    note = f"drawing {max(drawn):.1f} ms, p99 {np.percentile(drawn, 99):.1f}; {share}"
    yield {"what": f"{what}: longest task, its CPU", "value": round(max(taken), 1), "unit": "ms", "note": note, **bound}


def _cpu(found: list[Any]) -> tuple[list[float], list[float]]:
    """What each task of the page's main thread took of the CPU, in ms, and those that draw: the others read answers or
    collect garbage. The thread that lays out is it."""
    laid = [(one["pid"], one["tid"]) for one in found if one["name"] == "Layout"]
    thread = max(set(laid), key=laid.count)
    mine = [one for one in found if (one["pid"], one["tid"]) == thread]
    tasks = [one for one in mine if one["name"] == "RunTask" and "tdur" in one]
    frames = np.sort([one["ts"] for one in mine if one["name"] in FRAME])
    first = np.searchsorted(frames, [one["ts"] for one in tasks])
    after = np.searchsorted(frames, [one["ts"] + one["dur"] for one in tasks])
    taken = [one["tdur"] / 1000 for one in tasks]
    return taken, [took for took, draws in zip(taken, after > first, strict=True) if draws]


def serve(folder: Path) -> None:
    """A run that goes on: all is archived but its last events, which are said once a line comes on stdin."""
    serving.prepare()
    events = many_steps(Clock(time.time_ns() // 1000 - 130_000_000))
    said, to_come = events[:-TOLD], events[-TOLD:]
    server = Server(folder, port=0)
    server.archive(said, each=2_000)
    with ExitStack() as stack:
        listening(server.services, stack)
        past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(said[len(said) // 2].time / 1e6))
        print(json.dumps({"url": server.services.url, "past": past, "events": len(said)}), flush=True)
        sys.stdin.readline()
        begun = time.monotonic()
        for number, event in enumerate(to_come):
            time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            server.tell([msgspec.structs.replace(event, time=time.time_ns() // 1000)])
        sys.stdin.readline()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
    else:
        for row in rows():
            print(f"{row['what']:75} {row['value']:10} {row['unit']} {row.get('note', '')}", flush=True)
