"""Pages on paper, in a real Chromium: light, whole, stamped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import flights
from chromium import Watch
from page_app import FlightsSource, serve
from support import wait_for

pytestmark = pytest.mark.browser

LIGHT = "rgb(255, 255, 255)"
CLIPPED = """() => Array.from(document.querySelectorAll(".pane-body, .log, .lanes, .reel, .panes, .grid, .viewer"))
  .filter((box) => box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY !== "visible")
  .map((box) => box.className)"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve(FlightsSource()) as (address, _):
        yield address


@pytest.fixture
def printed(site: str, new_page: Callable[..., Page]) -> Callable[[str], Page]:
    """Opens a page on a dark screen as it is printed."""

    def make(path: str) -> Page:
        page = new_page(color_scheme="dark", viewport={"width": 1440, "height": 900})
        page.goto(f"{site}{path}")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        return page

    return make


@pytest.mark.parametrize("path", [f"/runs/{flights.RUN}", "/", "/runs", "/artifacts/a-clean"])
def test_a_page_is_light_whole_and_stamped(printed: Callable[[str], Page], path: str) -> None:
    page = printed(path)
    expect(page.locator("body")).to_have_css("background-color", LIGHT)
    expect(page.locator(".stamp")).to_contain_text("Printed 20")
    expect(page.locator(".stamp")).to_contain_text(f"{path}")
    assert page.evaluate(CLIPPED) == []
    for control in (".topbar .button", ".find", ".pane-head .button"):
        assert page.locator(control).evaluate_all("found => found.filter((one) => one.offsetParent).length") == 0


def test_a_runs_stamp_says_its_state_at_the_moment_that_is_shown(printed: Callable[[str], Page]) -> None:
    page = printed(f"/runs/{flights.RUN}?at={flights.at(300)}")
    expect(page.locator(".stamp")).to_contain_text(f"Run {flights.RUN}, RUNNING at 2026-11-22 09:09:05 UTC.")
    for region in ("#graph", "#metrics", "#log", "#artifacts", ".timeline"):
        expect(page.locator(region)).to_be_visible()


OVERLAPS = """(width) => {
  dispatchEvent(new Event("beforeprint"));
  const ruler = document.querySelector(".ruler");
  ruler.style.width = `${width}px`;  // as the paper lays it out, when nothing is drawn any more
  const labels = [...ruler.children].map((one) => one.getBoundingClientRect());
  return [labels.length, labels.filter((one, n) => n && labels[n - 1].right > one.left).length];
}"""


@pytest.mark.parametrize("screen", [1024, 1440, 2560])
def test_the_rulers_labels_part_from_each_other_on_an_upright_page(
    site: str, new_page: Callable[..., Page], screen: int
) -> None:
    page = new_page(viewport={"width": screen, "height": 900})
    page.goto(f"{site}/runs/{flights.RUN}")
    expect(page.locator(".ruler span").nth(5)).to_be_attached()
    labels, overlaps = page.evaluate(OVERLAPS, 420)
    assert labels > 2
    assert overlaps == 0


INKED = """async (nth) => {
  const probe = document.body.appendChild(document.createElement("i")), copy = document.createElement("canvas");
  const inks = ["--run", "--ink-2"].map((one) => {
    probe.style.color = `var(${one})`;
    return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  });
  const canvas = document.querySelectorAll(".chart canvas")[nth ?? 0];
  copy.width = canvas.width; copy.height = canvas.height;
  probe.remove();
  if (!canvas.width) return 0;
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, copy.width, copy.height);
  let found = 0;
  for (let n = 0; n < data.length; n += 4) {
    if (data[n + 3] > 80 && inks.some((ink) => ink.every((one, k) => Math.abs(data[n + k] - one) < 6))) found += 1;
  }
  return found;
}"""


def test_charts_are_drawn_in_the_colours_of_paper_and_again_in_those_of_the_screen(
    printed: Callable[[str], Page],
) -> None:
    page = printed(f"/runs/{flights.RUN}")
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    wait_for(lambda: page.evaluate(INKED) > 20)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(INKED) > 20
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(INKED) > 20


UNSEEN = """() => [...document.querySelectorAll(".plot small:first-of-type")]
  .map((one, n) => one.textContent ? -1 : n).filter((n) => n >= 0)"""
EMPTY = """() => [...document.querySelectorAll('.artifact:not(.is-wide) .thumb')]
  .filter((one) => !one.firstChild).length"""
SAYS = """() => [...document.querySelectorAll(".chart .plot, .artifact:not(.is-wide) .thumb")]
  .map((one) => getComputedStyle(one, "::after").content).filter((said) => said !== "none")"""
LOW = {"width": 900, "height": 420}


def unprinted(site: str, page: Page) -> list[int]:
    """Open a run in a low window, and tell which charts were never in view."""
    page.add_init_script("window.print = () => { window.printed = (window.printed ?? 0) + 1; }")
    page.goto(f"{site}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator(".chart")).to_have_count(len(flights.SERIES))
    unseen: list[int] = page.evaluate(UNSEEN)
    assert len(unseen) > 2
    assert page.evaluate(EMPTY) > 2
    return unseen


@pytest.mark.parametrize("way", ["key", "medium"])
@pytest.mark.parametrize("size", [LOW, {"width": 390, "height": 844}], ids=["low", "narrow"])
def test_what_was_never_in_view_is_loaded_and_drawn_before_it_is_printed(
    site: str, new_page: Callable[..., Page], way: str, size: dict[str, int]
) -> None:
    page = new_page(viewport=size)
    unseen = unprinted(site, page)
    if way == "key":
        page.keyboard.press("Control+p")
        page.wait_for_function("() => window.printed === 1")
    else:
        page.emulate_media(media="print")
        wait_for(lambda: all(page.evaluate(INKED, n) > 20 for n in unseen) and not page.evaluate(EMPTY))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert [n for n in range(len(flights.SERIES)) if page.evaluate(INKED, n) <= 20] == []
    assert page.evaluate(EMPTY) == 0
    assert page.evaluate(SAYS) == []


def test_what_could_not_be_loaded_says_so_on_paper(site: str, new_page: Callable[..., Page], watch: Watch) -> None:
    watch.allow("net::ERR_FAILED")
    page = new_page(viewport=LOW)
    page.route("**/series?*", lambda route: route.abort())
    page.route("**/preview?*", lambda route: route.fulfill(status=200, json={"kind": "markdown", "text": "read"}))
    unseen = unprinted(site, page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    said = page.evaluate(SAYS)
    assert len(said) >= len(unseen)
    assert set(said) == {'"not loaded: scroll to it before printing"'}
