"""Home and the list of runs in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

import flights
from page_app import FlightsSource, PageApp, serve

pytestmark = pytest.mark.browser

CHOSEN = "&".join(
    f"column={name}" for name in ("run", "experiment", "started", "owner", "metric:train:auc", "param:rows")
)


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def site(source: FlightsSource) -> Iterator[tuple[str, PageApp]]:
    with serve(source) as served:
        yield served


def press(link: Locator) -> None:
    """Click a link and stay: it leads nowhere for the time of the click, within which no change can draw it anew."""
    link.evaluate("link => { link.removeAttribute('href'); link.click(); }")


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
    expect(page.locator(f".run-row[data-run='{flights.RUN}']")).to_contain_text("7 steps failed")
    expect(link).to_be_focused()


def test_failures_that_were_seen_stay_away(site: tuple[str, PageApp], page: Page) -> None:
    page.goto(site[0])
    expect(page.locator(".run-row.is-failed")).to_have_count(2)
    page.locator('[data-do="seen"]').click()
    expect(page.locator("#failed")).to_be_hidden()
    page.reload()
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator("#failed")).to_be_hidden()


def test_of_many_failures_the_first_that_were_not_seen_are_shown(
    site: tuple[str, PageApp], page: Page, source: FlightsSource
) -> None:
    failed = source.listed()[5]
    source.runs = [{**failed, "id": f"{flights.RUN[:-12]}{n:012x}"} for n in range(8)]
    page.goto(site[0])
    rows = page.locator(".run-row.is-failed:visible")
    expect(rows).to_have_count(5)
    first = rows.first.get_attribute("data-failed") or ""
    press(rows.first.locator("a").first)
    page.reload()
    expect(rows.first).not_to_have_attribute("data-failed", first)
    expect(rows).to_have_count(5)


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
    page.locator('.topbar input[name="q"]').fill("churn")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(3)


def test_the_list_is_sorted_and_filtered_without_a_script_too(
    site: tuple[str, PageApp], new_page: Callable[..., Page]
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{site[0]}/runs")
    page.locator("thead").get_by_role("link", name="Pipeline").click()
    expect(page).to_have_url(f"{site[0]}/runs?sort=pipeline")
    expect(page.locator("tbody tr").first).to_contain_text("churn-weekly")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("failed", exact=True).check()
    page.locator(".panel:visible button").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile("sort=pipeline"))
    page.locator("tbody .pick input").first.check()
    expect(page.locator(".bulk")).to_be_visible()
    page.get_by_role("button", name="Show only these").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_view_of_the_list_changes_in_place_and_the_back_button_takes_it_back(
    site: tuple[str, PageApp], page: Page
) -> None:
    page.goto(f"{site[0]}/runs")
    page.evaluate("window.stays = true")
    page.locator("thead").get_by_role("link", name="Pipeline").click()
    expect(page.locator("thead [aria-sort]")).to_have_text("Pipeline")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("rows", exact=True).check()
    page.locator(".panel:visible button").click()
    expect(page.locator("thead")).to_contain_text("rows")
    page.locator(".list input[type=search]").fill("nyc")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Runs: “nyc” – runreel")
    expect(page).to_have_url(re.compile("column=param%3Arows"))
    expect(page.locator("tbody tr")).to_have_count(4)
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(17)
    expect(page.locator(".list input[type=search]")).to_have_value("")
    page.go_back()
    expect(page.locator("thead")).not_to_contain_text("rows")
    page.go_back()
    expect(page.locator("thead [aria-sort]")).to_have_text("Started")
    assert page.evaluate("window.stays")
    page.go_forward()
    expect(page.locator("thead [aria-sort]")).to_have_text("Pipeline")


def test_chosen_runs_stay_chosen_over_pages_and_changes(
    site: tuple[str, PageApp], page: Page, source: FlightsSource
) -> None:
    page.goto(f"{site[0]}/runs")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    page.locator("tbody .pick input").nth(5).check()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    page.locator("tbody .pick input").nth(1).check()
    expect(page.locator('[data-out="chosen"]')).to_have_text("2 chosen")
    source.runs = source.listed()[1:]
    site[1].send("delta", {"patch": {}})
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody .pick input:checked")).to_have_count(1)
    page.get_by_role("button", name="Show only these").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody .pick input:checked")).to_have_count(2)
    page.get_by_role("button", name="None").click()
    expect(page.locator(".bulk")).to_be_hidden()


def test_a_change_leaves_alone_what_is_typed_and_open(
    site: tuple[str, PageApp], page: Page, source: FlightsSource
) -> None:
    page.goto(site[0])
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    page.get_by_text("Filter", exact=True).click()
    field = page.get_by_label("Experiment", exact=True).first
    field.fill("ni")
    source.runs = source.listed()[1:]
    site[1].send("delta", {"patch": {}})
    expect(page.locator(".run-row[data-run]")).to_have_count(2)
    expect(field).to_be_focused()
    expect(field).to_have_value("ni")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_times_are_the_readers(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> None:
    page = new_page(timezone_id="Asia/Tokyo")
    page.goto(site[0])
    since = page.locator(f".run-row[data-run='{flights.RUN}'] ~ .run-row time").first
    utc = (since.get_attribute("title") or "").split()[1]
    hour = (int(utc[:2]) + 9) % 24
    expect(since).to_have_text(re.compile(rf"^(\d+ \w+( \d+)?, )?{hour:02d}{utc[2:]}$"))  # it began on another day


def test_a_failure_that_was_opened_is_seen_in_all_tabs(site: tuple[str, PageApp], page: Page) -> None:
    page.goto(site[0])
    other = page.context.new_page()
    other.goto(site[0])
    press(other.locator("[data-failed] a").first)
    expect(page.locator(".run-row.is-failed:visible")).to_have_count(1)


def test_rows_are_walked_with_the_arrow_keys(site: tuple[str, PageApp], page: Page) -> None:
    page.goto(site[0])
    page.locator("tbody a").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("tbody tr").nth(1).locator("a")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".run-row.is-failed a").nth(2)).to_be_focused()


def test_the_boxes_of_the_rows_are_walked_too_and_enter_sends_nothing_off(
    site: tuple[str, PageApp], page: Page
) -> None:
    page.goto(f"{site[0]}/runs")
    boxes = page.locator('.pick input[name="id"]')
    boxes.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(boxes.nth(2)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(boxes.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(boxes.nth(1)).to_be_checked()
    expect(page).to_have_url(f"{site[0]}/runs")


def test_the_first_lines_can_be_copied(site: tuple[str, PageApp], page: Page, source: FlightsSource) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    source.runs = []
    page.goto(site[0])
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    page.evaluate(  # it says so for two seconds, within which a busy machine may not look
        """() => {
          window.said = new Set();
          const hear = (all) => all.forEach(({ target }) => said.add(target.textContent));
          new MutationObserver(hear).observe(document.body, { subtree: true, childList: true, characterData: true });
        }"""
    )
    page.get_by_role("button", name="Copy the command").click()
    page.wait_for_function("() => [...said].some((text) => text.trim() === 'Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == "runreel exec -- make all"


def test_what_is_printed_is_the_list_alone_in_dark_ink(
    site: tuple[str, PageApp], new_page: Callable[..., Page]
) -> None:
    page = new_page(color_scheme="dark")
    page.goto(f"{site[0]}/runs")
    page.emulate_media(media="print")
    expect(page.locator("tbody tr").first).to_be_visible()
    for part in (".find-form", ".pick", ".topbar .button"):
        expect(page.locator(part).first).to_be_hidden()
    expect(page.locator("body")).to_have_css("color", "rgb(26, 28, 31)")


def test_of_a_column_that_is_offered_the_whole_name_is_seen(
    site: tuple[str, PageApp], page: Page, source: FlightsSource
) -> None:
    names = [f"weather-of-all-airports:filled with the {name} before" for name in ("value", "hour", "day")]
    source.runs = [{**source.listed()[0], "metrics": dict.fromkeys(names, 1.0)}]
    page.goto(f"{site[0]}/runs")
    page.get_by_text("Columns", exact=True).first.click()
    for name in names:
        label = page.locator(f'label[title="metric:{name}"]')
        expect(label).to_be_visible()
        assert label.evaluate("one => one.scrollWidth <= one.clientWidth"), name


def test_nothing_scrolls_sideways_on_a_narrow_screen(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    for address in (
        "/",
        "/runs",
        f"/runs?{CHOSEN}",
        "/artifacts/a-clean",
        "/artifacts/a-profile",
        "/artifacts/a-confusion",
    ):
        page.goto(site[0] + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        if address == "/":
            expect(page.locator(".run-row > b.num").first).to_have_text(re.compile("%$"))
            expect(page.locator(".run-row > b.num").first).to_be_visible()
    page.goto(f"{site[0]}/runs?{CHOSEN}")
    expect(page.locator("thead")).to_contain_text("train: auc")
    expect(page.locator("tbody tr").first.get_by_text("0.87")).to_be_attached()
    assert page.locator("thead th:visible").count() == 8
