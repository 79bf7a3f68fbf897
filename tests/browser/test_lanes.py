"""Lanes of steps of 3, 700 and 5,000 tasks in a real Chromium: now, at a moment, zoomed, and while they go on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Locator, Page, expect

from crowds import FAILING, SECOND, crowd
from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, START, Clock, Voice
from serving import Server, listening

pytestmark = pytest.mark.browser

LIVE = RUN[:-1] + "9"
LULL = RUN[:-1] + "8"
UNTIL = 200.0
"""Seconds after its start, of which the run that goes on has told."""

INK = """track => Object.fromEntries(Array.from(track.querySelectorAll('.lane-svg path'), (path) => {
  const { width, height } = path.getBoundingClientRect();
  return [path.dataset.state, [getComputedStyle(path).fill, width, height]];
}))"""


def lull() -> list[Event]:
    """A run of eight tasks side by side for ten seconds, and of two more, one after the other, in its last minute."""
    voice = Voice("d" * 32, Clock(), run=LULL)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="lull"))
    for group, seconds in ((range(8), 10), ((), 30), ((8,), 30), ((9,), 30)):
        for number in group:
            voice.start(f"task-{number}", f"{number:016x}")
        voice.clock.pass_(seconds)
        for number in group:
            voice.finish(f"task-{number}", f"{number:016x}", "SUCCEEDED")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    made = Server(tmp_path_factory.mktemp("lanes"), port=22_720)
    made.archive([*crowd(), *lull()])
    began = time.time_ns() // 1_000 - int(UNTIL * SECOND)
    made.archive(crowd(LIVE, start=began, until=UNTIL))
    return made


@pytest.fixture(scope="module")
def url(server: Server) -> Iterator[str]:
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


@pytest.fixture
def opened(url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(run: str = RUN, query: str = "", **options: object) -> Page:
        page = new_page(**{"viewport": {"width": 1440, "height": 900}, "timezone_id": "UTC", **options})
        page.goto(f"{url}/runs/{run}{query}")
        expect(page.locator(".wire")).to_have_attribute("data-wire", re.compile("ok|ended"))
        return page

    return make


def track(page: Page, step: str) -> Locator:
    return page.locator(f'.lane[data-step="{step}"] .track')


def reach(page: Page, bar: Locator) -> tuple[float, float]:
    """From when to when something in a lane reaches, in seconds of the run of 300 s."""
    box, whole = bar.bounding_box(), page.locator(".ruler").bounding_box()
    assert box
    assert whole
    first, last = ((edge - whole["x"]) / whole["width"] * 300 for edge in (box["x"], box["x"] + box["width"]))
    return round(first), round(last)


def test_a_lane_shows_its_extent_and_in_it_its_tasks_however_many(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(track(page, "load").locator(".is-thin")).to_have_count(3)
    assert reach(page, track(page, "load").locator(".is-ground")) == (0, 60)
    for step, span in (("shard-*", (60, 130)), ("trial-*", (140, 290))):
        expect(track(page, step).locator(".lane-svg path").first).to_be_attached()
        first, last = reach(page, track(page, step).locator(".is-ground"))
        assert abs(first - span[0]) <= 1
        assert abs(last - span[1]) <= 1
        assert track(page, step).locator("> *").count() < 10


def test_the_one_of_5000_that_failed_is_seen_in_light_and_in_dark(opened: Callable[..., Page]) -> None:
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        lane = track(page, "trial-*")
        expect(lane.locator(".tick.is-error")).to_have_count(1)
        began = 140 + FAILING // 50 * 1.5
        assert began <= reach(page, lane.locator(".tick.is-error"))[0] <= began + 2
        inks = lane.evaluate(INK)
        ink, width, height = inks["FAILED"]
        assert ink == page.locator('.node[data-step="trial-*"] [data-part="failed"]').evaluate(
            "() => { const i = document.body.appendChild(document.createElement('i')); i.style.color = 'var(--fail)';"
            " const found = getComputedStyle(i).color; i.remove(); return found; }"
        )
        assert width >= 2
        assert height >= 3
        assert inks["SUCCEEDED"][0] != ink


def test_a_lane_says_in_words_what_it_shows_at_the_moment(opened: Callable[..., Page], url: str) -> None:
    page = opened()
    words = "5,000 tasks from 09:02:20 to 09:04:49, 1 failed"
    expect(track(page, "trial-*")).to_have_attribute("aria-label", words)
    expect(page.locator('.lane[data-step="trial-*"]')).to_have_attribute("title", re.compile(f"{words}$"))
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 200 * SECOND)}")
    expect(track(page, "trial-*")).to_have_attribute("aria-label", re.compile("^[0-9,]+ tasks from 09:02:20 on$"))
    expect(track(page, "load")).to_have_attribute("aria-label", "3 tasks from 09:00:00 to 09:01:00")


def test_at_a_moment_what_ended_later_was_under_way(opened: Callable[..., Page]) -> None:
    page = opened(query=f"?at={iso(START + 200 * SECOND)}")
    lane = track(page, "trial-*")
    expect(lane.locator('.lane-svg path[data-state="RUNNING"]')).to_be_attached()
    expect(lane.locator(".is-ground")).to_have_attribute("data-state", "RUNNING")
    box = lane.locator('.lane-svg path[data-state="RUNNING"]').bounding_box()
    whole = page.locator(".ruler").bounding_box()
    assert box
    assert whole
    assert abs((box["x"] + box["width"] / 2 - whole["x"]) / whole["width"] * 300 - 200) < 3, "around the playhead"
    page.keyboard.press("End")
    expect(lane.locator('.lane-svg path[data-state="RUNNING"]')).not_to_be_attached()
    expect(lane.locator('.lane-svg path[data-state="FAILED"]')).to_be_attached()


def test_the_states_of_very_many_tasks_follow_the_playhead_without_another_layout(opened: Callable[..., Page]) -> None:
    page = opened()
    failed = page.locator('.node[data-step="trial-*"] .heat path[data-state="FAILED"]')
    expect(failed).to_be_attached()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/graph" in request.url else None)
    ruler = page.locator(".ruler").bounding_box()
    assert ruler
    page.mouse.click(ruler["x"] + ruler["width"] * 0.55, ruler["y"] + 5)
    expect(failed).not_to_be_attached()
    expect(page.locator('.node[data-step="trial-*"] .heat path[data-state="PENDING"]')).to_be_attached()
    assert asked == []


def test_zoomed_the_strip_is_as_fine_as_the_screen(opened: Callable[..., Page]) -> None:
    page = opened()
    shape = track(page, "trial-*").locator(".lane-svg")
    before = shape.get_attribute("style")
    page.mouse.move(700, 640)
    for _ in range(9):
        page.keyboard.press("+")
    expect(shape).not_to_have_attribute("style", before or "")
    columns = int((shape.get_attribute("viewBox") or "").split()[2])
    assert 200 < columns < 2_000


def test_zoomed_to_where_few_tasks_are_they_are_bars(opened: Callable[..., Page]) -> None:
    page = opened(LULL)
    lane = track(page, "task-*")
    expect(lane.locator(".lane-svg")).to_be_attached()
    for _ in range(6):
        page.keyboard.press("+")
    expect(lane.locator(".is-thin").first).to_be_attached()
    assert lane.locator(".is-thin").count() <= 2


def test_while_tasks_go_on_their_strip_reaches_to_the_edge(opened: Callable[..., Page]) -> None:
    page = opened(LIVE)
    lane = track(page, "trial-*")
    expect(lane.locator(".is-ground")).to_have_attribute("style", re.compile(r"--e:\s*var\(--end\)"))
    off = """lane => { const right = (one) => one.getBoundingClientRect().right;
        return right(lane.querySelector(".lane-svg")) - right(document.querySelector(".ruler")); }"""
    assert abs(lane.evaluate(off)) < 8
    expect(lane).to_have_attribute("aria-label", re.compile("^[0-9,]+ tasks from [0-9:]+ on"))
