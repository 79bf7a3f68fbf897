"""A chart that is enlarged, for who cannot see or point: axe-core, the keyboard, where the focus goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from axe import serious
from runreel import events as ev
from runs import RUN, Clock, Voice
from serving import showing

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.closest('.chart, dialog')?.matches('#enlarged')"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run with a curve that has a point which is no number."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    voice.start("train", "t")
    for n in range(12):
        voice.clock.pass_(1)
        said = ev.Metrics(name="loss", at=[n], time=[voice.clock.now], value=["NaN" if n == 5 else 1 / (n + 1)])
        voice.say(ev.METRICS, said, subject="train", execution="t")
    voice.finish("train", "t")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    with showing(tmp_path_factory.mktemp("enlarged"), 22_650, voice.events) as address:
        yield address


def enlarged(page: Page, url: str) -> None:
    """Open the curve by the keyboard."""
    page.goto(f"{url}/runs/{RUN}")
    if page.get_by_role("tablist").is_visible():
        page.get_by_role("tab", name="Metrics").click()
    page.locator("#metrics .chart").get_by_role("button", name="loss").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#enlarged .js-plotly-plot .scatterlayer path.js-line").first).to_be_attached(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious_in_an_enlarged_chart(
    url: str, new_page: Callable[..., Page], scheme: str, size: tuple[int, int]
) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    enlarged(page, url)
    assert serious(page, "enlarged") == []


def test_the_keyboard_stays_in_an_enlarged_chart_and_goes_back_to_where_it_was(
    url: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 1440, "height": 900})
    enlarged(page, url)
    assert page.evaluate(FOCUSED)
    names = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('#enlarged')"
        )
        assert inside
        names.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    assert {"PNG", "SVG", "CSV", "Close"} <= names
    page.locator("#enlarged .modebar-btn").first.focus()
    expect(page.locator("#enlarged .modebar")).to_have_css("opacity", "1")  # what has the focus is seen
    page.keyboard.press("Escape")
    expect(page.locator("#enlarged")).to_be_hidden()
    assert page.evaluate("!!document.activeElement.closest('#metrics .chart')")
