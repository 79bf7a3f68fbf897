"""The search box of the top bar in a real Chromium, on a real server: in a run, and among all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, SECOND, START, Clock, Voice, lines
from serving import showing

pytestmark = pytest.mark.browser

OTHER = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d22"
TABLE = "7" * 32


def said() -> list[Event]:
    """A run with 400 folded tasks, of which one trains; parameters, a metric, a table and a log of 3,000 lines."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly", experiment="delays"))
    voice.say(ev.PARAMS, {"learning_rate": 0.5})
    voice.say(ev.TAGS, {"owner": "maria"})
    tasks = {f"task-{n}": ev.GraphStep(parents=["train"]) for n in range(400)}
    voice.say(ev.GRAPH, ev.Graph(steps={"train": ev.GraphStep(parents=[]), **tasks}))
    voice.start("train", "e" * 16)
    at = voice.clock.now
    voice.say(ev.METRICS, ev.Metrics(name="loss", at=[0], time=[at], value=[0.25]), subject="train", execution="e" * 16)
    for start in range(0, 3_000, 500):
        lines(voice, *(f"line {n} of it" for n in range(start, start + 500)))
    voice.output("train", "e" * 16, "leaderboard", TABLE, type="Table", uri="s3://b/t")
    voice.finish("train", "e" * 16)
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    other = Voice("b" * 32, Clock(), run=OTHER)
    other.open()
    other.say(ev.RUN_STARTED, ev.RunStarted(pipeline="weekly"))
    other.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    with showing(tmp_path_factory.mktemp("find"), 22_400, said(), other.events) as address:
        yield address


@pytest.fixture
def opened(new_page: Callable[..., Page], url: str) -> Callable[..., Page]:
    def make(path: str = f"/runs/{RUN}", **options: object) -> Page:
        page = new_page(**{"viewport": {"width": 1440, "height": 900}, **options})
        page.goto(url + path)
        return page

    return make


def find(page: Page, text: str) -> Locator:
    """Type into the box as a reader does; answers the results."""
    page.locator("body").press("/")
    page.keyboard.type(text)
    return page.locator(".found").get_by_role("option")


def test_a_step_is_found_chosen_and_brought_into_view(opened: Callable[..., Page]) -> None:
    page = opened()
    found = find(page, "task-37")
    expect(found.first).to_have_text("task-37pending")
    expect(found.first).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox", name="Find in this run")).to_have_attribute("aria-activedescendant", "found-0")
    page.keyboard.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?step=task-37")
    expect(page.locator(".node:focus")).to_be_in_viewport()
    expect(page.locator(".found")).to_be_hidden()


def test_a_metric_opens_its_chart(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(find(page, "loss").first).to_have_text("train/loss0.25")
    page.keyboard.press("Enter")
    expect(page.locator("#enlarged")).to_be_visible()
    expect(page.locator("#enlarged-title")).to_have_text("train/loss")


def test_an_artifact_leads_to_its_page(opened: Callable[..., Page], url: str) -> None:
    page = opened()
    find(page, "leader").first.click()
    expect(page).to_have_url(f"{url}/artifacts/{TABLE}")


@pytest.mark.parametrize(("text", "shown"), [("learning", "learning_rate = 0.5"), ("maria", "owner = maria")])
def test_parameters_and_tags_open_the_sheet_that_has_them(opened: Callable[..., Page], text: str, shown: str) -> None:
    page = opened()
    expect(find(page, text).first).to_have_text(shown)
    page.keyboard.press("Enter")
    expect(page.locator("#params")).to_be_visible()


def test_a_line_is_found_by_the_server_and_gone_to(opened: Callable[..., Page]) -> None:
    page = opened("/runs/" + RUN + "?step=task-1&q=other")
    found = find(page, "LINE 17 of")
    expect(found).to_have_count(2)
    expect(found.first).to_contain_text("line 17 of it")
    page.keyboard.press("Enter")
    expect(page.locator("#log li.is-marked, #log li[aria-current]").first).to_contain_text("line 17 of it")
    expect(page.locator('#log input[type="search"]')).to_have_value("")


def test_the_whole_log_is_searched_on_request(opened: Callable[..., Page]) -> None:
    page = opened()
    find(page, "line 29").last.click()
    expect(page.get_by_label("Search the log")).to_have_value("line 29")
    expect(page.locator("#log-note")).to_contain_text("111 hits")


def test_what_is_not_there_is_said_and_escape_closes(opened: Callable[..., Page]) -> None:
    page = opened()
    found = find(page, "nothing like it")
    expect(found).to_have_count(1)  # the log itself
    expect(found).to_contain_text("Search the log")
    page.keyboard.press("Escape")
    expect(page.locator(".found")).to_be_hidden()
    expect(page.locator(".find input")).to_have_attribute("aria-expanded", "false")


def test_at_a_past_moment_only_what_was_there_is_found(opened: Callable[..., Page]) -> None:
    page = opened(f"/runs/{RUN}?at={iso(START + 2 * SECOND)}")
    expect(find(page, "leader").first).to_contain_text("Search the log")
    page.locator(".find input").fill("line 999")
    expect(page.locator(".found").get_by_role("option")).to_have_count(1)


def test_home_finds_runs_by_name_id_and_tag(opened: Callable[..., Page], url: str) -> None:
    page = opened("/")
    for text in ("nightl", "8f0b7d11", "maria", "delays"):
        page.locator(".find input").fill(text)
        expect(page.locator(".found").get_by_role("option")).to_have_count(1)
        expect(page.locator(".found").get_by_role("option")).to_contain_text("nightly 8f0b7d11")
        expect(page.locator(".find").get_by_role("status")).to_have_text("1 result")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/runs/{RUN}")


def test_home_without_a_result_says_so_and_submits(opened: Callable[..., Page], url: str) -> None:
    page = opened("/")
    find(page, "nothing")
    expect(page.locator(".find").get_by_role("status")).to_have_text("Nothing like “nothing”")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/runs?q=nothing")


@pytest.mark.parametrize("dismissed", ["Escape", "emptied"])
def test_enter_does_not_go_where_the_reader_dismissed_it(opened: Callable[..., Page], url: str, dismissed: str) -> None:
    page = opened("/")
    expect(find(page, "nightl")).to_have_count(1)
    if dismissed == "Escape":
        page.keyboard.press("Escape")
    else:
        page.locator(".find input").fill("")
    expect(page.locator(".found")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/runs?q={'nightl' if dismissed == 'Escape' else ''}")


@pytest.mark.parametrize("path", [f"/runs/{RUN}", "/"])
def test_the_box_fits_a_narrow_screen(opened: Callable[..., Page], path: str) -> None:
    page = opened(path, viewport={"width": 390, "height": 844})
    color = "getComputedStyle(document.querySelector('.find input'), '::placeholder').color"
    assert page.evaluate(color) == "rgba(0, 0, 0, 0)"  # no half of a word: a sign
    page.locator(".find input").click()
    assert page.evaluate(color) != "rgba(0, 0, 0, 0)"
    page.keyboard.type("l")
    expect(page.get_by_role("listbox")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator(".found").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
