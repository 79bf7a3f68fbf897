"""The run page in a real Chromium: live, rewound, cut off, and what hands and keys do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import flights
from chromium import Watch
from page_app import FlightsSource, PageApp, serve

pytestmark = pytest.mark.browser

RUN = f"/runs/{flights.RUN}"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def site(source: FlightsSource) -> Iterator[tuple[str, PageApp]]:
    with serve(source) as served:
        yield served


@pytest.fixture
def opened(site: tuple[str, PageApp], new_page: Callable[..., Page]) -> Callable[..., Page]:
    """`opened(address, **options)` opens a page of the app and waits until it is connected.

    `site` comes first, so that it ends last: a page that still asks does not find it gone.
    """

    def make(address: str = RUN, **options: Any) -> Page:
        page = new_page(**{"timezone_id": "UTC", "viewport": {"width": 1440, "height": 900}, **options})
        page.goto(site[0] + address)
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        return page

    return make


def out(page: Page, name: str) -> Any:
    return page.locator(f'[data-out="{name}"]').first


def test_a_delta_changes_the_page_and_nothing_else_is_fetched(
    opened: Callable[..., Page], site: tuple[str, PageApp]
) -> None:
    page = opened()
    expect(page.locator("#log .log li").first).to_be_attached()
    expect(page.locator('.chart[data-key="train:loss"] output')).to_have_text("0.2624")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    patch = {
        "events": 50_000,
        "steps": {"train": {"progress": {"done": 270, "total": 300}}},
        "series": {"train": {"loss": {"count": 400, "last": 0.1234, "min": 0.1, "max": 1.0}}},
    }
    last = [{"time": flights.moment(820), "step": "train", "level": "WARNING", "text": "nearly there", "stream": "log"}]
    points = {"train:loss": {"at": [300], "time": [flights.moment(820)], "value": [0.1234]}}
    site[1].send("delta", {"patch": patch, "points": points, "lines": {"count": 1, "last": last}})
    expect(out(page, "record-note")).to_have_text("50,000 events")
    expect(page.locator('.node[data-step="train"] .dur')).to_have_text("90 %")
    expect(page.locator('.chart[data-key="train:loss"] output')).to_have_text("0.1234")
    expect(page.locator(".log li").last).to_contain_text("WARNING nearly there")
    assert [url for url in asked if url.endswith(("/graph", flights.RUN)) or "/logs" in url] == []


def test_a_new_step_appears_in_graph_and_timeline(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened()
    step = {
        **site[1].source.present["steps"]["evaluate"],
        "state": "RUNNING",
        "started": flights.at(815),
        "parents": ["publish"],
        "eta": None,
    }
    site[1].source.present["steps"]["notify"] = step
    site[1].send("delta", {"patch": {"steps": {"notify": step}}})
    expect(page.locator('.node[data-step="notify"]')).to_have_attribute("data-state", "RUNNING")
    expect(page.locator('.edges path[data-to="notify"]')).to_have_attribute("data-from", "publish")
    expect(page.locator('.lane[data-step="notify"] .bar')).to_be_attached()


def test_the_end_of_a_run_is_told_in_words_and_in_the_title(
    opened: Callable[..., Page], site: tuple[str, PageApp]
) -> None:
    page = opened()
    site[1].send("delta", {"patch": {"state": "SUCCEEDED", "finished": flights.at(830), "complete": True}})
    expect(page).to_have_title("Succeeded – nyc-flights – runreel")
    expect(out(page, "said")).to_have_text("The run succeeded: 2 failed")
    expect(out(page, "mode")).to_have_text("Ended")
    expect(out(page, "record")).to_have_text("complete")


def test_a_frame_that_does_not_fit_brings_a_snapshot(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened()
    app = site[1]
    app.source.present["events"] = 77_777
    app.position += 5
    app.streams[0].put(app._frame("delta", {"watch": "run", "from": "4", "position": "5", "patch": {"events": 1}}))
    expect(out(page, "record-note")).to_have_text("77,777 events")
    assert "t" not in app.asked[-1].partition("?")[2]


def test_a_cut_wire_is_told_and_the_page_goes_on_from_its_token(
    opened: Callable[..., Page], site: tuple[str, PageApp], watch: Watch
) -> None:
    watch.allow("ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION")
    page = opened()
    app = site[1]
    app.refuse_streams = True
    app.drop()
    expect(page.locator(".wire")).to_have_attribute("data-wire", "lost")
    expect(page.locator(".wire")).to_contain_text("trying again; it goes on from event 48,211")
    expect(out(page, "flag")).to_have_text("09:17:44")
    expect(out(page, "mode")).to_have_text("Waiting")
    expect(page.locator('.node[data-step="train"]')).to_be_visible()
    app.refuse_streams = False
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=20_000)
    assert "t0" in app.asked[-1]


def test_a_click_on_the_ruler_shows_the_run_as_it_was_and_live_returns(opened: Callable[..., Page]) -> None:
    page = opened()
    box = page.locator(".ruler").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 627 / 819, box["y"] + 30)
    expect(page.locator("body")).to_have_class("run-page is-past")
    expect(out(page, "elapsed")).to_have_text("10:27")
    expect(out(page, "wrong")).to_have_text("1 failed")
    expect(out(page, "artifacts")).to_have_text("10 of 12")
    expect(page.locator('.node[data-step="train"] .dur')).to_have_text("27 %")
    expect(page.locator(".log li").last).to_contain_text("09:14:3")
    assert "?at=2026-11-22T09:14:3" in page.url
    page.keyboard.press("l")
    expect(page.locator("body")).to_have_class("run-page")
    expect(out(page, "percent")).to_have_text("69 %")
    assert "at=" not in page.url


def test_the_run_goes_on_behind_the_past(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened(f"{RUN}?at={flights.at(627)}")
    site[1].send("delta", {"patch": {"events": 60_000}})
    expect(page.locator(".playhead")).to_have_attribute("aria-valuetext", "09:14:32")
    expect(out(page, "record-note")).to_have_text("first 36,909 events")
    page.locator(".past-note .button").click()
    expect(out(page, "record-note")).to_have_text("60,000 events")


def test_dragging_follows_the_hand_and_snaps_to_live_at_the_edge(opened: Callable[..., Page]) -> None:
    page = opened()
    head, ruler = page.locator(".flag").bounding_box(), page.locator(".ruler").bounding_box()
    assert head
    assert ruler
    page.mouse.move(head["x"] + head["width"] / 2, head["y"] + 9)
    page.mouse.down()
    for share in (0.9, 0.7, 0.5, 0.3):
        page.mouse.move(ruler["x"] + ruler["width"] * share, head["y"] + 9)
    expect(out(page, "clock")).to_have_text(re.compile("09:08:1[01]"))
    expect(out(page, "elapsed")).to_have_text(re.compile("4:0[56]"))
    page.mouse.move(ruler["x"] + ruler["width"] - 1, head["y"] + 9)
    page.mouse.up()
    expect(page.locator("body")).to_have_class("run-page")


def test_keys_move_the_playhead_and_leave_typing_alone(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator("body").press("Home")
    expect(out(page, "offset")).to_have_text("+0:00")
    page.keyboard.press("Shift+ArrowRight")
    expect(out(page, "offset")).to_have_text("+1:00")
    page.keyboard.press("ArrowRight")
    expect(out(page, "offset")).to_have_text("+1:05")
    page.keyboard.press("e")
    expect(out(page, "wrong")).to_have_text("1 failed")
    page.keyboard.press("/")
    page.keyboard.type("laec")
    expect(page.locator('#log input[type="search"]')).to_have_value("laec")
    expect(page.locator("body")).to_have_class("run-page is-past")
    page.locator("#log h2").click()
    page.keyboard.press("?")
    page.locator('[data-do="keys-off"]').check()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("body")).to_have_class("run-page is-past")


def test_a_link_to_the_moment_is_copied(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened(f"{RUN}?at={flights.at(627)}", permissions=["clipboard-read", "clipboard-write"])
    page.locator('[data-do="copy"]').click()
    expect(out(page, "copy")).to_have_text("Copied, at 09:14:32")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site[0]}{RUN}?at=2026-11-22T09:14:32Z"


def test_the_log_is_searched_filtered_and_stays_bounded(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened()
    rows = page.locator(".log li")
    expect(rows).to_have_count(200)
    page.locator('[data-do="log-level"]').select_option("ERROR")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("ERROR ValueError: Input X contains NaN")
    page.locator('[data-do="log-level"]').select_option("")
    page.locator('#log input[type="search"]').fill("imputed")
    expect(page.locator(".log mark")).to_have_text("imputed")
    page.locator('#log input[type="search"]').fill("")
    expect(rows).to_have_count(200)
    for n in range(30):
        last = [
            {"time": flights.moment(820 + n), "step": "train", "level": "INFO", "text": f"line {n}-{m}"}
            for m in range(50)
        ]
        site[1].send("delta", {"patch": {}, "lines": {"count": 50, "last": last}})
    expect(rows.last).to_contain_text("line 29-49")
    assert rows.count() <= 600


def test_new_lines_wait_while_the_reader_reads(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened()
    log = page.locator(".log")
    expect(log.locator("li")).to_have_count(200)
    log.evaluate("list => { list.scrollTop = 300; }")
    expect(page.locator('[data-do="follow"]')).to_have_attribute("aria-pressed", "false")
    before = log.evaluate("list => list.scrollTop")
    last = [{"time": flights.moment(820), "step": "train", "level": "INFO", "text": "fresh"}]
    site[1].send("delta", {"patch": {}, "lines": {"count": 1, "last": last}})
    expect(page.locator(".pill")).to_have_text("1 new line ↓")
    assert log.evaluate("list => list.scrollTop") == before
    page.locator(".pill").click()
    expect(page.locator('[data-do="follow"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".pill")).to_be_hidden()


def test_older_lines_come_when_the_reader_scrolls_up(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".log li")).to_have_count(200)
    page.locator(".log").evaluate("list => { list.scrollTop = 0; }")
    expect(page.locator(".log li")).to_have_count(400)
    expect(page.locator(".log li").first).to_contain_text("09:04:07")


def test_a_step_is_chosen_in_the_graph_and_with_the_keyboard(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator('.node[data-step="clean"]').click()
    expect(page.locator('.lane[data-step="clean"]')).to_have_attribute("aria-selected", "true")
    expect(page.locator('[data-do="log-step"]')).to_have_value("clean")
    page.locator('.node[data-step="plan"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator('.node[aria-selected="true"]')).to_have_attribute("data-step", "extract")
    assert page.locator('.node[tabindex="0"]').count() == 1


def test_pointing_at_a_chart_marks_the_moment_everywhere(opened: Callable[..., Page]) -> None:
    page = opened()
    box = page.locator('.chart[data-key="train:loss"] .plot').bounding_box()
    assert box
    expect(page.locator('.chart[data-key="train:loss"] small').first).not_to_be_empty()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    expect(page.locator(".head-layer")).to_have_class("head-layer has-cursor")
    expect(page.locator('.chart[data-key="extract:rows per s"] output')).to_have_text("–")
    page.mouse.move(5, 5)
    expect(page.locator('.chart[data-key="extract:rows per s"] output')).to_have_text("2,222")


def test_a_chart_is_drawn_and_opens_in_plotly(opened: Callable[..., Page]) -> None:
    page = opened()
    canvas = page.locator('.chart[data-key="train:loss"] canvas')
    expect(page.locator('.chart[data-key="train:loss"] small').first).not_to_be_empty()
    painted = """canvas => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((_, n) => n % 4 === 3 && data[n] && data[n - 1] > data[n - 3] + 60).length;
    }"""
    assert canvas.evaluate(painted) > 100, "a blue line"
    page.locator('.chart[data-key="train:loss"] .chart-open').click()
    expect(page.locator("#enlarged .js-plotly-plot .scatterlayer path.js-line")).to_be_attached(timeout=20_000)
    expect(out(page, "enlarged-note")).to_have_text("188 points")
    page.keyboard.press("Escape")
    expect(page.locator("#enlarged")).to_be_hidden()


def test_hostile_names_are_shown_as_text(
    opened: Callable[..., Page], source: FlightsSource, site: tuple[str, PageApp]
) -> None:
    source.present["pipeline"] = HOSTILE
    source.present["params"] = {HOSTILE: HOSTILE}
    page = opened()
    path = HOSTILE.replace("/", "%2F")
    step = {**source.present["steps"]["plan"], "parents": []}
    source.present["steps"][path] = step
    artifact = {**source.present["artifacts"]["a-clean"], "id": "evil", "name": HOSTILE, "type": HOSTILE}
    patch = {
        "steps": {path: step},
        "artifacts": {"evil": artifact},
        "series": {path: {HOSTILE: {"count": 1, "last": "NaN", "min": None, "max": None}}},
    }
    last = [{"time": flights.moment(820), "step": path, "level": HOSTILE, "text": HOSTILE + "\u202eevil"}]
    site[1].send("delta", {"patch": patch, "lines": {"count": 1, "last": last}})
    expect(page.locator(".node .clip", has_text="onerror")).to_be_attached()
    expect(page.locator(".log li").last).to_contain_text("onerror")
    expect(page.locator(".artifact .clip", has_text="onerror").first).to_be_attached()
    page.locator('[data-do="params"]').click()
    expect(page.locator("#params")).to_contain_text("onerror")
    assert page.locator("img[src='x']").count() == 0
    assert "runreel" in page.title()


def test_on_a_narrow_screen_the_regions_are_tabs_and_nothing_scrolls_sideways(opened: Callable[..., Page]) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    sideways = """() => document.documentElement.scrollWidth <= innerWidth
        && document.querySelector('.panes').scrollWidth <= innerWidth"""
    for n, region in enumerate(("graph", "metrics", "log", "artifacts")):
        page.locator('[role="tab"]').nth(n).click()
        expect(page.locator(f"#{region}")).to_be_visible()
        assert page.locator(".pane:visible").count() == 1
        assert page.evaluate(sideways), region
    small = page.evaluate(
        """() => [...document.querySelectorAll('.pane-tabs button, .transport .button, .topbar button, .is-open *')]
            .filter((e) => e.matches('button:not(.chart-open), .button, select, input') && e.offsetParent)
            .filter((e) => e.getBoundingClientRect().height < 36).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []


def test_light_or_dark_is_chosen_and_remembered(opened: Callable[..., Page]) -> None:
    page = opened(color_scheme="light")
    expect(page.locator(".log li")).to_have_count(200)
    expect(page.locator('.chart[data-key="train:loss"] small').first).not_to_be_empty()
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator('[data-do="theme"]').click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    expect(page.locator(".log li")).to_have_count(200)
    assert page.evaluate(background) == dark


def test_an_empty_run_says_what_would_fill_it(opened: Callable[..., Page], source: FlightsSource) -> None:
    source.present = {
        "id": flights.RUN,
        "state": "RUNNING",
        "started": flights.at(800),
        "steps": {},
        "pipeline": "hello",
    }
    page = opened()
    for region in ("graph", "metrics", "artifacts"):
        expect(page.locator(f'[data-empty="{region}"]')).to_be_visible()
    expect(out(page, "left")).to_have_text("–")
