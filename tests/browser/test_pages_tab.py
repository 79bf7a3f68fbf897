"""A tab in the background: its title and icon tell the run's state, and a notification its end, for whoever asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, PageApp, serve
from support import wait_for
from tabs import Tab, Tabs

pytestmark = pytest.mark.browser

ICON = "document.querySelector('link[rel=icon]').href.split('/').at(-1).replace(/^svg.xml,.*/, 'lost.svg')"
NOTED = """(() => {
    window.noted = [];
    window.Notification = class extends Notification {
        constructor(title, options) { super(title, options); noted.push([title, options.tag, options.body]); }
    };
})()"""
PROMPT = """
    window.asked = 0;
    class Prompt extends EventTarget {
        static permission = "default";
        static async requestPermission() { asked += 1; Prompt.permission = answer; return answer; }
    }
    window.Notification = Prompt;
"""


@pytest.fixture
def site() -> Iterator[tuple[str, PageApp]]:
    with serve(FlightsSource()) as served:
        yield served


def opened(tabs: Tabs, address: str) -> Tab:
    """A tab whose wire is well."""
    tab = tabs.open(address)
    tab.waits("document.querySelector('.wire')?.dataset.wire", lambda status: status == "ok", "the wire")
    return tab


def title(tab: Tab, text: str, icon: str) -> None:
    tab.waits(f"[document.title, {ICON}]", lambda found: found == [text, f"{icon}.svg"], text)


def test_title_and_icon_of_a_hidden_tab_follow_the_run(site: tuple[str, PageApp], tabs: Tabs) -> None:
    tab = opened(tabs, f"{site[0]}/runs/{flights.RUN}")
    title(tab, "69 % · nyc-flights", "wrong")
    tabs.open("about:blank")
    assert tab.run("document.visibilityState") == "hidden"
    stream = site[1].stream
    stream.mute = True
    title(tab, "? 69 % · nyc-flights", "lost")
    stream.mute = False
    title(tab, "69 % · nyc-flights", "wrong")
    site[1].source.present["eta"] = flights.at(820)
    stream.send("delta", {"patch": {"eta": flights.at(820)}})
    title(tab, "73 % · nyc-flights", "wrong")  # of the work: that the end is near makes it no more
    stream.send("delta", {"patch": {"state": "FAILED", "finished": flights.at(830)}})
    title(tab, "✕ failed · nyc-flights", "failed")


def test_the_end_is_notified_to_whoever_asked_for_it_also_in_the_background(
    site: tuple[str, PageApp], tabs: Tabs
) -> None:
    tabs.grant("notifications")
    address, stream = f"{site[0]}/runs/{flights.RUN}", site[1].stream
    tab, other = opened(tabs, address), opened(tabs, address)
    button = "document.querySelector('[data-do=notify]')"
    for one in (tab, other):
        one.run(NOTED)
    tab.run(f"{button}.click()")
    other.waits(f"{button}.ariaPressed", lambda pressed: pressed == "true", "the other tab to know of it")
    assert tab.run("document.visibilityState") == "hidden"
    stream.send("delta", {"patch": {"state": "FAILED", "finished": flights.at(830)}})
    for one in (tab, other):
        title(one, "✕ failed · nyc-flights", "failed")
        assert one.run(f"{button}.hidden")
    noted = [*tab.run("noted"), *other.run("noted")]
    assert {tuple(one[:2]) for one in noted} == {("✕ failed · nyc-flights", flights.RUN)}, (
        "one tag: the browser shows one"
    )
    assert noted[0][2].startswith("after 13:50, 2 failed, 1 stalled, silent ")
    assert tab.run("localStorage.getItem('runreel.notify')") == "[]"


def test_the_end_is_notified_also_where_the_runs_tab_is_frozen(site: tuple[str, PageApp], tabs: Tabs) -> None:
    tabs.grant("notifications")
    address, stream = f"{site[0]}/runs/{flights.RUN}", site[1].stream
    tab = opened(tabs, address)
    tab.run("document.querySelector('[data-do=notify]').click()")
    tab.waits("document.querySelector('[data-do=notify]').ariaPressed", lambda pressed: pressed == "true", "the wish")
    other = opened(tabs, f"{site[0]}/")
    tabs.in_worker(NOTED.replace("window.", "globalThis."))
    tab.freeze()
    stream.send("delta", {"patch": {"state": "FAILED", "finished": flights.at(830)}})
    wait_for(lambda: tabs.in_worker("JSON.stringify(noted)")["result"]["value"] != "[]", 60)
    found = json.loads(tabs.in_worker("JSON.stringify(noted)")["result"]["value"])
    assert [one[:2] for one in found] == [["failed · nyc-flights", flights.RUN]]
    assert other.run("document.visibilityState") == "visible"
    tab.thaw()
    title(tab, "✕ failed · nyc-flights", "failed")


@pytest.mark.parametrize(("answer", "pressed"), [("granted", "true"), ("denied", "false")])
def test_the_permission_is_asked_for_on_the_click_and_the_wish_is_remembered_for_the_run(
    site: tuple[str, PageApp], new_page: Callable[..., Page], answer: str, pressed: str
) -> None:
    page = new_page()
    page.add_init_script(f"window.answer = '{answer}'; {PROMPT}")

    def offered() -> Any:
        page.goto(f"{site[0]}/runs/{flights.RUN}")
        button = page.locator('[data-do="notify"]')
        expect(button).to_have_text("Tell me when it ends")
        assert page.evaluate("asked") == 0
        return button

    button = offered()
    button.click()
    expect(button).to_have_attribute("aria-pressed", pressed)
    assert page.evaluate("asked") == 1
    if answer == "denied":
        expect(button).to_have_text("Notifications are blocked in this browser")
        expect(button).to_be_disabled()
        return
    button = offered()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("asked") == 0


def test_a_run_that_has_ended_offers_no_notification(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> None:
    site[1].source.present |= {"state": "SUCCEEDED", "finished": flights.at(830)}
    page = new_page()
    page.goto(f"{site[0]}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator('[data-do="notify"]')).to_be_hidden()
