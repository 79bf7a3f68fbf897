"""The run page in a real Chromium: live, rewound, cut off, and what hands and keys do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import flights
from chromium import GONE, Watch
from page_app import FlightsSource, PageApp, serve
from support import wait_for

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
    caught_up = "() => performance.getEntriesByType('resource').some((one) => /logs.*after=/.test(one.name))"
    page.wait_for_function(caught_up)  # what was said between the page and its stream
    expect(page.locator('.chart[data-key="train:loss"] output')).to_have_text("0.2624")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    patch = {
        "events": 50_000,
        "steps": {"train": {"progress": {"done": 270, "total": 300}}},
        "series": {"train": {"loss": {"count": 400, "last": 0.1234, "min": 0.1, "max": 1.0}}},
    }
    last = [flights.said("nearly there", 820, level="WARNING")]
    points = {"train:loss": {"at": [300], "time": [flights.moment(820)], "value": [0.1234]}}
    site[1].send("delta", {"patch": patch, "points": points, "lines": {"count": 1, "last": last}})
    expect(out(page, "record-note")).to_have_text("50,000 of 50,000 events, 1 session")
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
    expect(page).to_have_title("✓ succeeded · nyc-flights")
    expect(out(page, "said")).to_have_text("The run succeeded: 2 failed")
    expect(out(page, "mode")).to_have_text("Ended")
    expect(out(page, "record")).to_have_text("complete")


def test_a_frame_that_does_not_fit_brings_a_snapshot(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened()
    app = site[1]
    app.source.present["events"] = 77_777
    app.stream.positions[f"run:{flights.RUN}"] += 5
    app.send("delta", {"patch": {"events": 1}})
    expect(out(page, "record-note")).to_have_text("77,777 of 77,777 events, 1 session")
    assert app.stream.asked[-1].after == ""


def test_a_cut_wire_is_told_and_the_page_goes_on_from_its_token(
    opened: Callable[..., Page], site: tuple[str, PageApp], watch: Watch
) -> None:
    watch.allow(GONE)
    page = opened()
    app = site[1].stream
    app.refuse = True
    app.drop()
    expect(page.locator(".wire")).to_have_attribute("data-wire", "lost")
    expect(page.locator(".wire")).to_contain_text("full, trying again; it goes on from event 48,211")
    expect(out(page, "flag")).to_have_text(re.compile("09:17:4"))
    seen = out(page, "flag").inner_text()
    expect(out(page, "wire")).to_have_text(re.compile(r"lost ([2-9]|\d\d) s ago"))
    expect(out(page, "flag")).to_have_text(seen)  # the last moment that was seen
    expect(out(page, "mode")).to_have_text("Waiting")
    expect(page.locator('.node[data-step="train"]')).to_be_visible()
    app.refuse = False
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=20_000)
    assert app.asked[-1].after == f"run:{flights.RUN}@0"


def test_a_click_on_the_ruler_shows_the_run_as_it_was_and_live_returns(opened: Callable[..., Page]) -> None:
    page = opened()
    box = page.locator(".ruler").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 627 / 819, box["y"] + 30)
    expect(page.locator("body")).to_have_class("run-page is-past")
    expect(out(page, "elapsed")).to_have_text(re.compile("10:(2[7-9]|3)"))  # the axis grows until the click
    expect(out(page, "wrong")).to_have_text("1 failed")
    expect(out(page, "artifacts")).to_have_text("10 of 12")
    expect(page.locator('.node[data-step="train"] .dur')).to_have_text("27 %")
    expect(page.locator(".log li").last).to_contain_text("09:14:3")
    expect(page).to_have_url(re.compile(r"\?at=2026-11-22T09:14:3"))
    page.keyboard.press("l")
    expect(page.locator("body")).to_have_class("run-page")
    expect(out(page, "percent")).to_have_text("69 %")
    expect(page).not_to_have_url(re.compile("at="))


def test_the_run_goes_on_behind_the_past(opened: Callable[..., Page], site: tuple[str, PageApp]) -> None:
    page = opened(f"{RUN}?at={flights.at(627)}")
    site[1].send("delta", {"patch": {"events": 60_000}})
    expect(page.locator(".playhead")).to_have_attribute("aria-valuetext", "09:14:32")
    expect(out(page, "record-note")).to_have_text("first 36,909 events")
    page.locator(".past-note .button").click()
    expect(out(page, "record-note")).to_have_text("60,000 of 60,000 events, 1 session")


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
    expect(page.locator(".find input")).to_have_value("laec")
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
    expect(out(page, "jump")).to_have_text("Copied: link to 09:14:32")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site[0]}{RUN}?at=2026-11-22T09:14:32Z"


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


@pytest.mark.parametrize("width", [390, 1024, 1440])
@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
def test_keys_go_to_the_regions_whatever_is_in_them(
    opened: Callable[..., Page], source: FlightsSource, width: int, full: bool
) -> None:
    if not full:
        source.present = {**source.present, "artifacts": {}, "series": {}}
    page = opened(viewport={"width": width, "height": 700})
    expect(page.locator(".node").first).to_be_attached()
    for key, region in zip("12342", ("graph", "metrics", "log", "artifacts", "metrics"), strict=True):
        page.keyboard.press(key)
        expect(page.locator(f"#{region}:focus, #{region} :focus")).to_be_in_viewport(ratio=0.1)


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
    wait_for(lambda: canvas.evaluate(painted) > 100, what="a blue line")
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
    last = [flights.said(HOSTILE + "\u202eevil", 820, path, HOSTILE)]
    site[1].send("delta", {"patch": patch, "lines": {"count": 1, "last": last}})
    expect(page.locator(".node .clip", has_text="onerror")).to_be_attached()
    expect(page.locator(".log li").last).to_contain_text("onerror")
    expect(page.locator(".artifact .clip", has_text="onerror").first).to_be_attached()
    page.locator('[data-do="params"]').click()
    expect(page.locator("#params")).to_contain_text("onerror")
    assert page.locator("img[src='x']").count() == 0
    assert page.title() == f"69 % · {HOSTILE}"


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


BEYOND = """() => [...document.querySelectorAll(
    ".topbar *, .run-head > *, .transport > *, .transport .button, .pane-head .button, .pane-head .field")]
  .filter((one) => one.offsetParent && one.getBoundingClientRect().width > 1 && !one.closest(".visually-hidden"))
  .filter((one) => {
    const room = (one.closest(".pane") ?? document.body).getBoundingClientRect();
    return one.getBoundingClientRect().right > room.right;
  })
  .map((one) => one.outerHTML.slice(0, 90))"""


CUT = """() => [...document.querySelectorAll(
    ".readouts small, .readouts .line, .node .dur, .node .clip, .about-line *, .params dt, .params dd")]
  .filter((one) => {
    if (!one.offsetParent || one.offsetTop >= one.offsetParent.clientHeight) return false;
    const list = one.closest(".params")?.getBoundingClientRect(), box = one.getBoundingClientRect();
    if (list && box.top >= list.bottom) return false;
    return one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 || list && box.right > list.right;
  }).map((one) => `${one.className}: ${one.textContent}`)"""


@pytest.mark.parametrize("width", [390, 721, 1024, 1180, 1440])
def test_no_page_of_a_run_scrolls_sideways_and_all_that_is_pressed_is_in_view(
    opened: Callable[..., Page], source: FlightsSource, width: int
) -> None:
    page = opened(viewport={"width": width, "height": 800})
    for kind in ("live", "past", "failed"):
        if kind == "failed":
            source.present = {**source.present, "state": "FAILED", "finished": flights.at(flights.NOW), "eta": None}
            for step in ("evaluate", "report", "publish"):
                source.present["steps"][step]["state"] = "SKIPPED"
        page.goto(page.url.partition("?")[0] + (f"?at={flights.at(500)}" if kind == "past" else ""))
        word = {"live": "Running", "past": "Running", "failed": "Failed"}[kind]
        expect(page.locator(".run-head .state-word")).to_have_text(word)
        expect(page.locator("[data-out='errors']")).not_to_be_empty()
        sizes = page.evaluate("['html', '.panes', '.transport'].map((one) => document.querySelector(one).scrollWidth)")
        assert max(sizes) <= width, kind
        assert page.evaluate(BEYOND) == [], kind
        assert page.evaluate(CUT) == [], kind


def test_a_narrow_screen_has_a_place_for_all_of_the_head(opened: Callable[..., Page]) -> None:
    page = opened(f"{RUN}?at={flights.at(500)}", viewport={"width": 390, "height": 844})
    expect(page.locator(".params")).to_contain_text("hist-gbdt")
    expect(page.locator(".params .fact").first).to_be_visible()
    for name in ("all about it", "raw events", "Tell me when it ends"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport()
    page.get_by_label("Find in this run").fill("val_auc")
    expect(page.locator(".found [role=option]").first).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_light_or_dark_is_chosen_and_remembered(opened: Callable[..., Page]) -> None:
    page = opened(color_scheme="light")
    expect(page.locator(".log li").last).to_be_in_viewport()
    expect(page.locator('.chart[data-key="train:loss"] small').first).not_to_be_empty()
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator('[data-do="theme"]').click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    expect(page.locator(".log li").last).to_be_in_viewport()
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
