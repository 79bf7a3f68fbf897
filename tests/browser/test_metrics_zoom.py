"""Charts that are zoomed, in a real Chromium, on a real server: the line of the part is that of all its points."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from runreel import events as ev
from runs import RUN, Clock, Voice
from serving import showing
from support import wait_for

pytestmark = pytest.mark.browser

POINTS = 20_000
SHOWN = """() => {
  const figure = document.querySelector('[data-out="figure"]'), [from, to] = figure.layout.xaxis.range;
  return figure.data[0].x.filter((x) => x >= from && x <= to).length / (to - from);
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run with one curve of many points, each at its index."""
    clock = Clock()
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    voice.start("train", "t")
    for first in range(0, POINTS, 1000):
        at = list(range(first, first + 1000))
        said = ev.Metrics(name="loss", at=at, time=[clock.now + n * 10_000 for n in at], value=[*map(float, at)])
        voice.say(ev.METRICS, said, subject="train", execution="t", passes=0)
    clock.pass_(POINTS / 100 + 1)
    voice.finish("train", "t")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    with showing(tmp_path_factory.mktemp("zoom"), 23_750, voice.events) as address:
        yield address


def zoomed(page: Page, url: str, axis: str) -> dict[str, float]:
    """Open the run, and zoom to a fiftieth of its curve; answer where the plot is."""
    page.goto(f"{url}/runs/{RUN}?x={axis}")
    expect(page.locator(".chart small").first).not_to_be_empty()
    box = page.locator(".chart .plot").first.bounding_box()
    assert box
    across, y = box["x"] + box["width"] / 2, box["y"] + 20
    with page.expect_response(lambda answer: "/series" in answer.url and "&from=" in answer.url):
        page.mouse.move(across, y)
        page.mouse.down()
        page.mouse.move(across + box["width"] / 50, y, steps=6)
        page.mouse.up()
    return {**box}


def number(page: Page) -> float:
    return float(page.locator(".chart output").inner_text().replace(",", "").replace("–", "nan"))


@pytest.mark.parametrize("axis", ["time", "elapsed", "at"])
def test_a_zoomed_chart_has_all_points_of_its_part(url: str, new_page: Callable[..., Page], axis: str) -> None:
    page = new_page(viewport={"width": 1440, "height": 900})
    box = zoomed(page, url, axis)

    for share in (0.13, 0.31, 0.52, 0.68, 0.87):
        there = POINTS * (0.5 + share / 50)  # the index, which is the value
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 40)
        wait_for(lambda there=there: abs(number(page) - there) <= 3, what=f"a value near {there}")


def test_an_enlarged_chart_shows_the_part_that_was_zoomed_to_with_all_its_points(
    url: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 1440, "height": 900})
    zoomed(page, url, "at")
    page.locator(".chart-open").click()
    expect(page.locator("#enlarged .plotly")).to_have_count(1, timeout=30_000)
    wait_for(lambda: page.evaluate(SHOWN) > 0.98, what="a point for each index")
    page.locator('#enlarged [data-title="Autoscale"]').click()
    wait_for(lambda: page.evaluate(SHOWN) < 0.9, what="the whole line again")
