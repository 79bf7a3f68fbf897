"""What a head says of when and of what is wrong: the day, also on an artifact's page, and what has room."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, serve

pytestmark = pytest.mark.browser

RUN = f"/runs/{flights.RUN}"
WEEK, OVER = 7 * 86_400, 1185  # seconds; when the run ended
ZONE = "Asia/Kolkata"  # 5:30 before UTC


@pytest.fixture
def source() -> FlightsSource:
    made = FlightsSource(OVER)
    made.later = WEEK
    return made


@pytest.fixture
def site(source: FlightsSource) -> Iterator[str]:
    with serve(source) as (address, _):
        yield address


@pytest.fixture
def opened(site: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(address: str, width: int = 1440, *, script: bool = True) -> Page:
        page = new_page(viewport={"width": width, "height": 900}, timezone_id=ZONE, java_script_enabled=script)
        page.goto(site + address)
        if script and address.startswith(RUN):
            expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        return page

    return make


@pytest.mark.parametrize("width", [390, 721, 1024, 1440])
def test_the_head_of_a_run_of_another_day_says_the_day(opened: Callable[..., Page], width: int) -> None:
    page = opened(RUN, width)
    about = page.locator("[data-out='about']")
    expect(about).to_contain_text("started 22 Nov, 14:34:05 by etl")
    expect(about).to_have_attribute("title", re.compile("^started 2026-11-22 09:04:05 UTC by etl on"))
    ended = page.locator("[data-out='left-note']")
    expect(ended).to_have_text("ended 22 Nov, 14:53")
    expect(ended).to_have_attribute("title", "ended 22 Nov, 14:53:50 (2026-11-22 09:23:50 UTC)")
    assert ended.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_all_about_it_has_its_start_and_its_end(opened: Callable[..., Page]) -> None:
    page = opened(RUN)
    page.locator("[data-do='params']").click()
    for said in ("22 Nov, 14:34:05 (2026-11-22 09:04:05 UTC)", "22 Nov, 14:53:50 (2026-11-22 09:23:50 UTC)"):
        expect(page.locator("#params dd", has_text=said)).to_be_visible()


@pytest.mark.parametrize(
    ("at", "moment", "where"),
    [
        (flights.at(627), "22 Nov, 14:44:32", "9:18 before the end"),
        (flights.at(-600), "22 Nov, 14:24:05", "before its start"),
        ("2030-01-01T00:00:00Z", "22 Nov, 14:53:50", "the end"),
    ],
)
def test_the_moment_that_is_looked_at_has_its_day_and_its_place(
    opened: Callable[..., Page], at: str, moment: str, where: str
) -> None:
    page = opened(f"{RUN}?at={at}")
    expect(page.locator(".past-note > span")).to_have_text(f"You are looking at {moment} – {where}")
    for clock in (".past-note b", ".transport .clock"):
        expect(page.locator(clock)).to_have_attribute("title", re.compile(r"2026-11-22 \d\d:\d\d:\d\d UTC"))
    said = opened(f"{RUN}?at={at}", script=False).locator("[data-out='ago']")
    expect(said).to_have_text(where)


def test_an_artifacts_page_says_the_day_in_the_readers_zone(opened: Callable[..., Page]) -> None:
    page = opened(f"/artifacts/a-clean?at={flights.at(627)}")
    made = page.locator(".about .moment time")
    expect(made).to_have_text("22 Nov, 14:37:56")
    expect(page.locator(".past-note time")).to_have_text("22 Nov, 14:44:32")
    expect(page.locator(".past-note time")).to_have_attribute("title", "2026-11-22 09:14:32 UTC")


@pytest.mark.parametrize("width", [390, 721, 1024, 1440])
def test_the_bar_has_room_for_the_day(opened: Callable[..., Page], width: int) -> None:
    page = opened(f"{RUN}?at={flights.at(627)}", width)
    expect(page.locator(".past-note b")).to_have_text("22 Nov, 14:44:32")
    expect(page.locator("[data-do='theme']")).to_be_in_viewport(ratio=1)
    ends = page.locator("[data-out='left-note']")
    expect(ends).to_have_text("ends about 14:53:50")  # guessed on the day that is looked at
    assert page.locator(".past-note").evaluate("one => one.scrollWidth <= one.clientWidth")
    page = opened(f"/artifacts/a-clean?at={flights.at(627)}", width)
    expect(page.locator("[data-do='theme']")).to_be_in_viewport(ratio=1)


def test_an_artifact_that_failed_is_wrong_and_one_click_away(
    opened: Callable[..., Page], source: FlightsSource
) -> None:
    source.present = flights.state(1185)
    for step in source.present["steps"].values():
        step["state"] = "SUCCEEDED"
    source.present["artifacts"]["a-clean"] |= {"state": "failed", "reason": "no file is there"}
    page = opened(RUN)
    expect(page.locator("[data-out='wrong']")).to_have_text("1 artifact")
    note = page.get_by_role("link", name="failed: clean.parquet")
    expect(note).to_have_attribute("title", "failed: clean.parquet, no file is there")
    note.click()
    expect(page).to_have_url(re.compile("/artifacts/a-clean$"))


def test_the_head_has_room_for_many_sessions_and_for_what_failed_of_what(
    opened: Callable[..., Page], source: FlightsSource
) -> None:
    source.present = {**flights.state(1185), "state": "FAILED", "events": 10_542}
    source.present["sessions"] = {f"s{n}": {"said": 0, "closed": "x"} for n in range(61)}
    error = {"type": "pandas.errors.ValueError", "message": "x"}
    failed = {**source.present["steps"]["clean"], "state": "FAILED", "error": error}
    source.present["steps"] = {"work/job-2": failed}
    page = opened(RUN)
    expect(page.locator("[data-out='record-note']")).to_have_text("10,542 of 10,542 events, 61 sessions")
    expect(page.locator("[data-out='wrong-note']")).to_have_text("job-2: ValueError")
    expect(page.locator("[data-out='wrong-note']")).to_have_attribute("title", "work/job-2: pandas.errors.ValueError")
    notes = page.locator(".readouts small")
    assert notes.evaluate_all("all => all.filter((one) => one.scrollWidth > one.clientWidth).length") == 0
