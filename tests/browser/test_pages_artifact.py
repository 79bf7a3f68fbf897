"""Artifacts in a real Chromium: each viewer, and what an artifact's own scripts cannot reach."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from chromium import Watch
from page_app import CONTENT, FlightsSource, serve

pytestmark = pytest.mark.browser


@pytest.fixture
def site() -> Iterator[str]:
    with serve(FlightsSource()) as (address, _):
        yield address


def test_rows_of_a_table_come_by_page_and_by_number(site: str, page: Page) -> None:
    page.goto(f"{site}/artifacts/a-clean")
    expect(page.locator('[data-out="rows"]')).to_have_text("rows 1–100 of 1,000")
    page.locator('[data-do="rows-after"]').click()
    expect(page.locator('[data-out="rows"]')).to_have_text("rows 101–200 of 1,000")
    expect(page.locator(".grid tbody tr").first).to_contain_text("N00100")
    page.locator('input[name="row"]').fill("990")
    page.keyboard.press("Enter")
    expect(page.locator('[data-out="rows"]')).to_have_text("rows 990–1,000 of 1,000")
    expect(page.locator(".grid tbody tr").last).to_contain_text("N00999")


def test_a_page_of_rows_looks_the_same_from_the_server_and_from_the_module(site: str, page: Page) -> None:
    page.goto(f"{site}/artifacts/a-clean?row=1")
    rendered = page.locator(".grid tbody").inner_text()
    page.locator('[data-do="rows-after"]').click()
    expect(page.locator(".grid tbody tr").first).to_contain_text("N00100")
    page.locator('[data-do="rows-before"]').click()
    expect(page.locator(".grid tbody tr").first).to_contain_text("N00000")
    assert page.locator(".grid tbody").inner_text() == rendered


def test_html_runs_its_scripts_where_they_reach_nothing(site: str, page: Page, watch: Watch) -> None:
    watch.allow("Unsafe attempt|Blocked|SecurityError")
    page.goto(f"{site}/artifacts/a-profile")
    frame = page.frame_locator("iframe")
    expect(frame.locator("h1")).to_have_text("Flights 2013")
    inner = page.frames[1]
    assert inner.evaluate("document.title") == "ran"
    assert inner.evaluate("origin") == "null"
    assert inner.evaluate("(() => { try { return top.document.title } catch { return 'refused' } })()") == "refused"
    assert inner.evaluate("(() => { try { return document.cookie } catch { return 'refused' } })()") == "refused"
    assert page.title() == "profile.html – runreel"


def test_a_plotly_figure_is_drawn_in_the_pages_colours(site: str, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{site}/artifacts/a-figure")
    expect(page.locator(".js-plotly-plot .bars path").first).to_be_attached(timeout=20_000)
    assert (
        page.locator(".js-plotly-plot .ytick text").first.evaluate("e => getComputedStyle(e).fill")
        == "rgb(178, 183, 190)"
    )


def test_an_image_is_shown(site: str, page: Page) -> None:
    page.goto(f"{site}/artifacts/a-hours")
    expect(page.locator(".picture img")).to_be_visible()
    assert page.locator(".picture img").evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_picture_that_is_none_says_so(site: str, page: Page) -> None:
    page.route("**/a-hours/content", lambda route: route.fulfill(body=b"none", content_type="image/png"))
    page.goto(f"{site}/artifacts/a-hours")
    expect(page.locator(".picture")).to_contain_text("could not be shown")
    expect(page.locator(".picture img")).to_be_hidden()


def test_names_in_a_zip_are_whole(site: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for end in ("weights.bin", "optimizer.bin"):
            archive.writestr(f"{'checkpoints/epoch-17/' * 6}{end}", "x" * 2_000)
        archive.writestr("<b>x", "")
    monkeypatch.setitem(CONTENT, "a-baseline", ("application/zip", buffer.getvalue()))
    page.goto(f"{site}/artifacts/a-baseline")
    expect(page.locator(".grid thead th").first).to_have_text("3 files inside")
    expect(page.locator(".grid tbody tr").last).to_contain_text("<b>x")
    names = page.locator(".grid tbody td:first-child")
    assert names.evaluate_all("all => all.map((one) => one.scrollWidth > one.clientWidth)") == [False] * 3


def test_markdown_is_text_with_its_form(site: str, page: Page) -> None:
    page.goto(f"{site}/artifacts/a-card")
    expect(page.locator(".prose h1")).to_have_text("Flights 2013")
    expect(page.locator(".prose")).to_contain_text("<script>alert(1)</script>")
    assert page.locator(".prose a").evaluate_all("links => links.map(a => a.href)") == ["https://example.org/"]


def test_the_moment_that_it_was_made_is_a_link_to_the_run(site: str, page: Page) -> None:
    page.goto(f"{site}/artifacts/a-confusion")
    page.get_by_role("link", name="Go to this moment").click()
    expect(page.locator("body")).to_have_class("run-page is-past")
    expect(page.locator('[data-artifact="a-confusion"]')).to_be_visible()
