"""A page of a run that has very much of something holds only what is looked at."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import flights
from page_app import FlightsSource, serve

pytestmark = pytest.mark.browser

MANY = 1_000


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def url(source: FlightsSource) -> Iterator[str]:
    """The app's address. Asked for before `new_page`, it ends after the pages, which go on asking until then."""
    with serve(source) as (address, _):
        yield address


def test_of_very_many_artifacts_those_near_the_eye_are_in_the_page(
    url: str, source: FlightsSource, new_page: Callable[..., Page]
) -> None:
    one = source.present["artifacts"]["a-clean"]
    more = {f"more-{n}": {**one, "id": f"more-{n}", "name": f"part {n}", "type": "Dataset"} for n in range(MANY)}
    source.present["artifacts"] |= more
    page = new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator('[data-out="artifacts"]')).to_contain_text("1,01")
    cards = page.locator("#artifacts .artifact")
    expect(cards).to_have_count(35)  # rows of 26 pixels on a screen of 900
    page.locator("#artifacts .pane-body").evaluate("body => { body.scrollTop = body.scrollHeight; }")
    expect(cards).to_have_count(70)


def test_the_first_artifacts_fill_their_region_on_a_tall_screen(
    url: str, source: FlightsSource, new_page: Callable[..., Page]
) -> None:
    """Else it would never be scrolled, and the others never come."""
    one = source.present["artifacts"]["a-clean"]
    source.present["artifacts"] |= {f"more-{n}": {**one, "id": f"more-{n}", "type": "Dataset"} for n in range(MANY)}
    page = new_page(viewport={"width": 1440, "height": 3000})
    page.goto(f"{url}/runs/{flights.RUN}")
    expect(page.locator("#artifacts .artifact")).to_have_count(116)
    assert page.locator("#artifacts .pane-body").evaluate("body => body.scrollHeight > body.clientHeight")


def test_of_very_many_charts_those_near_the_eye_are_in_the_page(
    url: str, source: FlightsSource, new_page: Callable[..., Page]
) -> None:
    """Also in what the server sends; the others come when the last one is in view, or when a filter finds them."""
    one = next(iter(source.present["series"]["train"].values()))
    source.present["series"]["train"] |= {f"more-{n}": one for n in range(MANY)}
    page = new_page(viewport={"width": 1440, "height": 900})
    assert (
        page.request.get(f"{url}/runs/{flights.RUN}").text().count('<figure class="chart"') == 49
    )  # one is the template
    page.goto(f"{url}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    expect(page.locator('[data-out="metrics"]')).to_contain_text("1,0")
    charts = page.locator("#metrics .chart")
    expect(charts).to_have_count(48)
    page.locator("#metrics .pane-body").evaluate("body => { body.scrollTop = body.scrollHeight; }")
    expect(charts).to_have_count(96)
    with page.expect_response(re.compile("more-999")):
        page.locator('#metrics input[type="search"]').fill("more-99")
    expect(charts).to_have_count(11)
    expect(charts.last.locator("canvas")).to_have_attribute("aria-label", re.compile("^train/more-99"))


def test_of_very_many_steps_those_near_the_eye_are_in_the_page(
    url: str, source: FlightsSource, new_page: Callable[..., Page]
) -> None:
    """Nodes, lanes, and of the edges that cross the view as many as can be told apart; the way has columns."""
    one = source.present["steps"]["plan"]
    names = ["".join(letters) for letters in itertools.islice(itertools.product("bcdfghklmn", repeat=3), MANY)]
    source.present["steps"] |= {name: {**one, "parents": ["plan"]} for name in names}
    source.present["steps"][names[MANY // 2]]["state"] = "FAILED"
    page = new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}/runs/{flights.RUN}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    edges, last = page.locator("#graph .edges path"), names[-1]
    page.get_by_text("Follow running").click()
    page.locator("#graph .pane-body").evaluate("body => { body.scrollTop = body.scrollHeight; }")
    expect(page.locator(f'#graph .node[data-step="{last}"]')).to_be_attached()
    expect(page.locator(f'#graph .edges path[data-to="{last}"]')).to_be_attached()
    assert edges.count() < 500
    assert page.locator("#graph .node").count() < 100
    assert page.locator(".lanes .lane").count() < 100
    assert page.locator(".way i").count() <= 240
    expect(page.locator('.way i[data-state="FAILED"]')).to_have_count(1)
