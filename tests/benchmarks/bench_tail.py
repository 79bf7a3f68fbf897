"""The log of ten million lines in a real Chromium: how long until its end, a step's lines, its errors, a place far off
and a rare text are on screen, while its run goes on (1,000 lines a second) and after its end."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/native"))

from bench_logs import GAP, LINES, STEPS, fill
from native_stack.install import CHROMIUM
from playwright.sync_api import Browser, Page, sync_playwright

from chromium import FLAGS
from runreel import codec
from runreel import events as ev
from runreel_consumers import serving
from runreel_consumers.archive import columns, segment
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.layout import Segment
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.catalog.live import Live
from runreel_consumers.catalog.loader import Loader
from runreel_consumers.partitions import partition_of
from runreel_server.feed.recent import Taken
from runs import RUN, Clock, Voice
from serving import IDENTITY, PARTITIONS, TOPIC, Server, listening

PARTITION = partition_of(RUN, PARTITIONS)
TIMES = 5
PATIENCE = 120_000  # milliseconds
BEAT, EACH, STORED = 0.1, 25, 2.0
"""While the run goes on: seconds between two looks, lines in each of four events, seconds until they are stored."""

SEARCHED = ("a rare text in the middle", "a rare text, all of it searched")

Row = dict[str, Any]

# Told from inside the page: when the lines were asked for first, and when a wish is in the frame that was painted.
LISTEN = r"""() => {
  const told = (window.told = { asked: null, opened: null });
  const ask = window.fetch;
  window.fetch = (...all) => {
    if (/\/logs\?/.test(all[0])) told.asked ??= performance.now();
    return ask(...all);
  };
  const rows = () => Array.from(document.querySelectorAll('#log .log li'));
  const inside = () => {
    const box = document.querySelector('#log .log').getBoundingClientRect();
    return rows().filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > box.top + 1 && top < box.bottom - 1;
    });
  };
  const time = (row) => Number(row.dataset.place.split('-')[0]);
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(performance.now());
    port2.postMessage(null);
  }));
  const until = async (right) => {
    const begun = performance.now();
    while (!right()) {
      if (performance.now() - begun > 60000) throw new Error(`not so after a minute: ${right}`);
      await new Promise(requestAnimationFrame);
    }
    return painted();
  };
  const since = async (act, right) => {
    const begun = performance.now();
    await act();
    return (await until(right)) - begun;
  };
  const pick = (name, value) => {
    const field = document.querySelector(name);
    const options = Array.from(field.options ?? [], (one) => one.value);
    if (field.options && !options.includes(value)) field.append(new Option(value, value));
    field.value = value;
    field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
  };
  Object.assign(told, {
    rail: () => until(() => document.querySelector('#log .rail-errors')?.getAttribute('d')),
    step: (path) => {
      const step = (row) => row.querySelector('[data-log-step]').dataset.logStep;
      const old = document.querySelector('[data-do="log-step"]').value;
      return since(() => pick('[data-do="log-step"]', path), () => {
        const shown = rows();
        const right = path ? shown.every((row) => step(row) === path) : shown.some((row) => step(row) !== old);
        return shown.length > 20 && right;
      });
    },
    level: (level) => since(() => pick('[data-do="log-level"]', level), () => {
      const shown = rows(), bad = shown.filter((row) => row.dataset.level === 'ERROR');
      return shown.length > 20 && (level ? bad.length === shown.length : bad.length < shown.length);
    }),
    search: async (text) => {
      const begun = performance.now();
      pick('#log input[type="search"]', text);
      const marked = () => document.querySelector('#log mark');
      const first = await until(() => (text ? marked() : rows().length > 20 && !marked()));
      const note = () => document.querySelector('#log .log-note').textContent;
      const all = text ? await until(() => /hit/.test(note()) && !/searched/.test(note())) : first;
      return [first - begun, all - begun];
    },
    jump: (share) => {
      const rail = document.querySelector('#log .rail'), box = rail.getBoundingClientRect();
      const old = new Set(rows().map((row) => row.dataset.place));
      const said = (name) => rail.dispatchEvent(new PointerEvent(name, {
        bubbles: true, pointerId: 1, clientX: box.left + 5, clientY: box.top + box.height * share }));
      rail.setPointerCapture = () => {};
      return since(() => {
        said('pointerdown');
        said('lostpointercapture');
      }, () => {
        const shown = inside();
        return shown.length > 10 && shown.every((row) => !old.has(row.dataset.place));
      });
    },
    up: () => {
      const list = document.querySelector('#log .log'), height = list.clientHeight;
      const above = time(inside()[0]), wanted = inside().length;
      return since(() => {}, () => {
        const here = rows().findIndex((row) => time(row) >= above), top = inside()[0], at = rows().indexOf(top);
        if (here - at >= wanted - 2 || (time(top) < above && here < 0)) return true;
        list.scrollTop -= height - (here - at) * 18;
        return false;
      });
    },
  });
  until(() => rows().length > 10).then((when) => (told.opened = when));
}"""


def run() -> list[Row]:
    """Rows of {what, value, unit}."""
    return list(rows())


def rows(lines: int = LINES) -> Iterator[Row]:
    """The same, each as soon as it is measured."""
    with tempfile.TemporaryDirectory(prefix="bench-tail-") as scratch:
        stored = Path(scratch) / "stored"
        stored.mkdir()
        begun = time.perf_counter()
        server = Server(stored)
        voices = fill(server, lines, time.time_ns() // 1000 - lines * GAP)
        keyframe(server)
        going = Path(scratch) / "going"
        shutil.copytree(stored, going)
        made = time.perf_counter() - begun
        yield from _seen(going, "running", live=True)
        begun = time.perf_counter()
        end(server, voices)
        yield {"what": "making of the store", "value": made + time.perf_counter() - begun, "unit": "s"}
        yield from _seen(stored, "ended", live=False)


def keyframe(server: Server) -> Live:
    """Keep the fold of what is stored, as the catalog does; answers it."""
    live = Loader(Log(server.store)).load(RUN, TOPIC)
    Keyframes(server.store).put("default", RUN, live.upto, live.to_bytes())
    return live


def end(server: Server, voices: list[Voice]) -> None:
    """End the run, and make its own objects."""
    owner = voices[0]
    said = [owner.finish(f"train/fold-{number}", f"{number:016x}") for number in range(STEPS)]
    said.append(owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED")))
    server.archive([*said, *(voice.close() for voice in voices)])
    live = keyframe(server)
    RunObjects(server.store).make(Log(server.store), RUN, "default", live.upto, live.to_bytes(), b"{}")


@contextmanager
def _opened(folder: Path, *, live: bool) -> Iterator[tuple[str, Browser]]:
    """A server that has served nothing before, in a process of its own, and a browser."""
    with ExitStack() as stack:
        command = [sys.executable, __file__, "serve", str(folder), *(["live"] if live else [])]
        server = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(server.kill)
        assert server.stdout
        url = server.stdout.readline().strip()
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        stack.callback(browser.close)
        yield url, browser


def _seen(folder: Path, when: str, *, live: bool) -> Iterator[Row]:
    def row(what: str, value: float, note: str = "", **bounds: Any) -> Row:
        return {
            "what": f"log of 10^7 lines, {when}: {what}",
            "value": round(value, 1),
            "unit": "ms",
            **bounds,
            "note": note,
        }

    with _opened(folder, live=live) as (url, browser):
        with _page(browser, url) as page:
            yield row("a new server's first look", _told(page)["opened"])
            yield row("a new server's first look, until the rail has its errors", page.evaluate("told.rail()"))
        opened, asked, soon, rail = [], [], [], []
        for _ in range(TIMES):
            with _page(browser, url) as page:
                told = _told(page)
                opened.append(told["opened"])
                asked.append(told["opened"] - told["asked"])
                soon.append(page.evaluate("told.step('train/fold-3')"))
                rail.append(page.evaluate("told.rail()"))
        yield row("opened until its end is painted", *_middle(opened))
        yield row("asked for until painted", *_middle(asked), least=200, better="less")
        yield row("a step chosen at once", *_middle(soon), least=200, better="less")
        yield row("opened until the rail has its errors", *_middle(rail))
        with _page(browser, url) as page:
            page.evaluate("told.rail()")
            page.evaluate("told.step('train/fold-1')")
            acts: dict[str, list[float]] = {}

            def act(what: str, script: str) -> None:
                acts.setdefault(what, []).append(page.evaluate(script))

            for number in range(TIMES):
                act("a step chosen", f"told.step('train/fold-{number + 4}')")
                act("all steps again", "told.step('')")
                act("errors only", "told.level('ERROR')")
                act("all levels again", "told.level('')")
                act("a jump by the rail", f"told.jump({0.1 + 0.15 * number})")
                for _ in range(5):
                    act("a screen up", "told.up()")
            for _ in range(2):
                for what, took in zip(SEARCHED, page.evaluate("told.search('the needle')"), strict=True):
                    acts.setdefault(what, []).append(took)
                page.evaluate("told.search('')")
            for what, values in acts.items():
                yield row(what, *_middle(values), **({} if "rare" in what else {"least": 200, "better": "less"}))


def _middle(values: list[float]) -> tuple[float, str]:
    return statistics.median(values), f"{min(values):.0f} to {max(values):.0f}"


@contextmanager
def _page(browser: Browser, url: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.add_init_script(f"({LISTEN})()")
    page.goto(f"{url}/runs/{RUN}")
    yield page
    page.close()


def _told(page: Page) -> Any:
    page.wait_for_function("() => window.told.opened !== null")
    return page.evaluate("({ asked: told.asked, opened: told.opened })")


def serve(folder: Path, *, live: bool) -> None:
    """Say the server's address, and serve until stdin ends."""
    serving.prepare()
    server = Server(folder, port=0)
    with ExitStack() as stack:
        listening(server.services, stack)
        print(server.services.url, flush=True)
        if live:
            threading.Thread(target=go_on, args=(server,), daemon=True).start()
        sys.stdin.read()


def go_on(server: Server) -> None:
    """Have the run say lines, and the archive take them a little later."""
    offset = max(piece.end for piece in Log(server.store).pieces(RUN)).offset + 1
    clock = Clock(time.time_ns() // 1000)
    voice = Voice("f" * 32, clock)
    waiting = [voice.open("member")]
    number, due = 0, time.monotonic() + STORED
    begun = time.monotonic()
    while True:
        told = len(waiting)
        for _ in range(4):
            number += 1
            last = time.time_ns() // 1000
            times = [last - (EACH - n) * GAP for n in range(EACH)]
            said = ev.Logs(
                time=times, level=["INFO"] * EACH, text=[f"step {n} loss=0.5 of batch {n % 512}" for n in times]
            )
            step = number % STEPS
            where = {"subject": f"train/fold-{step}", "execution": f"{step:016x}"}
            waiting.append(voice.say(ev.LOGS, said, time=times[-1], **where))
        taken = [
            Taken(TOPIC, IDENTITY, PARTITION, offset + n, RUN, codec.encode(event), event.time)
            for n, event in enumerate(waiting[told:], told)
        ]
        server.services.feed._take(taken)
        if time.monotonic() > due:
            due += STORED
            offsets = list(range(offset, offset + len(waiting)))
            found = columns.table(waiting, [event.time for event in waiting], offsets, 0, PARTITION)
            segment.write(server.store, Segment(0, PARTITION, offset, offsets[-1]), found, [])
            offset += len(waiting)
            waiting = []
        time.sleep(max(0.0, begun + number / 4 * BEAT - time.monotonic()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]), live=sys.argv[3:] == ["live"])
    else:
        for found in rows(*map(int, sys.argv[1:2])):
            print(f"{found['what']:75} {found['value']:>10.1f} {found['unit']} {found.get('note', '')}", flush=True)
