"""The step graph in a real Chromium, on a real server: folds, pan and zoom, tree, critical path, chosen step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, SECOND, START, Clock, Voice
from serving import Server, listening

pytestmark = pytest.mark.browser

BULK = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d15"
TASKS = 700  # more than a node has cells for
MANY = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d12"


def small() -> list[Event]:
    """plan -> extract-1..6 -> (train with three folds, check skipped) -> publish, which was never begun."""
    clock = Clock()
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    parts = [f"extract-{n}" for n in range(1, 7)]
    steps: dict[str, ev.GraphStep] = {"plan": ev.GraphStep(parents=[])}
    steps |= {part: ev.GraphStep(parents=["plan"]) for part in parts}
    steps |= {
        name: ev.GraphStep(parents=parents)
        for name, parents in (("train", parts), ("check", parts), ("publish", ["train", "check"]))
    }
    voice.say(ev.GRAPH, ev.Graph(steps=steps))
    for path, seconds, state in (
        ("plan", 1, "SUCCEEDED"),
        *((part, 2, "SUCCEEDED") for part in parts),
        ("check", 0, "SKIPPED"),
    ):
        voice.start(path, f"x-{path}")
        clock.pass_(seconds)
        voice.finish(path, f"x-{path}", state)
    voice.start("train", "x-train")
    for n in range(3):
        voice.start(f"train/fold-{n}", f"x-fold-{n}")
        voice.say(
            ev.LOGS,
            ev.Logs(time=[clock.now], level=["INFO"], text=[f"fold {n} began"]),
            subject=f"train/fold-{n}",
            execution=f"x-fold-{n}",
        )
        clock.pass_(3)
    return voice.events


def bulk() -> list[Event]:
    """700 tasks that are alike, one after the other, a tenth of a second each."""
    clock = Clock()
    voice = Voice("c" * 32, clock, run=BULK)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="bulk"))
    for n in range(TASKS):
        voice.start(f"part-{n}", f"x-{n}")
        clock.pass_(0.1)
        voice.finish(f"part-{n}", f"x-{n}")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    return voice.events


def large() -> list[Event]:
    """5,000 steps in 50 groups, each group after the one before."""
    clock = Clock()
    voice = Voice("b" * 32, clock, run=MANY)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="wide"))
    for group in range(50):
        steps = {
            f"stage{chr(97 + group // 26)}{chr(97 + group % 26)}/job-{n}": ev.GraphStep(parents=[]) for n in range(100)
        }
        voice.say(ev.GRAPH, ev.Graph(steps=steps))
    clock.pass_(5)
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("graph"), port=22_100)
    server.archive(small())
    server.archive(large())
    server.archive(bulk())
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


@pytest.fixture
def opened(url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(run: str = RUN, query: str = "", **options: Any) -> Page:
        page = new_page(**{"viewport": {"width": 1440, "height": 900}, **options})
        page.goto(f"{url}/runs/{run}{query}")
        expect(page.locator(".node").first).to_be_visible()
        return page

    return make


def node(page: Page, step: str) -> Locator:
    return page.locator(f'.node[data-step="{step}"]')


def test_like_tasks_unfold_where_they_stand_and_fold_again(opened: Callable[..., Page]) -> None:
    page = opened()
    folded = node(page, "extract-*")
    expect(folded).to_have_attribute("aria-expanded", "false")
    body = page.locator("#graph .pane-body")
    expect(body).to_have_css("scrollbar-width", "none")
    folded.locator(".fold").click()
    expect(node(page, "extract-4")).to_be_visible()
    expect(body).to_have_css("scrollbar-width", "thin")
    expect(folded).to_have_count(0)
    expect(page).to_have_url(re.compile(r"open=extract-(\*|%2A)"))
    node(page, "extract-2").locator(".fold").click()
    expect(folded).to_be_visible()
    expect(page).not_to_have_url(re.compile("open="))
    assert page.locator(".node[aria-selected=true]").count() == 0, "folding chooses nothing"


def test_a_link_opens_what_was_unfolded(opened: Callable[..., Page]) -> None:
    page = opened(query="?open=train,extract-*")
    expect(node(page, "train/fold-1")).to_be_visible()
    expect(node(page, "extract-6")).to_be_visible()
    expect(node(page, "train")).to_have_attribute("aria-expanded", "true")
    expect(node(page, "train/fold-1")).to_have_attribute("aria-level", "2")


def test_the_step_that_an_address_chose_is_in_view(opened: Callable[..., Page]) -> None:
    step = "stagebx/job-57"
    for query in (f"?step={step.partition('/')[0]}", f"?open=all&step={step}"):
        page = opened(MANY, query)
        chosen = page.locator('.node[aria-selected="true"]')
        expect(chosen).to_have_count(1)
        expect(chosen).to_be_in_viewport()


def test_a_chosen_step_filters_the_log_and_stands_in_the_address(opened: Callable[..., Page]) -> None:
    page = opened(query="?open=train")
    expect(page.locator(".log li")).to_have_count(3)
    node(page, "train/fold-1").click()
    expect(page.locator(".log li")).to_have_count(1)
    expect(page.locator(".log li")).to_contain_text("fold 1 began")
    expect(page).to_have_url(re.compile("step=train/fold-1"))
    page.go_back()
    expect(page.locator(".log li")).to_have_count(3)
    expect(node(page, "train/fold-1")).not_to_have_attribute("aria-selected", "true")


SIZES = """() => Array.from(document.querySelectorAll('.pane, .timeline'), (one) => {
  const box = one.getBoundingClientRect();
  return [one.id, box.top, box.height];
})"""
INSIDE = """() => {
  const view = document.querySelector('#graph .pane-body').getBoundingClientRect();
  return Array.from(document.querySelectorAll('.node'), (one) => one.getBoundingClientRect())
    .every(({ left, right, top, bottom }) =>
      left >= view.left && right <= view.right && top >= view.top && bottom <= view.bottom);
}"""


@pytest.mark.parametrize("width", [1440, 1024])
def test_unfolded_all_of_it_is_in_view_and_takes_no_room_from_other_regions(
    width: int, opened: Callable[..., Page]
) -> None:
    page = opened(viewport={"width": width, "height": 900})
    unfold, area = page.get_by_role("button", name="Unfold all"), page.locator("#graph .graph")
    before = page.evaluate(SIZES)
    unfold.click()
    expect(node(page, "train/fold-2")).to_be_visible()
    page.wait_for_function(INSIDE)
    assert page.evaluate(SIZES) == before
    again = opened(query=page.url[page.url.index("?") :], viewport={"width": width, "height": 900})
    expect(node(again, "train/fold-2")).to_be_visible()
    again.wait_for_function(INSIDE)
    assert again.evaluate(SIZES) == before
    unfold.click()
    expect(node(page, "extract-*")).to_be_visible()
    expect(area).to_have_attribute("style", re.compile(r"--zoom: ?1\.0"))
    assert page.evaluate(SIZES) == before


def test_the_timeline_is_as_high_as_its_lanes_and_leaves_the_rest_to_the_regions(opened: Callable[..., Page]) -> None:
    page, many = opened(), opened(MANY)
    room = "document.querySelector('.reel').clientHeight - 44 - 14 * document.querySelectorAll('.lane').length"
    assert 0 <= page.evaluate(room) < 28
    heights = [one.evaluate("document.querySelector('#log').offsetHeight") for one in (page, many)]
    assert heights[0] > heights[1]


def test_the_critical_path_is_marked_on_request(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".node.is-critical")).to_have_count(0)
    page.get_by_role("button", name="Critical path").click()
    said = page.locator('[data-out="critical"]')
    expect(said).to_have_text(re.compile("^4 steps, ≈ [0-9]"))
    expect(said).to_have_attribute("title", re.compile("a guess, which falls where"))
    for step in ("plan", "extract-*", "train", "publish"):
        expect(node(page, step)).to_contain_class("is-critical")
    expect(node(page, "check")).not_to_contain_class("is-critical")
    page.get_by_role("button", name="Critical path").click()
    expect(page.locator(".node.is-critical")).to_have_count(0)


def test_the_critical_path_of_what_has_ended_is_no_guess(opened: Callable[..., Page]) -> None:
    page = opened(BULK)
    page.get_by_role("button", name="Critical path").click()
    expect(page.locator('[data-out="critical"]')).to_have_text(re.compile("^1 step, [0-9]"))


def test_the_critical_path_is_asked_for_once_while_the_moment_moves(opened: Callable[..., Page]) -> None:
    page = opened(query=f"?at={iso(START + 30 * SECOND)}")
    held: list[Route] = []
    page.route("**/critical*", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks its handler, and cannot mark a bound method)
    page.get_by_role("button", name="Critical path").click()
    for _ in range(3):
        stands = page.url
        page.keyboard.press("ArrowLeft")
        expect(page).not_to_have_url(stands)
        expect(page.locator('[data-out="elapsed"]')).not_to_have_text("")
    assert len(held) == 1
    with page.expect_request(re.compile(r"/critical\?at=.*15")):  # the newest, and none between
        page.unroute("**/critical*")
    expect(page.locator('[data-out="critical"]')).to_contain_text("≈")


def test_the_arrows_walk_the_tree_and_open_it(opened: Callable[..., Page]) -> None:
    page = opened()
    node(page, "plan").focus()
    page.keyboard.press("ArrowDown")
    expect(node(page, "extract-*")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    expect(node(page, "plan")).to_be_focused()
    assert page.locator('.node[tabindex="0"]').count() == 1
    node(page, "train").focus()
    page.keyboard.press("ArrowRight")
    expect(node(page, "train/fold-0")).to_be_visible()
    expect(node(page, "train")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(node(page, "train/fold-0")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(node(page, "train")).to_be_focused()
    page.keyboard.press("[")
    expect(node(page, "train/fold-0")).to_have_count(0)


def test_of_five_thousand_nodes_only_what_is_in_view_is_in_the_page(opened: Callable[..., Page]) -> None:
    page = opened(MANY, "?open=all")
    unfold = page.get_by_role("button", name="Unfold all")
    expect(unfold).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".node").first).to_have_attribute("aria-setsize", "5050", timeout=20_000)
    expect(page.locator('[data-out="tasks"]')).to_have_text("5,000 steps")
    assert page.locator(".node").count() < 400
    body = page.locator("#graph .pane-body")
    body.evaluate("body => { body.scrollTop = 5000; }")
    expect(page.locator(".node[aria-posinset='130']")).to_be_visible(timeout=10_000)
    assert page.locator(".node").count() < 400
    page.get_by_role("button", name="Fit").click()
    page.wait_for_function("Number(getComputedStyle(document.querySelector('.graph')).getPropertyValue('--zoom')) < 1")


def test_following_a_small_graph_moves_nothing(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(node(page, "train")).to_have_attribute("data-state", "STALLED")
    body = page.locator("#graph .pane-body")
    assert body.evaluate("body => [body.scrollTop, body.scrollHeight - body.clientHeight]") == [0, 0]


def test_ctrl_and_the_wheel_zoom_at_the_pointer(opened: Callable[..., Page]) -> None:
    page = opened()
    target = node(page, "plan")
    before = target.bounding_box()
    assert before
    page.mouse.move(before["x"] + 10, before["y"] + 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, 100)
    page.keyboard.up("Control")
    expect(page.locator(".graph")).to_have_attribute("style", "--zoom: 0.6703;")
    after = target.bounding_box()
    assert after
    assert after["width"] == pytest.approx(before["width"] * 0.67, rel=0.02)


def test_on_a_narrow_screen_the_graph_is_a_list(opened: Callable[..., Page]) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    boxes = [one.bounding_box() for one in page.locator(".node").all()]
    assert len({box["x"] for box in boxes if box}) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_node_of_more_tasks_than_cells_is_of_the_moment_too(opened: Callable[..., Page]) -> None:
    """A cell for several tasks is counted by the server, so it is asked again when another moment is looked at."""
    half = bulk()[TASKS].time
    page = opened(BULK, f"?at={iso(half)}")
    note, cells = page.locator('.node [data-part="note"]'), page.locator('.node .heat path[data-state="PENDING"]')
    expect(note).to_have_text(re.compile(rf"^3[45]\d of {TASKS}$"))
    expect(cells).to_have_count(1)
    page.get_by_role("banner").get_by_role("link", name="Back to the end").click()
    expect(note).to_have_text(f"{TASKS} of {TASKS}")
    expect(cells).to_have_count(0)
    page.go_back()
    expect(note).to_have_text(re.compile(rf"^3[45]\d of {TASKS}$"))
    expect(cells).to_have_count(1)
