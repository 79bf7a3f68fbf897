"""The playhead in a real Chromium: how long until a moment is on screen, and how many frames a drag has."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/native"))

from bench_moments import many_points, many_steps
from native_stack.install import CHROMIUM
from playwright.sync_api import Page, expect, sync_playwright

from chromium import FLAGS
from runreel.events import Event
from runreel_consumers import serving
from runs import RUN
from serving import Server, listening

JUMPS, MOVES = 20, 240
PATIENCE = 120_000  # milliseconds
FRAME = 1000 / 60

Row = dict[str, Any]

# The page's own modules, listened to from outside: a wish, the state that answers it, and the frame after which nothing
# that this state asked for waits to be drawn, and the log's lines are of that moment, or of a later one.
LISTEN = r"""async () => {
  const { rewind, store, scheduler } = await import(document.querySelector('script[type=module]').src);
  const told = { shown: [], frames: [], long: [] };
  window.told = told;
  let wishes = [], loaded = [], lines = -Infinity;
  const wrap = (one, name, act) => {
    const before = one[name];
    one[name] = (...all) => act(() => before.apply(one, all), ...all);
  };
  wrap(rewind, 'look', (look, at) => {
    wishes.push([Math.ceil(at / 1000) * 1000, performance.now()]);
    look();
  });
  wrap(store, 'look', (look, past) => {
    const begun = performance.now();
    look();
    if (!past) return;
    const last = wishes.findLastIndex(([at]) => at === past.at), over = performance.now();
    loaded.push(...wishes.splice(0, last + 1).map(([, when]) => ({ when, begun, over })));
  });
  wrap(window, 'fetch', async (ask, url) => {
    const begun = performance.now(), answer = await ask();
    if (/\/logs\?/.test(url)) wrap(answer, 'json', async (read) => {
      const found = await read();
      lines = begun;
      return found;
    });
    return answer;
  });
  let last = performance.now();
  const frame = () => {
    const now = performance.now();
    told.frames.push(now - last);
    last = now;
    const waiting = [...scheduler.tasks.values()].filter((task) => task.dirty && task.visible);
    const oldest = Math.min(...waiting.map((task) => task.since));
    while (loaded.length && loaded[0].over < oldest && loaded[0].begun <= lines) {
      told.shown.push(now - loaded.shift().when);
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const long = new PerformanceObserver((list) => told.long.push(...list.getEntries().map((one) => one.duration)));
  long.observe({ entryTypes: ['longtask'] });
}"""
# The server has read the run, as it is asked to while nobody has clicked yet.
PREPARED = r"""() => performance.getEntriesByType('resource').filter(
  ({ name, responseEnd }) => responseEnd && /runs\/[^/?]*\?at=/.test(name)).length > 1"""
TAKE = """() => {
  const { shown, frames, long } = window.told;
  Object.assign(window.told, { shown: [], frames: [], long: [] });
  return { shown, frames, long };
}"""


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    return list(rows())


def rows() -> Iterator[Row]:
    """The same, each as soon as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _of("100,000 events, 5,000 steps", 200, many_steps(), Path(folder) / "steps", RUN)
        other = RUN[:-1] + "2"
        yield from _of("10 million points", 300, many_points(other), Path(folder) / "points", other)


def _of(what: str, least: float, events: list[Event], folder: Path, run: str) -> Iterator[Row]:
    folder.mkdir()
    Server(folder).archive(events, each=2_000)
    events.clear()
    with _opened(folder, run) as page:
        yield {"what": f"{what}: a click as soon as the page is there", "value": _click(page, 0.4), "unit": "ms"}
    with _opened(folder, run) as page:
        page.wait_for_function(PREPARED)
        yield from _jumped(page, what, least)
        yield from _dragged(page, what, least)


@contextmanager
def _opened(folder: Path, run: str) -> Iterator[Page]:
    """The run's page on a server that has served nothing before."""
    with ExitStack() as stack:
        url = _served(folder, stack)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{url}/runs/{run}")
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=PATIENCE)
        logged = page.locator("#log .log li, #log [data-empty=log]:not([hidden])")
        expect(logged.first).to_be_attached(timeout=PATIENCE)
        page.evaluate(LISTEN)
        yield page


def _served(folder: Path, stack: ExitStack) -> str:
    """The address of a server of that store, in a process of its own, which the browser's driver does not hold up."""
    command = [sys.executable, __file__, str(folder)]
    server = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    stack.callback(server.kill)
    assert server.stdout
    return server.stdout.readline().strip()


def serve(folder: Path) -> None:
    """Say the server's address, and serve until stdin ends."""
    serving.prepare()
    server = Server(folder, port=0)
    with ExitStack() as stack:
        listening(server.services, stack)
        print(server.services.url, flush=True)
        sys.stdin.read()


def _jumped(page: Page, what: str, least: float) -> Iterator[Row]:
    """Clicks on the ruler, one after the other; the first, which asks for the whole state, is told apart."""
    random = Random(1)
    waits: list[float] = []
    share = 1.0
    for _ in range(JUMPS):
        share = (share + random.uniform(0.15, 0.85)) % 1 * 0.95  # never on the playhead, which a click would take
        waits.append(_click(page, share))
    yield {"what": f"{what}: a click, first", "value": waits[0], "unit": "ms"}
    yield from _shares(f"{what}: a click until it is on screen", waits[1:], least)


def _click(page: Page, share: float) -> float:
    """How long a click there takes until it is on screen, in milliseconds."""
    ruler = page.locator(".ruler").bounding_box()
    assert ruler
    page.mouse.click(ruler["x"] + ruler["width"] * share, ruler["y"] + 10)
    page.wait_for_function("() => window.told.shown.length > 0")
    return round(max(page.evaluate(TAKE)["shown"]), 1)


def _dragged(page: Page, what: str, least: float) -> Iterator[Row]:
    """The hand goes back and forth over the ruler; each of its moments is on screen when it or a later one is."""
    ruler = page.locator(".ruler").bounding_box()
    assert ruler
    places = ruler["x"] + ruler["width"] * (0.5 + 0.4 * np.sin(np.arange(MOVES) / 30))
    page.mouse.move(places[0], ruler["y"] + 10)
    page.mouse.down()
    page.evaluate(TAKE)
    for place in places[1:]:
        page.mouse.move(place, ruler["y"] + 10)
        page.wait_for_timeout(FRAME)
    found = page.evaluate(TAKE)
    page.mouse.up()
    frames = np.array(found["frames"])
    yield from _shares(f"{what}: a drag until it is on screen", found["shown"], least)
    pace = round(len(frames) / float(frames.sum()) * 1000, 1)
    yield {"what": f"{what}: frames while dragging", "value": pace, "unit": "frames/s", "note": "60 is all of them"}
    yield from _shares(f"{what}: from frame to frame while dragging", found["frames"], None)
    longest = round(max(found["long"], default=0.0))
    yield {
        "what": f"{what}: longest task while dragging",
        "value": longest,
        "unit": "ms",
        "least": 50,
        "better": "less",
    }


def _shares(what: str, values: list[float], least: float | None) -> Iterator[Row]:
    for share in (50, 95):
        bound = {"least": least, "better": "less"} if least is not None and share == 95 else {}
        value = round(float(np.percentile(values, share)), 1)
        yield {"what": f"{what}, p{share}", "value": value, "unit": "ms", **bound}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
        sys.exit()
    for row in rows():
        print(f"{row['what']:75} {row['value']:10} {row['unit']} {row.get('note', '')}", flush=True)
