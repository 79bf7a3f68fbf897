"""Home and the list of runs in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, PageApp, serve

pytestmark = pytest.mark.browser


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def site(source: FlightsSource) -> Iterator[tuple[str, PageApp]]:
    with serve(source) as served:
        yield served


def test_a_run_appears_by_itself(site: tuple[str, PageApp], page: Page, source: FlightsSource) -> None:
    runs, source.runs = source.listed(), []
    page.goto(site[0])
    expect(page.locator("#empty-title")).to_be_visible()
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    source.runs = runs
    site[1].send("delta", {"patch": {"runs": {flights.RUN: {}}}})
    expect(page.locator(".run-row[data-state='RUNNING']")).to_have_count(3)
    expect(page).to_have_title("3 running – runreel")


def test_the_focus_stays_where_it_was_when_the_list_changes(
    site: tuple[str, PageApp], page: Page, source: FlightsSource
) -> None:
    page.goto(site[0])
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    link = page.locator(f"a[href='/runs/{flights.RUN}']").first
    link.focus()
    source.runs = source.listed()[1:] + source.listed()[:1]
    source.runs[-1]["steps"]["FAILED"] = 7
    site[1].send("delta", {"patch": {}})
    expect(page.locator(f".run-row[data-run='{flights.RUN}']")).to_contain_text("7 failed")
    expect(link).to_be_focused()


def test_failures_that_were_seen_stay_away(site: tuple[str, PageApp], page: Page) -> None:
    page.goto(site[0])
    expect(page.locator(".run-row.is-failed")).to_have_count(2)
    page.locator('[data-do="seen"]').click()
    expect(page.locator("#failed")).to_be_hidden()
    page.reload()
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator("#failed")).to_be_hidden()


def test_a_failure_opens_at_its_moment(site: tuple[str, PageApp], page: Page, source: FlightsSource) -> None:
    failed = source.listed()[5]
    source.runs = [{**failed, "id": flights.RUN, "finished": flights.at(627)}]
    page.goto(site[0])
    page.get_by_role("link", name="Open at the failure").click()
    expect(page.locator("body")).to_have_class("run-page is-past")
    expect(page.locator('[data-out="percent"]')).to_have_text("53 %")


def test_the_list_is_searched_without_a_script_too(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(site[0])
    page.locator('input[name="q"]').fill("churn")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(3)


def test_nothing_scrolls_sideways_on_a_narrow_screen(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    for address in ("/", "/runs", "/artifacts/a-clean", "/artifacts/a-profile", "/artifacts/a-confusion"):
        page.goto(site[0] + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
