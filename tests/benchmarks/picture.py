"""Take docs/pictures anew: the demo's page while it trains: live and light, rewound and dark, and on a narrow screen.

python tests/benchmarks/picture.py          starts a demo, takes the pictures, ends it
python tests/benchmarks/picture.py URL      takes them of a demo that runs there already
python tests/benchmarks/picture.py home     takes those of home alone: with 10,000 runs of the catalog's form
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "deploy/native")]

from native_stack.install import CHROMIUM  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

import commands  # noqa: E402
import many_runs  # noqa: E402
from chromium import FLAGS  # noqa: E402
from runreel.hub import Hub  # noqa: E402
from runreel.settings import Settings  # noqa: E402
from serving import Server, listening  # noqa: E402
from support import wait_for  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
MOST_BYTES = 400_000
COLUMNS = "&".join(
    f"column={name}"
    for name in ("run", "experiment", "started", "took", "recent", "metric:train:auc", "events", "artifacts", "owner")
)
PATIENCE = 900.0


@contextlib.contextmanager
def demo() -> Iterator[str]:
    """A demo of full size under way; its server's address."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = commands.start(folder, "demo", "--no-browser", "--port", "0")
        try:
            settings = Settings(environ=commands.environ(folder), folder=folder)
            yield wait_for(lambda: Hub.find(settings), 60, what="the demo's server").url
        finally:
            process.terminate()
            process.communicate(timeout=60)


def training(url: str) -> str | None:
    """The id of the run whose folds are half way, or None."""
    for run in answer(f"{url}/api/v1/runs")["runs"]:
        steps = answer(f"{url}/api/v1/runs/{run['id']}")["steps"]
        done = [(steps.get(f"train/fold-{fold}") or {}).get("progress") or {"done": 0} for fold in range(3)]
        if run["state"] == "RUNNING" and min(one["done"] for one in done) >= 8:
            return str(run["id"])
    return None


def answer(address: str) -> Any:
    """The JSON at an address."""
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=30) as found:
        return json.load(found)
    return {"runs": [], "steps": {}}


def take(url: str) -> None:
    """Wait for the training, and take the pictures."""
    run = wait_for(lambda: training(url), PATIENCE, every=0.5, what="the demo to train")
    steps = answer(f"{url}/api/v1/runs/{run}")["steps"]
    past = f"?at={steps['features']['started']}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, query, size, scheme in (
            ("run.png", "", WIDE, "light"),
            ("run-past.png", past, WIDE, "dark"),
            ("run-narrow.png", "", NARROW, "light"),
        ):
            page = browser.new_page(viewport=size, color_scheme=scheme, timezone_id="UTC")
            page.goto(f"{url}/runs/{run}{query}")
            expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
            expect(page.locator('.node[data-step="train"]').first).to_have_attribute(
                "data-state", "PENDING" if query else "RUNNING"
            )
            expect(page.locator('.chart[data-key$=":loss"]').first).to_be_attached()
            expect(page.locator("#log .log li").first).to_be_attached()
            page.wait_for_timeout(1_500)  # the canvases are drawn in turns; nothing says that all have been
            page.screenshot(path=PICTURES / name)
            page.close()
        browser.close()


def take_home() -> None:
    """Take the pictures of home."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        server = Server(Path(folder), port=22_500)
        many_runs.store(server.store, many_runs.summaries(10_000, time.time_ns() // 1000, running=4, every=700))
        listening(server.services, stack)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, size, scheme in (("home.png", WIDE, "light"), ("home-narrow.png", NARROW, "dark")):
            page = browser.new_page(viewport=size, color_scheme=scheme, timezone_id="UTC")
            page.goto(f"{server.services.url}/?{COLUMNS}")
            expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
            page.screenshot(path=PICTURES / name)
            page.close()
        browser.close()


def told() -> None:
    """Say what the pictures take, and refuse those that take too much."""
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        if size > MOST_BYTES:
            raise SystemExit(f"{picture} takes {size:,} bytes, more than {MOST_BYTES:,}")
        print(f"{picture.relative_to(ROOT)}: {size:,} bytes")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    if sys.argv[1:] == ["home"]:
        take_home()
    elif len(sys.argv) > 1:
        take(sys.argv[1].rstrip("/"))
    else:
        take_home()
        with demo() as address:
            take(address)
    told()
