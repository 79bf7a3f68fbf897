"""From the call in a step to the changed page in Chromium, on `runreel up` and on a real Kafka and MinIO."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "deploy/native")]

from native_stack import Stack  # noqa: E402
from native_stack.install import CHROMIUM  # noqa: E402
from native_stack.minio import BUCKET  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

import commands  # noqa: E402
import parts  # noqa: E402
from chromium import FLAGS  # noqa: E402
from puppets import Puppet  # noqa: E402
from support import wait_for  # noqa: E402

CALLS = 60
"""Of each kind; further apart than frames are, and at no fixed distance."""
APART = (0.06, 0.30)

OBSERVE = r"""() => {
  window.seen = { line: {}, metric: {} };
  const note = (kind, found) => {
    if (found) window.seen[kind][found[1]] ??= performance.timeOrigin + performance.now();
  };
  const options = { childList: true, characterData: true, subtree: true };
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      note("line", /mark (\d+)/.exec(node.textContent));
    }
  }).observe(document.querySelector("#log .log"), options);
  const output = document.querySelector('.chart[data-key="train:n"] output');
  new MutationObserver(() => note("metric", /^(\d+)$/.exec(output.textContent))).observe(output, options);
}"""

CALL = {"line": 'step.log("mark {n}")', "metric": 'step.metric("n", {n})'}
"""What a step says, by the kind under which the page notes it."""


def run() -> list[dict[str, Any]]:
    """Embedded, and native where the real parts are installed."""
    if not CHROMIUM.exists():
        return [{"what": "from the call to the changed DOM", "value": "Chromium is not installed", "unit": ""}]
    rows = []
    with tempfile.TemporaryDirectory() as folder, commands.up(Path(folder)) as up:
        rows += measured("embedded", Path(folder), up.hub.url, {})
    stack = Stack(Path("/nonexistent"))
    if not all(service.part().installed() for service in stack.services):
        return [*rows, {"what": "native: from the call to the changed DOM", "value": "not installed", "unit": ""}]
    with deployment() as (folder, url, settings):
        rows += measured("native", folder, url, settings)
    return rows


@contextmanager
def deployment() -> Iterator[tuple[Path, str, dict[str, str]]]:
    """A real Kafka and MinIO with consumers and a server: the folder, the server's address, a step's settings."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(folder / "stack")
        try:
            for service in stack.services:
                service.start()
            servers = _Servers(stack)
            settings = parts.settings(servers, BUCKET, "bench")
            running = parts.Parts(folder, settings)
            try:
                running.start("consume", "all")
                running.start("serve", "--port", "0")
                url = running.url()
                step = {k: v for k, v in settings.items() if k.startswith(("RUNREEL_KAFKA", "RUNREEL_TOPIC"))}
                yield folder, url, {**step, "RUNREEL_URL": url}
            finally:
                running.kill()
        finally:
            stack.purge()


class _Servers:
    def __init__(self, stack: Stack) -> None:
        self.kafka, self.s3_endpoint = stack.kafka.address, stack.minio.endpoint
        self.access_key, self.secret_key = stack.minio.access_key, stack.minio.secret_key


def measured(stack: str, folder: Path, url: str, settings: dict[str, str]) -> list[dict[str, Any]]:
    """p50 and p99 of log lines and of points."""
    step = Puppet(folder, **settings)
    step.do('run = runreel.start("bench", graph={"train": []}); step = run.step("train")')
    step.do('step.metric("n", 0); step.log("begin")')
    address = f"{url}/runs/{step.ask('run.flush(30) and run.id')}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        try:
            spans = spoken(page, address, step)
        finally:
            browser.close()
            step.do("run.finish()")
            step.close()
    return [row for kind, found in spans.items() for row in rows(f"{stack}: {kind}", found)]


def spoken(page: Page, address: str, step: Puppet) -> dict[str, list[float]]:
    """Milliseconds from each call to its change in the page, by kind."""
    page.goto(address)
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=30_000)
    expect(page.locator('.chart[data-key="train:n"] output')).to_have_text("0", timeout=30_000)
    expect(page.locator("#log .log li").first).to_be_attached(timeout=30_000)
    page.evaluate(OBSERVE)
    said: dict[str, dict[str, float]] = {kind: {} for kind in CALL}
    chance = random.Random(7)
    for n in range(1, CALLS + 1):
        for kind, call in CALL.items():
            said[kind][str(n)] = step.do(call.format(n=n)) / 1000
            time.sleep(chance.uniform(*APART))
    last = str(CALLS)
    wait_for(
        lambda: page.evaluate("n => n in seen.line && n in seen.metric", last), 30, what="the last call in the page"
    )
    seen = page.evaluate("seen")
    # A frame may carry two points of a series; the page shows the newer one, and the older one was never to be seen.
    return {kind: [seen[kind][n] - when for n, when in said[kind].items() if n in seen[kind]] for kind in said}


def rows(what: str, spans: list[float]) -> list[dict[str, Any]]:
    """The rows of one kind."""
    spans.sort()
    half, most = spans[len(spans) // 2], spans[min(len(spans) - 1, len(spans) * 99 // 100)]
    return [
        {
            "what": f"{what} from the call to the changed DOM, {name}",
            "value": round(value, 1),
            "unit": "ms",
            "least": least,
            "goal": goal,
            "better": "less",
            "note": f"of {len(spans)}",
        }
        for name, value, least, goal in (("p50", half, 200, 100), ("p99", most, 600, 300))
    ]
