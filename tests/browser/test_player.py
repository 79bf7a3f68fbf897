"""The player in a real Chromium, on a real server: it plays, is dragged, steps, zooms, and its page is a fold."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, Route, expect

from pasts import ended
from runreel import events as ev
from runreel.codec import iso
from runs import RUN, START, random_run
from serving import Server, listening
from support import wait_for

pytestmark = pytest.mark.browser

RANDOM = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d13"
GOING = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d14"
MOMENTS = 100


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("player"), port=22_200)
    server.archive(ended())
    server.archive(random_run(random.Random(7), run=RANDOM))
    server.archive([event for event in ended(GOING) if event.type not in (ev.RUN_FINISHED, ev.SESSION_CLOSED)])
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


@pytest.fixture
def opened(url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(run: str = RUN, query: str = "", **options: Any) -> Page:
        page = new_page(**{"viewport": {"width": 1440, "height": 900}, "timezone_id": "UTC", **options})
        page.goto(f"{url}/runs/{run}{query}")
        expect(page.locator(".wire")).to_have_attribute("data-wire", re.compile("ok|ended"))
        return page

    return make


def at(seconds: float) -> str:
    """The query of a moment."""
    return f"?at={iso(START + int(seconds * 1e6))}"


def clock(page: Page) -> Locator:
    return page.locator(".transport .clock")


def word(page: Page) -> Locator:
    return page.locator(".run-head .state-word")


def test_it_plays_from_the_beginning_to_the_end_and_stops_there(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(word(page)).to_have_text("Succeeded")
    page.locator('[data-speed="max"]').click()
    page.get_by_role("button", name="Play").click()
    expect(page.locator("body")).to_contain_class("is-past")
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "PENDING")
    expect(word(page)).to_have_text("Running")
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "RUNNING")
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=30_000)
    expect(word(page)).to_have_text("Succeeded")
    expect(page.locator("body")).not_to_contain_class("is-past")
    expect(page).not_to_have_url(re.compile("at="))


def test_the_past_is_made_ready_when_somebody_comes_near_the_player(opened: Callable[..., Page], url: str) -> None:
    """Once, and without a word of it being sent. That of a run which goes on is not made ready before."""
    page = opened(GOING)
    came: list[Response] = []
    page.on("response", lambda answer: came.append(answer) if answer.request.method == "HEAD" else None)
    page.locator(".timeline").hover()
    wait_for(lambda: page.evaluate("1") and len(came) == 2, what="its first and its last moment")
    page.locator(".run-head").hover()
    page.locator(".timeline").hover()
    page.locator(".playhead").focus()
    ready = f"{url}/api/v1/runs/{GOING}?at="
    assert [(answer.ok, answer.url.startswith(ready)) for answer in came] == [(True, True)] * 2


def test_the_past_of_what_has_ended_is_made_ready_before_anybody_asks(new_page: Callable[..., Page], url: str) -> None:
    page = new_page()
    with page.expect_response(lambda answer: answer.request.method == "HEAD") as found:
        page.goto(f"{url}/runs/{RUN}")
    assert found.value.ok


def test_space_plays_and_pauses_and_a_pause_keeps_the_moment(opened: Callable[..., Page]) -> None:
    page = opened()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator('[data-out="offset"]')).not_to_have_text("+0:00")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    stands = clock(page).text_content() or "no clock"
    expect(page).to_have_url(re.compile(f"at=[^&]*{stands}"))  # that of the pause: while it plays it is said less often
    page.reload()
    expect(clock(page)).to_have_text(stands)


def test_a_pause_keeps_the_moment_that_no_state_was_asked_for_yet(opened: Callable[..., Page]) -> None:
    page = opened()
    held: list[Route] = []
    page.route("**/delta?*", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks its handler, and cannot mark a bound method)
    with page.expect_request(re.compile(r"/delta\?")):
        page.keyboard.press(" ")
        expect(page.locator('[data-out="offset"]')).not_to_have_text("+0:00")
        page.keyboard.press(" ")
        stands = clock(page).text_content() or "no clock"
        expect(page).to_have_url(re.compile(f"at=[^&]*{stands}"))
    page.unroute("**/delta?*")  # what was held goes on
    expect(page.locator("body")).to_contain_class("is-past")
    expect(clock(page)).to_have_text(stands)


@pytest.mark.parametrize("query", ["", "?q=nothing"])
def test_where_answers_are_slow_the_playhead_waits_and_says_so(opened: Callable[..., Page], query: str) -> None:
    """Head and log are never far behind it, also where the log is searched, and no question is asked to be dropped."""
    page = opened(query=query)
    expect(page.locator('[data-speed="auto"]')).to_have_text("auto 2×")
    expect(page.locator("#log")).to_contain_text("No line")
    pace, dropped, held = page.locator('[data-out="pace"]'), list[str](), list[Route]()
    page.on("requestfailed", lambda request: dropped.append(request.url) if "/logs" in request.url else None)
    page.route("**/logs?*", lambda route: held.append(route))  # noqa: PLW0108 (as above)
    page.keyboard.press(" ")
    expect(pace).to_have_text("now 0×")
    stands = page.evaluate("Number(document.querySelector('.head-layer').style.getPropertyValue('--t'))")
    assert 0 < round(stands, 1) <= 1, "half a second at twice its pace"
    assert len(held) == 1
    page.unroute("**/logs?*")  # what was held goes on
    expect(pace).not_to_have_text(re.compile("now 0"))
    assert not dropped
    page.locator('[data-speed="max"]').click()
    expect(clock(page)).to_have_text("09:01:00")
    expect(pace).to_have_text("")


def test_dragging_rewinds_and_the_back_button_takes_it_back(opened: Callable[..., Page]) -> None:
    page = opened()
    box, head = page.locator(".ruler").bounding_box(), page.locator(".playhead").bounding_box()
    assert box
    assert head
    hand = head["y"] + head["height"] * 0.8
    page.mouse.move(head["x"] + 7, hand)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, hand, steps=8)
    assert "at=" not in page.url, "the address waits for the hand"
    page.mouse.up()
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "RUNNING")
    expect(page).to_have_url(re.compile("at="))
    first = page.url
    page.keyboard.press("ArrowLeft")
    expect(page).not_to_have_url(first)
    page.go_back()
    expect(page).to_have_url(first)
    page.go_back()
    expect(page.locator("body")).not_to_contain_class("is-past")
    expect(word(page)).to_have_text("Succeeded")


def test_keys_step_to_what_matters(opened: Callable[..., Page]) -> None:
    page = opened(query=at(1))
    page.keyboard.press("e")
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "FAILED")
    page.keyboard.press("s")
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "RUNNING")
    page.keyboard.press("A")
    expect(page.locator('[data-out="artifacts"]')).to_have_text("1")
    expect(page.locator('.node[data-step="extract"]')).to_have_attribute("data-state", "RUNNING")
    page.keyboard.press("A")
    expect(page.locator('[data-out="jump"]')).to_have_text("No artifact before this")
    expect(page.locator('[data-out="jump"]')).to_be_in_viewport()
    expect(page.locator('[data-out="jump"]')).to_have_text("")
    expect(page.locator('[data-out="errors"]')).to_have_text("1 error")


ITS_OWN = """() => {
  const at = (what) => document.activeElement.closest(what);
  if (at("input, select")) return "all";
  if (at(".node, .lanes")) return "arrows";
  return at(".pane-body, .log-wrap, .pane-tabs") ? "motion" : at("button, a, summary") ? "space" : "";
}"""


def test_the_keys_of_the_player_act_at_every_focus_stop_and_leave_it_its_own(opened: Callable[..., Page]) -> None:
    page = opened(query=at(24))
    stands = clock(page).text_content() or ""
    stops: list[str] = []
    page.locator("body").press("Tab")
    while page.evaluate("document.activeElement !== document.body") and len(stops) < 120:
        own = page.evaluate(ITS_OWN)
        stops.append(own)
        keys = {"e": own != "all", "Shift+ArrowLeft": own not in ("all", "motion"), "ArrowRight": own in ("", "space")}
        page.evaluate("window.stop = document.activeElement")
        for key, acts in keys.items():
            if acts or not page.evaluate("document.activeElement.matches('select, input')"):
                page.keyboard.press(key)
                moved = expect(clock(page), f"{key} at {page.evaluate('stop.outerHTML.slice(0, 160)')}")
                moved.not_to_have_text(stands) if acts else moved.to_have_text(stands)
                if acts:
                    page.go_back()
                    moved.to_have_text(stands)
            page.evaluate("stop.focus()")
        page.keyboard.press("Tab")
    assert len(stops) > 15
    assert {"all", "arrows", "motion", "space", ""} == set(stops)


def test_a_click_on_a_step_leaves_the_keys_alive(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator('.node[data-step="extract"]').click()
    page.keyboard.type("/tra")
    expect(page.locator(".find input")).to_be_focused()
    expect(page.locator(".find input")).to_have_value("tra")
    page.keyboard.press("Enter")
    node = page.locator('.node[data-step="train"]')
    expect(node).to_have_attribute("aria-selected", "true")
    expect(node).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator('.node[data-step="extract"]')).to_be_focused()
    expect(node).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator('.node[data-step="extract"]')).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("body")).to_contain_class("is-past")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator("body")).not_to_contain_class("is-past")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("e")
    page.get_by_label("Turn single keys off").check()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator("body")).not_to_contain_class("is-past")


def test_a_button_in_the_timeline_keeps_space_for_itself(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_role("button", name="8×", exact=True).focus()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="8×", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_zoomed_the_strip_keeps_the_whole_run_and_fit_returns(opened: Callable[..., Page]) -> None:
    page = opened(query=at(30))
    expect(page.locator(".brush")).to_be_hidden()
    page.get_by_role("button", name="Show less of the time").click(click_count=3)
    expect(page.locator(".brush")).to_be_visible()
    expect(page.locator(".ruler span").first).to_be_attached()
    span = "document.querySelector('.timeline').style.getPropertyValue('--span')"
    wait_for(lambda: float(page.evaluate(span)) == pytest.approx(60 / 1.5**3, rel=0.05))
    page.get_by_role("button", name="Show the whole run").click()
    expect(page.locator(".brush")).to_be_hidden()


def test_zoomed_a_drag_over_the_lanes_moves_the_part_that_they_show(opened: Callable[..., Page]) -> None:
    """And goes to no moment, and chooses no step; whole, it does nothing."""
    page = opened(query=at(30))
    left = page.locator(".timeline")

    def shown() -> float:
        return float(left.evaluate("one => one.style.getPropertyValue('--from')"))

    def drag(by: int) -> None:
        box = page.locator(".lanes .lane .track").first.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2  # not on the playhead
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + by / 2, y)
        page.mouse.move(x + by, y)
        page.mouse.up()

    page.get_by_role("button", name="Show less of the time").click(click_count=3)
    expect(page.locator(".brush")).to_be_visible()
    wait_for(lambda: shown() > 0, 10)
    before, address = shown(), page.url
    drag(100)
    wait_for(lambda: shown() < before - 0.5, 10)
    moved = shown()
    drag(-100)
    wait_for(lambda: shown() > moved + 0.5, 10)
    assert page.url == address
    expect(page.locator('.lane[aria-selected="true"]')).to_have_count(0)


def test_nothing_changes_its_place_when_the_mode_changes(opened: Callable[..., Page]) -> None:
    places = "[...document.querySelectorAll('.transport > *')].map(one => Math.round(one.getBoundingClientRect().left))"
    page = opened()
    expect(page.locator('[data-out="errors"]')).to_have_text("1 error")
    live = page.evaluate(places)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("body")).to_contain_class("is-past")
    assert page.evaluate(places) == live


def test_a_bar_has_the_state_that_it_had(opened: Callable[..., Page]) -> None:
    page = opened(query=at(10))
    bar = page.locator('.lane[data-step="extract"] .bar')
    expect(bar).to_have_attribute("data-state", "RUNNING")
    expect(page.locator('.lane[data-step="extract"]')).to_have_attribute("title", re.compile("^extract: running"))
    page.keyboard.press("End")
    expect(bar).to_have_attribute("data-state", "SUCCEEDED")


def test_on_a_narrow_screen_the_way_back_is_in_view_and_the_playhead_has_a_quiet_ring(
    opened: Callable[..., Page],
) -> None:
    page = opened(query=at(30), viewport={"width": 390, "height": 844})
    back = page.locator(".past-note .button").bounding_box()
    assert back
    assert back["x"] >= 0
    assert back["x"] + back["width"] <= 390
    page.locator("body").press("Home")
    expect(clock(page)).not_to_have_text("")
    page.locator(".playhead").focus()
    assert page.locator(".playhead").evaluate("one => getComputedStyle(one).outlineStyle") == "none"
    assert page.locator(".flag").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_the_link_to_a_moment_is_copied_also_from_the_end(opened: Callable[..., Page]) -> None:
    page = opened()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("c")
    expect(page.locator('[data-out="jump"]')).to_have_text(re.compile(r"^Copied: link to (\d+ \w+( \d+)?, )?09:01:00$"))
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"{re.escape(page.url)}\?at=2026-[0-9T:.-]+Z", link), link


def test_a_hundred_random_moments_are_folds_of_the_events_up_to_them(opened: Callable[..., Page], url: str) -> None:
    """The page goes from moment to moment by patches: each state is what the server folds afresh for that moment."""
    page = opened(RANDOM)
    span = page.evaluate("Number(document.querySelector('.timeline').style.getPropertyValue('--end'))")
    moves = random.Random(11)
    shown = page.evaluate(
        """async ([shares, span]) => {
          const base = document.querySelector('script[type=module]').src.replace(/js\\/.*/, 'js/');
          const [{ Rewind }, { Store }] = await Promise.all(
            ['player/rewind.js', 'core/store.js'].map((name) => import(base + name)));
          const data = JSON.parse(document.querySelector('#page-data').textContent);
          const store = new Store(data), rewind = new Rewind(store, { on() {}, set() {} }), seen = [];
          for (const share of shares) {
            rewind.look(store.start + share * span * 1e6);
            await rewind.loading;
            seen.push([store.past.at, JSON.stringify(store.past.state)]);
          }
          return seen;
        }""",
        [[moves.random() * 0.98 for _ in range(MOMENTS)], span],
    )
    assert len(shown) == MOMENTS
    for moment, state in shown:
        fresh = page.request.get(f"{url}/api/v1/runs/{RANDOM}?at={iso(moment)}").json()
        assert without_nulls(json.loads(state)) == without_nulls(fresh), iso(moment)


def without_nulls(value: Any) -> Any:
    """Absent and null mean the same."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return value
