"""Pages in a Chromium that keeps nothing for the site: asking it for its storage throws."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, serve

pytestmark = pytest.mark.browser

BLOCKED = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });
}"""


@pytest.fixture
def site() -> Iterator[str]:
    with serve(FlightsSource()) as (address, _):
        yield address


@pytest.fixture
def opened(site: str, new_page: Callable[..., Page]) -> Callable[[str], Page]:
    """`opened("/runs")` opens a page of the flights where storage is blocked; `site` comes first, so it ends last."""

    def make(path: str) -> Page:
        page = new_page()
        page.add_init_script(BLOCKED)
        page.goto(site + path)
        return page

    return make


def test_home_is_live_and_what_was_seen_is_for_this_page(opened: Callable[[str], Page]) -> None:
    page = opened("/")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator(".run-row.is-failed:visible")).to_have_count(2)
    page.locator('[data-do="seen"]').click()
    expect(page.locator("#failed")).to_be_hidden()


def test_runs_of_the_list_are_chosen(opened: Callable[[str], Page]) -> None:
    page = opened("/runs")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    page.locator("tbody .pick input").first.check()
    expect(page.locator('[data-out="chosen"]').first).to_have_text("1 chosen")


def test_a_run_page_is_live(opened: Callable[[str], Page]) -> None:
    page = opened(f"/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    wrap = page.get_by_label("Wrap long lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")


def test_a_table_of_an_artifact_is_paged(opened: Callable[[str], Page]) -> None:
    page = opened("/artifacts/a-clean")
    page.locator('[data-do="rows-after"]').click()
    expect(page.locator('[data-out="rows"]')).to_have_text("rows 101–200 of 1,000")
