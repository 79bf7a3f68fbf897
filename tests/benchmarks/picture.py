"""Take docs/pictures/run.png anew: the demo's live page while it trains, 1440 x 900, light.

python tests/benchmarks/picture.py          starts a demo, takes the picture, ends it
python tests/benchmarks/picture.py URL      takes it of a demo that runs there already
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "deploy/native")]

from native_stack.install import CHROMIUM  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

import commands  # noqa: E402
from chromium import FLAGS  # noqa: E402
from runreel.hub import Hub  # noqa: E402
from runreel.settings import Settings  # noqa: E402
from support import wait_for  # noqa: E402

PICTURE = ROOT / "docs" / "pictures" / "run.png"
MOST_BYTES = 400_000
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
    """Wait for the training, and take the picture."""
    run = wait_for(lambda: training(url), PATIENCE, every=0.5, what="the demo to train")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light", timezone_id="UTC")
        page.goto(f"{url}/runs/{run}")
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        expect(page.locator('.node[data-step="train"]').first).to_have_attribute("data-state", "RUNNING")
        expect(page.locator('.chart[data-key$=":loss"] output').first).not_to_be_empty()
        expect(page.locator("#log .log li").first).to_be_attached()
        page.wait_for_timeout(1_500)  # the canvases are drawn in turns; nothing says that all have been
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()
    size = PICTURE.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{PICTURE} takes {size:,} bytes, more than {MOST_BYTES:,}")
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(sys.argv[1].rstrip("/"))
    else:
        with demo() as address:
            take(address)
