"""Ten tabs on ten runs of a real `runreel up`: one stream for all, whatever happens to a tab or to the server."""

from __future__ import annotations

import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import commands
from chromium import GONE, Watch
from puppets import Puppet
from support import wait_for
from tabs import Tabs
from watching import bare

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 60_000  # milliseconds; the machine may be busy
TABS = 10


def wire(page: Page, status: str) -> None:
    expect(page.locator(".wire")).to_have_attribute("data-wire", status, timeout=PATIENCE)


def done(page: Page, text: str) -> None:
    expect(page.locator('.node[data-step="work"] .dur')).to_have_text(text, timeout=PATIENCE)


def streams(machine: commands.Up) -> int:
    """How many streams the server says are open."""
    with urllib.request.urlopen(f"{machine.hub.url}/metrics", timeout=30) as answer:
        (found,) = re.findall(r"^runreel_streams_open (\S+)$", answer.read().decode(), re.M)
    return int(float(found))


def has(machine: commands.Up, number: int) -> None:
    """Wait until the server counts so many streams: it hears a moment later that one has ended."""
    wait_for(lambda: streams(machine) == number, what=f"{number} streams")


# Two screens of lines are in the page, the last ones where it follows.
LINES = "[...document.querySelectorAll('#log .log li')].map((one) => /line \\d+/.exec(one.textContent)[0])"
#: The page's store; undefined as long as a tab that was just opened has no page yet.
STORE = (
    "Promise.resolve(document.querySelector('script[type=module]')?.src)"
    ".then((page) => page && import(page)).then((page) => page?.store)"
)
DONE = f"{STORE}.then((store) => store?.live.steps.work.progress?.done)"
LIVE = f"{STORE}.then((store) => store?.live)"


def test_ten_tabs_on_ten_runs_share_one_stream_and_none_holds_up_another(
    machine: commands.Up, tabs: Tabs, puppet: Puppet
) -> None:
    puppet.do(f"runs = [runreel.start(f'tab-{{n}}') for n in range({TABS})]")
    puppet.do("steps = [one.step('work', total=1000) for one in runs]")
    ids = puppet.ask("all(one.flush(60) for one in runs) and ' '.join(one.id for one in runs)").split()
    mine = [tabs.open(f"{machine.hub.url}/runs/{run}") for run in ids]
    for tab in mine:
        tab.waits("document.querySelector('.wire')?.dataset.wire", lambda status: status == "ok")
    has(machine, 1)
    assert [tab.run("document.hidden") for tab in mine] == [True] * (TABS - 1) + [False]

    puppet.do("for n, step in enumerate(steps): step.progress(100 + 10 * n)")
    for n, tab in enumerate(mine):
        tab.waits(DONE, lambda done, n=n: done == 100 + 10 * n)

    mine[0].close()
    mine[7].close()
    frozen, awake = mine[4], [(n, tab) for n, tab in enumerate(mine) if n not in {0, 4, 7}]
    frozen.run(f"{STORE}.then((store) => {{ window.held = store; }})")
    frozen.freeze()
    for done in range(300, 600, 10):  # longer than a tab is given to answer
        puppet.do(f"for step in steps: step.progress({done}); step.log('line {done}')")
        for _, tab in awake[:2]:
            tab.waits(DONE, lambda now, done=done: now == done)
    for _, tab in awake:
        tab.waits(DONE, lambda now: now == 590)
    assert frozen.run("held.live.steps.work.progress.done") == 140
    has(machine, 1)

    frozen.thaw()
    frozen.waits(DONE, lambda now: now == 590)
    puppet.do("for step in steps: step.progress(700); step.log('line 700')")
    for tab in [frozen, *(tab for _, tab in awake)]:
        tab.waits(DONE, lambda now: now == 700)
    frozen.front()
    frozen.waits("document.querySelector('.node .dur').textContent", lambda text: text == "70 %")
    said = [f"line {n}" for n in [*range(300, 600, 10), 700]]
    frozen.waits(LINES, lambda found: len(found) > 12 and found == said[-len(found) :])
    late = tabs.open(f"{machine.hub.url}/runs/{ids[0]}")
    late.waits(DONE, lambda now: now == 700)
    has(machine, 1)

    puppet.do("for one in runs: one.finish()")
    for n, tab in [(4, frozen), *awake]:
        state = bare(machine.complete(ids[n]))
        tab.waits(LIVE, lambda live, state=state: bare(live) == state, "what a fresh load has")
    for tab in [late, frozen, *(tab for _, tab in awake)]:
        tab.close()
    has(machine, 0)


def test_a_server_that_is_killed_is_missed_within_seconds_and_the_page_goes_on_without_a_repeat(
    machine: commands.Up, new_page: Callable[..., Page], puppet: Puppet, folder: Path, watch: Watch
) -> None:
    watch.allow(GONE)
    puppet.do("run = runreel.start('killed'); step = run.step('work', total=100)")
    puppet.do("for n in range(20): step.progress(n); step.log(f'line {n}'); step.metric('loss', 1 / (n + 1))")
    run = puppet.ask("run.flush(60) and run.id")
    context = new_page().context
    pages = [context.new_page() for _ in range(3)]
    for page, path in zip(pages, (f"runs/{run}", f"runs/{run}", ""), strict=True):
        page.goto(f"{machine.hub.url}/{path}")
        wire(page, "ok")
    expect(pages[0].locator("#log .log li").last).to_contain_text("line 19")
    shown = pages[0].locator('.node[data-step="work"] .dur').inner_text()
    machine.stop(signal.SIGKILL)
    for page in pages:
        wire(page, "lost")
    expect(pages[0].locator('[data-out="wire-more"]')).to_have_text(re.compile("it goes on from event"))
    assert pages[0].locator('.node[data-step="work"] .dur').inner_text() == shown
    assert pages[0].locator("dialog[open]").count() == 0
    puppet.do("for n in range(20, 40): step.progress(n); step.log(f'line {n}'); step.metric('loss', 1 / (n + 1))")

    with commands.up(folder, "--port", machine.hub.url.rpartition(":")[2]) as again:
        for page in pages:
            wire(page, "ok")
        for page in pages[:2]:
            done(page, "39 %")
            expect(page.locator("#log .log li").last).to_contain_text("line 39")
            shown = page.evaluate(LINES)
            assert len(shown) > 12
            assert shown == [f"line {n}" for n in range(40)][-len(shown) :]
        has(again, 1)
        puppet.do("run.finish()")
        state = again.complete(run)
        wait_for(lambda: bare(pages[0].evaluate(LIVE)) == bare(state), what="what a fresh load has")
        context.close()


def test_a_server_that_is_full_is_quoted_and_the_page_comes_by_itself_when_there_is_a_place(
    new_page: Callable[..., Page], tmp_path: Path
) -> None:
    with commands.up(tmp_path, RUNREEL_MAX_STREAMS="1") as machine:
        with urllib.request.urlopen(f"{machine.hub.url}/api/v1/stream?watch=runs", timeout=30) as taken:
            assert taken.readline() == b"event: snapshot\n"
            page = new_page()
            page.goto(machine.hub.url)
            wire(page, "lost")
            expect(page.locator(".wire")).to_contain_text("1 streams are open, no more are taken here, trying again")
            assert page.locator("#empty-title").is_visible()
        wire(page, "ok")
        page.context.close()
