"""Which line is whose, what a chart is called and how much room it takes, in a real Chromium, on a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from axe import serious
from runreel import events as ev
from runs import RUN, Clock, Voice
from serving import showing

pytestmark = pytest.mark.browser

FOLDS, POINTS = 16, 10
WEIGHTS = [f"model.encoder.layers.{n}.attention.self.query.weight" for n in (10, 11, 20)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run of 16 steps side by side whose losses are level, each at its number; three of them say more."""
    clock = Clock()
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    voice.start("extract", "x")
    voice.say(ev.METRICS, ev.Metrics(name="rows", time=[clock.now], value=[5021]), subject="extract", execution="x")
    voice.finish("extract", "x")
    begun = clock.now
    for fold in range(1, FOLDS + 1):
        path, execution = f"train/fold-{fold}", f"e{fold}"
        voice.start(path, execution)
        for name in ["train/loss", *(["val/loss", *WEIGHTS] if fold <= 3 else [])]:
            shift = fold * 1000  # the folds go on side by side
            times = [begun + shift + n * 1_000_000 for n in range(1, POINTS + 1)]
            value = [fold + (n if name == "val/loss" else 0) for n in range(POINTS)]
            said = ev.Metrics(name=name, at=list(range(POINTS)), time=times, value=value)
            voice.say(ev.METRICS, said, subject=path, execution=execution, time=times[-1], passes=0)
    clock.pass_(POINTS + 1)
    for fold in range(1, FOLDS + 1):
        voice.finish(f"train/fold-{fold}", f"e{fold}")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    with showing(tmp_path_factory.mktemp("lines"), 23_700, voice.events) as address:
        yield address


@pytest.fixture
def opened(url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(query: str, width: int = 1440, height: int = 900, **options: Any) -> Page:
        page = new_page(viewport={"width": width, "height": height}, **options)
        page.goto(f"{url}/runs/{RUN}{query}")
        if width <= 720:
            page.get_by_role("tab", name="Metrics").click()
        expect(page.locator(".chart small").first).not_to_be_empty()
        return page

    return make


def chart(page: Page, name: str) -> Locator:
    return page.locator(f'.chart[data-key="*:{name}"]')


def point(page: Page, at: Locator, across: float, up: float) -> None:
    """Point into a chart's plot, at shares of it."""
    box = at.locator(".plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * (1 - up))


def test_lines_in_one_chart_say_whose_they_are_and_what_they_are(opened: Callable[..., Page]) -> None:
    page = opened("?group=1&metric=val/loss")
    rows = chart(page, "val/loss").locator(".legend li")
    expect(rows).to_have_text(["fold-110", "fold-211", "fold-312"])
    expect(rows.first).to_have_attribute("title", "train/fold-1")
    looks = rows.locator("path").evaluate_all(
        "all => all.map((one) => one.getAttribute('stroke') + one.getAttribute('stroke-dasharray'))"
    )
    assert len(set(looks)) == 3
    words = "val/loss, 3 lines: train/fold-1 10, train/fold-2 11, train/fold-3 12"
    expect(chart(page, "val/loss").locator("canvas")).to_have_attribute("aria-label", words)
    point(page, chart(page, "val/loss"), 0.05, 0.1)
    expect(rows).to_have_text(["fold-11", "fold-22", "fold-33"])
    page.mouse.move(5, 5)
    expect(rows).to_have_text(["fold-110", "fold-211", "fold-312"])


def test_of_many_lines_those_nearest_to_the_pointer_are_named_and_the_others_counted(
    opened: Callable[..., Page],
) -> None:
    page = opened("?group=1&metric=loss")
    rows, others = chart(page, "train/loss").locator(".legend li"), chart(page, "val/loss").locator(".legend li")
    expect(rows.last).to_have_text(re.compile(r"^and \d+ more$"))
    named = rows.count() - 1
    expect(rows.last).to_have_text(f"and {FOLDS - named} more")
    expect(rows.first).to_have_text("fold-11")
    point(page, chart(page, "train/loss"), 0.5, 12 / 20)  # the axis reaches from 0 to 20
    expect(rows.first).to_have_text("fold-1212")
    expect(rows.first).to_have_class("is-front")
    point(page, chart(page, "train/loss"), 0.5, 3 / 20)
    expect(rows.first).to_have_text("fold-33")
    expect(others.filter(has_text="fold-3")).to_have_class("is-front")  # the same step, in the chart beside it


def test_of_many_lines_those_of_the_chosen_step_are_in_front(opened: Callable[..., Page]) -> None:
    page = opened("?group=1&metric=train/loss&step=train/fold-14")
    front = chart(page, "train/loss").locator(".legend .is-front")
    expect(front).to_have_text(["fold-1414"])
    page.get_by_role("button", name="show all").first.click()
    expect(front).to_have_count(0)
    expect(chart(page, "train/loss").locator(".legend li").first).to_have_text("fold-11")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_lines_with_their_names(opened: Callable[..., Page], scheme: str) -> None:
    page = opened("?group=1", color_scheme=scheme)
    expect(chart(page, "val/loss").locator(".legend li").first).to_be_visible()
    point(page, chart(page, "train/loss"), 0.5, 0.5)
    expect(chart(page, "train/loss").locator(".legend .is-front")).to_have_count(1)
    assert serious(page, "together") == []


def test_the_filter_finds_a_chart_by_a_step_that_has_a_line_in_it(opened: Callable[..., Page]) -> None:
    page = opened("?group=1")
    page.get_by_label("Filter the metrics").fill("fold-14")
    expect(page.locator(".chart")).to_have_count(1)
    expect(chart(page, "train/loss")).to_be_visible()


def test_a_chart_of_one_step_names_it_too(opened: Callable[..., Page]) -> None:
    page = opened("?group=1&metric=rows")
    expect(chart(page, "rows").locator(".legend li")).to_have_text("extract5,021")


def test_an_enlarged_chart_and_its_picture_name_the_lines(opened: Callable[..., Page]) -> None:
    page = opened("?group=1&metric=train/loss&smooth=0.5", color_scheme="dark")
    chart(page, "train/loss").locator(".chart-open").click()
    expect(page.locator("#enlarged .legendtext")).to_have_count(FOLDS, timeout=30_000)
    expect(page.locator("#enlarged .legendtext").first).to_have_text("fold-1")
    figure = page.locator('#enlarged [role="group"]')
    expect(figure).to_have_attribute("aria-label", re.compile(r"; train/fold-16: last 16, lowest 16, highest 16$"))
    strokes = page.locator("#enlarged .legendlines path.js-line").evaluate_all(
        "all => all.map((one) => one.style.stroke + one.style.strokeDasharray)"
    )
    assert len(set(strokes)) >= 15
    box = page.locator("#enlarged .nsewdrag").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    expect(page.locator("#enlarged .hovertext")).to_contain_text(re.compile(r"fold-\d+.*smoothed \d+.*value \d+"))
    assert serious(page, "enlarged") == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG", exact=True).click()
    picture = saved.value.path().read_text()
    assert all(f">fold-{fold}</text>" in picture for fold in range(1, FOLDS + 1))


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_names_have_room_and_tell_the_charts_apart(opened: Callable[..., Page], width: int) -> None:
    page = opened("", width)
    names = page.locator(".chart figcaption .clip")
    whole = names.evaluate_all("all => all.map((one) => one.title)")
    assert f"train/fold-3/{WEIGHTS[2]}" in whole
    expect(names.filter(has_text="…").first).to_be_visible()
    assert names.evaluate_all("all => all.filter((one) => one.scrollWidth > one.clientWidth).length") == 0
    shown = names.all_text_contents()
    assert len(set(shown)) == len(set(whole)) == len(shown)
    assert set(shown) & {"fold-1/train/loss", "train/fold-1/train/loss"}


def test_a_name_says_the_whole_of_itself_to_the_pointer(opened: Callable[..., Page]) -> None:
    page = opened("?metric=fold-1/val")
    name = page.locator(".chart figcaption .clip")
    expect(name).to_have_attribute("title", "train/fold-1/val/loss")
    name.click()  # which fails where something lies above it
    expect(page.locator("#enlarged-title")).to_have_text("train/fold-1/val/loss")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_chart_by_itself_takes_the_width_of_the_region(opened: Callable[..., Page], width: int) -> None:
    page = opened("?metric=fold-1/val", width)
    box, room = page.locator(".chart").bounding_box(), page.locator("#metrics .pane-body").bounding_box()
    assert box
    assert room
    assert box["width"] > room["width"] - 40
    assert 0.35 < box["height"] / box["width"] < 0.75


def test_charts_that_were_not_drawn_yet_have_words(opened: Callable[..., Page]) -> None:
    page = opened("?group=1", height=420)
    expect(page.locator(".chart.is-unread, .chart:not(:has(small:not(:empty)))").first).to_be_attached()  # not in view
    canvases = page.locator(".chart canvas")
    assert canvases.evaluate_all("all => all.filter((one) => !one.ariaLabel).length") == 0


def test_pointing_at_an_axis_of_indices_marks_the_index_in_every_chart(opened: Callable[..., Page]) -> None:
    page = opened("?x=at&metric=val/loss")
    values = page.locator(".chart output")
    expect(values).to_have_text(["12", "11", "10"])
    point(page, page.locator(".chart").first, 0.5, 0.5)
    expect(values).to_have_text(["7", "6", "5"])
    expect(page.locator(".head-layer")).to_have_class("head-layer has-cursor")
    page.mouse.move(5, 5)
    expect(values).to_have_text(["12", "11", "10"])


def test_a_smoothed_chart_says_its_smoothed_value_as_such(opened: Callable[..., Page]) -> None:
    page = opened("?metric=fold-1/val&smooth=0.5")
    expect(page.locator(".chart output")).to_have_attribute("title", "last 10, smoothed 9.01, lowest 1, highest 10")
