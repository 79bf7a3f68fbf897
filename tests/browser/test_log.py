"""The log of a long run in a real Chromium, on a real server: what is in the page, scrolling, searching, places."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from runreel.codec import iso
from runreel_consumers.archive.lines import Span
from runreel_server.api import streams
from support import wait_for
from talkative import Talk, talking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LINES = 100_000
PATIENCE = 30_000  # milliseconds; how fast it is, is the benchmark's matter


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Talk, str]]:
    """A run of many lines that has ended, an error in every 10,000 of them; and the address of its page."""
    with talking(tmp_path_factory.mktemp("log")) as (server, address):
        made = Talk(server)
        made.many(LINES, errors=10_000)
        made.voice.finish("train", "e" * 16)
        made.store()
        made.end()
        yield made, address


@pytest.fixture
def opened(talk: tuple[Talk, str], new_page: Callable[..., Page]) -> Callable[..., Page]:
    """`opened(query)` opens the page and waits until it has lines."""

    def make(query: str = "", page: Page | None = None, **options: Any) -> Page:
        page = page or new_page(**{"timezone_id": "UTC", "viewport": {"width": 1440, "height": 900}, **options})
        page.set_default_timeout(PATIENCE)
        page.goto(talk[1] + query)
        expect(page.locator(".wire")).not_to_have_attribute("data-wire", "opening")
        expect(page.locator("#log")).to_have_class(re.compile("has-rail"))
        expect(page.locator(".log li").first).to_be_attached()
        return page

    return make


def numbers(page: Page) -> list[int]:
    """The numbers of the lines in the page."""
    texts = page.locator(".log li .log-text").all_text_contents()
    return [int(found.group(1)) for text in texts if (found := re.search(r"line (\d+)", text))]


def in_view(page: Page) -> list[int]:
    """The numbers of the lines that are in view."""
    found: list[str] = page.evaluate(
        """() => {
          const list = document.querySelector(".log"), box = list.getBoundingClientRect();
          return Array.from(list.querySelectorAll("li")).filter((row) => {
            const { top, bottom } = row.getBoundingClientRect();
            return bottom > box.top + 1 && top < box.bottom - 1;
          }).map((row) => row.querySelector(".log-text").textContent);
        }"""
    )
    return [int(text.split()[-1]) for text in found]


def settles(page: Page, check: Callable[[list[int]], bool]) -> list[int]:
    """Wait until what is in view is as it should be."""
    seen: list[int] = []

    def right() -> bool:
        seen[:] = in_view(page)
        return bool(seen) and check(seen)

    try:
        wait_for(right, timeout=PATIENCE / 1000)
    except AssertionError:
        raise AssertionError(f"{seen} is in view") from None
    return seen


def test_it_opens_at_the_end_and_two_screens_of_it_are_in_the_page(opened: Callable[..., Page]) -> None:
    page = opened()
    settles(page, lambda seen: seen[-1] == LINES - 1)
    expect(page.locator('#log [data-out="lines"]')).to_have_text("100,000")
    shown = numbers(page)
    assert shown == list(range(shown[0], LINES))
    assert len(shown) <= 3 * (len(in_view(page)) + 1), "a screen may be a line's part more than what is in view"


def test_scrolling_loads_what_comes_and_never_skips_a_line(opened: Callable[..., Page]) -> None:
    page = opened()
    settles(page, lambda seen: seen[-1] == LINES - 1)
    page.mouse.move(*middle(page))
    lowest, rolled = LINES, 0.0
    while lowest > LINES - 700:  # more than are asked for at once
        before = in_view(page)

        def lower(seen: list[int], before: list[int] = before) -> bool:
            nonlocal rolled
            if seen[0] == before[0] and time.monotonic() - rolled > 1.0:  # a slow page must not get ten at once
                page.mouse.wheel(0, -60)
                rolled = time.monotonic()
            return seen[0] < before[0]

        seen, rolled = settles(page, lower), 0.0
        assert seen[-1] >= before[0], "a screen was skipped"
        shown = numbers(page)
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        assert len(shown) <= 4 * len(seen)
        lowest = seen[0]
    page.mouse.wheel(0, 480)
    settles(page, lambda seen: seen[0] > lowest)


def middle(page: Page) -> tuple[float, float]:
    box = page.locator(".log").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_home_and_end_go_to_the_first_and_the_last_line(opened: Callable[..., Page]) -> None:
    page = opened()
    settles(page, lambda seen: seen[-1] == LINES - 1)
    page.locator(".log").focus()
    page.keyboard.press("Home")
    assert settles(page, lambda seen: seen[0] == 0)[1] == 1
    page.keyboard.press("PageDown")
    settles(page, lambda seen: seen[0] > 3)
    page.keyboard.press("End")
    settles(page, lambda seen: seen[-1] == LINES - 1)
    page.keyboard.press("ArrowUp")
    expect(page.locator(".log li.is-here .log-text")).to_have_text(f"ERROR line {LINES - 1}")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".log li.is-here .log-text")).to_have_text(f"line {LINES - 2}")


def rail(page: Page, share: float) -> tuple[float, float]:
    """A place on the rail, from 0 at its top to 1 at its bottom."""
    box = page.locator(".rail").bounding_box()
    assert box
    return box["x"] + 7, box["y"] + 10 + share * (box["height"] - 20)


def test_the_rail_has_the_errors_of_the_whole_log_and_leads_anywhere(opened: Callable[..., Page]) -> None:
    page = opened()
    errors = page.locator(".rail-errors")
    expect(errors).to_have_attribute("d", re.compile(r"^(M0 \d+h14){10}$"))
    page.mouse.click(*rail(page, 0.5))
    seen = settles(page, lambda seen: LINES * 0.45 < seen[0] < LINES * 0.55)
    minute = page.locator(".log li .log-when").first.inner_text()[:5]
    assert page.locator(".rail").get_attribute("title").startswith(minute), seen
    page.mouse.move(*rail(page, 0.5))
    page.mouse.down()
    page.mouse.move(*rail(page, 0.3))
    page.mouse.move(*rail(page, 0.1))
    page.mouse.up()
    settles(page, lambda seen: LINES * 0.05 < seen[0] < LINES * 0.15)
    page.mouse.click(*rail(page, 0))
    settles(page, lambda seen: seen[0] < LINES * 0.01)
    page.mouse.click(*rail(page, 1))
    settles(page, lambda seen: seen[-1] > LINES * 0.99)


def test_the_rail_is_counted_one_question_after_another_and_lines_come_first(
    opened: Callable[..., Page], new_page: Callable[..., Page]
) -> None:
    page = new_page()
    held: list[Route] = []
    page.route(re.compile(r"/density\?of=\w+&width=400"), lambda route: held.append(route))  # noqa: PLW0108
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url) if "/density" in request.url else None)
    opened(page=page)
    wait_for(lambda: page.evaluate("1") and held)
    assert "of=lines" in held[0].request.url
    with page.expect_request(re.compile("/logs.*level=ERROR")):
        page.locator('[data-do="log-level"]').select_option("ERROR")
    wait_for(lambda: page.evaluate("1") and given_up == [held[0].request.url])
    wait_for(lambda: page.evaluate("1") and len(held) == 2)
    held[1].continue_()
    wait_for(lambda: page.evaluate("1") and len(held) == 3)
    assert "of=errors" in held[2].request.url
    held[2].continue_()
    expect(page.locator(".rail-errors")).to_have_attribute("d", re.compile("M0"))


def test_levels_are_filtered_by_the_server(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_label("Level").select_option("ERROR")
    settles(page, lambda seen: seen == [10_000 * n - 1 for n in range(1, 11)])
    expect(page).to_have_url(re.compile("level=ERROR"))
    page.reload()
    settles(page, lambda seen: len(seen) == 10)
    expect(page.get_by_label("Level")).to_have_value("ERROR")


def test_a_search_says_how_far_it_is_and_marks_each_hit_on_the_rail(opened: Callable[..., Page]) -> None:
    page = opened()
    search = page.get_by_label("Search the log")
    search.fill("LINE 77777")
    settles(page, lambda seen: seen == [77_777])
    expect(page.locator(".log-note")).to_have_text("1 hit")
    expect(page.locator(".log mark")).to_have_text("line 77777")
    expect(page.locator(".rail-hits")).to_have_attribute("d", re.compile(r"^M0 7[67]\dh14$"))
    search.fill("line 5000")
    settles(page, lambda seen: seen[-1] == 50_009)
    expect(page.locator(".log-note")).to_have_text("11 hits")
    expect(page).to_have_url(re.compile(r"q=line\+5000"))
    search.fill("nothing is like this")
    expect(page.locator(".log-note")).to_have_text("No line is like that")
    expect(page.locator('[data-empty="log"]')).to_be_hidden()
    search.fill("")
    settles(page, lambda seen: seen[-1] == LINES - 1)
    expect(page.locator(".log-note")).to_be_hidden()
    expect(page.locator(".rail-hits")).to_have_attribute("d", "")


def test_a_search_that_takes_long_tells_how_many_lines_it_has_looked_at(
    opened: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened()
    monkeypatch.setattr(streams, "Span", lambda **given: Span(seconds=-1, **given))  # each slice ends as soon as it may
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)

    page.expose_function("told", tell)
    page.evaluate(
        """() => {
          const note = document.querySelector(".log-note");
          new MutationObserver(() => told(note.textContent)).observe(note, {childList: true});
        }"""
    )
    page.get_by_label("Search the log").fill("line 12345")
    settles(page, lambda seen: seen == [12_345])
    expect(page.locator(".log-note")).to_have_text("1 hit")
    looked = [
        int(found[1].replace(",", ""))
        for text in told
        if (found := re.search("0 hits · searched (.*) of 100,000", text))
    ]
    assert looked == sorted(set(looked))
    assert len(looked) > 2
    assert looked[-1] < LINES


def test_expressions_are_searched_on_the_server_and_a_bad_one_is_told_at_the_field(
    opened: Callable[..., Page], watch: Any
) -> None:
    watch.allow("400")
    page = opened()
    search, regex = page.get_by_label("Search the log"), page.get_by_label("Regular expression")
    regex.click()
    search.fill(r"line \d0{4}$")
    settles(page, lambda seen: seen == [10_000 * n for n in range(1, 10)])
    expect(page).to_have_url(re.compile("re=1"))
    search.fill("line (")
    expect(page.locator(".log-note")).to_have_text("regex='line (' is no expression that RE2 takes: missing ): line (")
    expect(search).to_have_attribute("aria-invalid", "true")
    assert in_view(page)[-1] == 90_000, "what was found stays"
    regex.click()
    expect(search).to_have_attribute("aria-invalid", "false")
    expect(page.locator(".log-note")).to_have_text("No line is like that")


def test_a_line_has_a_link_that_opens_there(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".rail-errors")).to_have_attribute("d", re.compile("h14$"))
    page.mouse.click(*rail(page, 0.25))
    seen = settles(page, lambda seen: LINES * 0.2 < seen[0] < LINES * 0.3)
    link = page.locator(".log li", has_text=re.compile(rf"line {seen[4]}$")).locator(".log-when")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    link.click()
    expect(page.locator(".log li.is-marked .log-text")).to_have_text(f"line {seen[4]}")
    assert re.search(r"\?line=\d+-a{32}-\d+-\d+$", page.url)
    expect(page.locator(".toast")).to_have_text("Copied: link to this line")
    assert page.evaluate("navigator.clipboard.readText()") == page.url

    other = opened(page.url[page.url.index("?") :])
    settles(other, lambda there: seen[4] in there)
    expect(other.locator(".log li.is-marked .log-text")).to_have_text(f"line {seen[4]}")
    page.go_back()
    settles(page, lambda seen: seen[-1] == LINES - 1)
    expect(page.locator(".log li.is-marked")).to_have_count(0)


def test_at_a_past_moment_it_ends_with_the_lines_up_to_then(
    opened: Callable[..., Page], talk: tuple[Talk, str]
) -> None:
    made = talk[0]
    gap = 8 * 60_000_000 // LINES
    first = made.voice.events[3].time - 499 * gap
    page = opened(f"?at={iso(first + 4_321 * gap)}")
    settles(page, lambda seen: seen[-1] == 4_321)
    page.locator('[data-do="live"]').first.click()
    settles(page, lambda seen: seen[-1] == LINES - 1)
    page.go_back()
    settles(page, lambda seen: seen[-1] == 4_321)
    page.get_by_label("Search the log").fill("line 43")
    settles(page, lambda seen: seen[-1] == 4_321)
    expect(page.locator(".log-note")).to_have_text("33 hits")


def test_what_is_shown_is_downloaded_as_text(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_label("Level").select_option("ERROR")
    settles(page, lambda seen: len(seen) == 10)
    with page.expect_download() as download:
        page.get_by_label("Download these lines as text").click()
    text = Path(download.value.path()).read_text()
    assert download.value.suggested_filename == "8f0b7d11.log"
    assert [line.split("line ")[1] for line in text.splitlines()] == [str(10_000 * n - 1) for n in range(1, 11)]


def test_a_download_is_of_the_lines_that_are_wanted_also_before_the_next_frame(opened: Callable[..., Page]) -> None:
    page = opened()
    leads: str = page.evaluate(
        """() => {
          const level = document.querySelector('[data-do="log-level"]');
          level.value = "ERROR";
          level.dispatchEvent(new Event("change"));
          return document.querySelector('#log [data-do="download"]').href;
        }"""
    )
    assert "level=ERROR" in leads


def test_before_the_first_line_the_rail_asks_for_no_time_that_goes_backwards(
    talk: tuple[Talk, str], new_page: Callable[..., Page]
) -> None:
    page = new_page()
    with page.expect_response(lambda answer: "/density?of=lines" in answer.url) as answered:
        page.goto(f"{talk[1]}?at=2020-01-01T00:00:00Z")
    assert answered.value.ok, answered.value.text()
    assert sum(answered.value.json()["total"]) == 0
