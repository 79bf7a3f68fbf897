"""One stream for all tabs of a browser, in a real Chromium: what it carries, and what a gone network does to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

import flights
from chromium import Watch
from page_app import FlightsSource, PageApp, serve
from support import wait_for
from tabs import Between, Tab, Tabs

pytestmark = pytest.mark.browser

RUN = f"run:{flights.RUN}"


@pytest.fixture
def site() -> Iterator[tuple[str, PageApp]]:
    with serve(FlightsSource()) as served:
        yield served


@pytest.fixture
def context(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> BrowserContext:
    """A browser's profile, whose tabs share what they share."""
    return new_page().context


def opened(context: BrowserContext, address: str) -> Page:
    """A tab whose wire is well."""
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    return page


def wire(page: Page, status: str, seconds: float = 20) -> None:
    expect(page.locator(".wire")).to_have_attribute("data-wire", status, timeout=1000 * seconds)


def events(page: Page, text: str) -> None:
    expect(page.locator('[data-out="record-note"]')).to_have_text(text)


def test_tabs_share_one_stream_and_what_nobody_watches_is_let_go(
    site: tuple[str, PageApp], context: BrowserContext
) -> None:
    address, stream = site[0], site[1].stream
    run, home = opened(context, f"{address}/runs/{flights.RUN}"), opened(context, address)
    second = opened(context, f"{address}/runs/{flights.RUN}")
    # The server notices that the first stream was left for the second when it next writes to it
    wait_for(lambda: home.evaluate("1") and stream.open == [(RUN, "runs")], 30, what="one stream for both")
    assert len(stream.asked) == 2, "the second tab on the run cost the server nothing"
    stream.send("delta", {"patch": {"events": 50_000}}, RUN)
    for page in (run, second):
        events(page, "50,000 of 50,000 events, 1 session")
    run.close()
    stream.send("delta", {"patch": {"events": 50_001}}, RUN)
    events(second, "50,001 of 50,001 events, 1 session")
    second.close()
    wait_for(lambda: home.evaluate("1") and stream.open == [("runs",)], 30, what="the run to be let go")
    assert stream.asked[-1].after == f"{RUN}@2,runs@0"
    wire(home, "ok")
    home.close()
    wait_for(lambda: not stream.open, 30, what="the stream to end")


def test_a_network_that_is_gone_is_told_and_the_page_goes_on_when_it_is_back(
    site: tuple[str, PageApp], context: BrowserContext
) -> None:
    address, stream = site[0], site[1].stream
    page = opened(context, f"{address}/runs/{flights.RUN}")
    stream.mute = True  # no error, no end: nothing comes any more
    wire(page, "lost", 10)
    expect(page.locator('.node[data-step="train"]')).to_be_visible()
    wait_for(lambda: page.evaluate("1") and len(stream.asked) > 1, 30, what="another try")
    stream.mute = False
    stream.send("delta", {"patch": {"events": 50_000}})
    events(page, "50,000 of 50,000 events, 1 session")
    wire(page, "ok")


def test_a_laptop_that_slept_for_an_hour_goes_on_at_once_from_where_it_was(
    site: tuple[str, PageApp], tabs: Tabs
) -> None:
    address, stream = site[0], site[1].stream
    tab = tabs.open(f"{address}/runs/{flights.RUN}")
    tab.waits("document.querySelector('.wire')?.dataset.wire", lambda status: status == "ok")
    tab.run(
        """(() => {
            const wire = document.querySelector('.wire');
            window.said = new Promise((resolve) => new MutationObserver(() => resolve(wire.innerText))
                .observe(wire, { attributes: true, attributeFilter: ['data-wire'] }));
        })()"""
    )
    jump = "{ const now = Date.now; Date.now = () => now() + 3_600_000; }"  # what a sleeping machine's clock does
    site[1].source.present["events"] = 60_000  # it may be back before anything else can be said here
    tab.run(jump)
    tabs.in_worker(jump)
    assert re.match("connection lost (1 h|60 min) ago", tab.run("window.said"))
    tab.waits(
        "document.querySelector('[data-out=record-note]').textContent",
        lambda text: text.startswith("60,000 of"),
    )
    assert tab.run("document.querySelector('.wire').dataset.wire") == "ok"
    assert [one.after for one in stream.asked] == ["", f"{RUN}@0"]


def test_what_fails_in_the_worker_is_said_in_the_tabs_console(
    site: tuple[str, PageApp], tabs: Tabs, watch: Watch
) -> None:
    """Where a developer looks, and the tests."""
    tab = tabs.open(f"{site[0]}/runs/{flights.RUN}")
    tab.waits("document.querySelector('.wire')?.dataset.wire", lambda status: status == "ok")
    tabs.in_worker("setTimeout(() => { throw new Error('meant so'); }); Promise.reject(new Error('refused')); 0")
    for text in ("meant so", "refused"):
        wait_for(lambda text=text: tab.run("1") and any(text in one for one in watch.complaints()), what=text)
    watch.allow("the stream's worker: .*(meant so|refused)")


def test_a_worker_that_died_is_replaced(site: tuple[str, PageApp], tabs: Tabs) -> None:
    tab = tabs.open(f"{site[0]}/runs/{flights.RUN}")
    tab.waits("document.querySelector('.wire')?.dataset.wire", lambda status: status == "ok")
    tabs.end(tabs.worker())
    site[1].source.present["events"] = 60_000
    tab.waits(
        "document.querySelector('[data-out=record-note]').textContent",
        lambda text: text.startswith("60,000 of"),
    )
    tab.waits("document.querySelector('.wire').dataset.wire", lambda status: status == "ok")
    assert len(site[1].stream.asked) == 2


def test_offline_and_online_again(site: tuple[str, PageApp], new_page: Callable[..., Page], watch: Watch) -> None:
    """Where there are no shared workers: the emulation reaches a page's own new connections."""
    watch.allow("ERR_INTERNET_DISCONNECTED")
    address, stream = site[0], site[1].stream
    page = new_page()
    page.add_init_script("delete window.SharedWorker")
    page.goto(f"{address}/runs/{flights.RUN}")
    wire(page, "ok")
    page.context.set_offline(True)
    stream.drop()
    wire(page, "lost")
    site[1].source.present["events"] = 50_000
    wait_for(lambda: page.evaluate("1") and len(watch.seen) > 2, 30, what="tries that fail")
    assert len(stream.asked) == 1
    page.context.set_offline(False)
    wire(page, "ok")
    events(page, "50,000 of 50,000 events, 1 session")
    assert stream.asked[-1].after == f"{RUN}@0"


def test_a_tab_of_its_own_holds_no_connection_while_it_is_hidden(
    site: tuple[str, PageApp], new_page: Callable[..., Page]
) -> None:
    address, stream = site[0], site[1].stream
    page = new_page()
    page.add_init_script("delete window.SharedWorker")
    page.goto(f"{address}/runs/{flights.RUN}")
    wire(page, "ok")
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    wait_for(lambda: page.evaluate("1") and not stream.open, 30, what="the stream to end")
    stream.positions[RUN] += 1
    site[1].source.present["events"] = 60_000
    page.evaluate(hide, False)
    events(page, "60,000 of 60,000 events, 1 session")
    assert stream.asked[-1].after == f"{RUN}@0"


def test_a_browser_without_the_worker_has_streams_all_the_same(
    site: tuple[str, PageApp], new_page: Callable[..., Page], watch: Watch
) -> None:
    """A page that outlived the server's version finds no worker of its own."""
    watch.allow("404")
    page = new_page()
    page.add_init_script(
        """window.SharedWorker = class extends SharedWorker {
            constructor(url, options) { super(String(url).replace("worker", "no-worker"), options); }
        };"""
    )
    page.goto(f"{site[0]}/runs/{flights.RUN}")
    wire(page, "ok")
    assert site[1].stream.open == [(RUN,)]


def test_a_tab_between_two_pages_is_waited_for(site: tuple[str, PageApp], tabs: Tabs) -> None:
    """As it is right after it was opened: that is no failure of what the page says."""
    tab, run, refused = tabs.open(f"{site[0]}/"), Tab.run, [Between("Cannot find default execution context")]

    def late(self: Tab, script: str) -> object:
        if refused:
            raise refused.pop()
        return run(self, script)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tab, "run", late)
        tab.waits("document.title", lambda title: "runreel" in title)
    assert refused == []
