"""The metrics in a real Chromium, on a real server: options, pins, zoom, the run before, what is no number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chromium import Watch
from runreel import events as ev
from runreel.events import Event
from runs import RUN, START, Clock, Voice
from serving import showing
from support import wait_for

pytestmark = pytest.mark.browser

BEFORE = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d14"
VALUES = [1.0, 0.5, float("nan"), 0.25, 0.125, float("inf"), 0.1]


def trained(run: str, session: str, clock: Clock, values: list[float]) -> list[Event]:
    """A run of two folds with a loss each, and one with an accuracy."""
    voice = Voice(session, clock, run=run)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    for fold in ("fold-1", "fold-2"):
        voice.start(f"train/{fold}", f"{session[0]}-{fold}")
        for name in ("loss", "acc"):
            if fold == "fold-2" and name == "acc":
                continue
            for n, value in enumerate(values):
                clock.pass_(1)
                points = ev.Metrics(name=name, at=[n], time=[clock.now], value=[value])
                voice.say(ev.METRICS, points, subject=f"train/{fold}", execution=f"{session[0]}-{fold}")
        voice.finish(f"train/{fold}", f"{session[0]}-{fold}")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    earlier = trained(BEFORE, "b" * 32, Clock(START - 600_000_000), [3.0, 2.0, 1.0])
    now = trained(RUN, "a" * 32, Clock(), VALUES)
    with showing(tmp_path_factory.mktemp("metrics"), 22_400, earlier, now) as address:
        yield address


@pytest.fixture
def opened(url: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(query: str = "", page: Page | None = None, **options: Any) -> Page:
        page = page or new_page(**{"viewport": {"width": 1440, "height": 900}, **options})
        page.goto(f"{url}/runs/{RUN}{query}")
        expect(page.locator(".chart").first).to_be_visible()
        return page

    return make


def labels(page: Page) -> list[str]:
    return page.locator(".chart figcaption .clip").all_text_contents()


def colored(page: Page, token: str) -> int:
    """How many pixels of the first chart's canvas have this colour."""
    return page.locator(".chart canvas").first.evaluate(
        """(canvas, token) => {
          const probe = document.createElement('i');
          probe.style.color = `var(${token})`;
          document.body.append(probe);
          const [r, g, b] = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
          probe.remove();
          const copy = document.createElement('canvas');
          [copy.width, copy.height] = [canvas.width || 1, canvas.height || 1];
          const context = copy.getContext('2d', { willReadFrequently: true });
          if (canvas.width && canvas.height) context.drawImage(canvas, 0, 0);
          const { data } = context.getImageData(0, 0, copy.width, copy.height);
          let found = 0;
          for (let n = 0; n < data.length; n += 4)
            if (data[n] === r && data[n + 1] === g && data[n + 2] === b) found++;
          return found;
        }""",
        token,
    )


def test_what_is_no_number_is_marked_and_not_hidden(opened: Callable[..., Page], watch: Watch) -> None:
    watch.allow("willReadFrequently")  # the test reads the canvas, the page never does
    page = opened("?metric=loss")
    expect(page.locator(".chart")).to_have_count(2)
    wait_for(lambda: colored(page, "--fail") >= 10, 20)


def test_one_chart_a_name_shows_all_steps_together_and_stands_in_the_address(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".chart")).to_have_count(3)
    page.get_by_label("How charts are drawn").click()
    page.get_by_label("One chart a name").check()
    expect(page.locator(".chart")).to_have_count(2)
    expect(page.locator(".chart output").filter(has_text="2 lines")).to_have_count(1)
    page.get_by_label("Logarithmic").check()
    expect(page).to_have_url(re.compile("group=1"))
    expect(page).to_have_url(re.compile("log=1"))
    page.reload()
    expect(page.locator(".chart")).to_have_count(2)
    expect(page.locator(".chart small").first).to_have_text("1")


def test_a_pin_puts_a_chart_first_and_is_remembered(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".chart")).to_have_count(3)
    last = labels(page)[-1]
    page.get_by_role("button", name=f"Pin {last}").click()
    expect(page.locator(".chart figcaption .clip").first).to_have_text(last)
    opened(page=page)
    expect(page.locator(".chart figcaption .clip").first).to_have_text(last)
    page.get_by_role("button", name=f"Pin {last}").click()
    expect(page.locator(".chart.is-pinned")).to_have_count(0)


def test_the_filter_and_the_chosen_step_say_how_many_of_how_many(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator('[data-out="metrics"]')).to_have_text("3")
    page.get_by_label("Filter the metrics").fill("acc")
    expect(page.locator('[data-out="metrics"]')).to_have_text("1 of 3")
    page.get_by_label("Filter the metrics").fill("nothing like it")
    expect(page.get_by_text("No metric is like that")).to_be_visible()
    opened("?step=train/fold-2", page=page)
    expect(page.locator('[data-out="metrics"]')).to_have_text("1 of 3")


def test_the_run_before_is_a_faint_line_on_request(opened: Callable[..., Page], url: str) -> None:
    page = opened()
    with page.expect_response(lambda answer: f"/runs/{BEFORE}/series" in answer.url) as asked:
        page.get_by_role("button", name="with last run").click()
    assert asked.value.ok
    expect(page.get_by_role("button", name="with last run")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    "query", ["metric=fold-1/loss", "metric=fold-1/loss&x=elapsed", "metric=fold-1/loss&x=at", "metric=loss&group=1"]
)
def test_an_enlarged_chart_has_the_run_before_too(opened: Callable[..., Page], query: str) -> None:
    page = opened(f"?last=1&{query}")
    page.locator(".chart-open").first.click()
    expect(page.locator("#enlarged .legendtext").filter(has_text="last run")).to_have_count(1, timeout=30_000)
    lines = page.locator('[data-out="figure"]').evaluate("figure => figure.data.map((one) => [one.name, one.x, one.y])")
    (_, then, values), *_ = lines
    now = next(x for name, x, _ in lines if name != "last run")
    assert values == [3, 2, 1]
    assert [str(one)[:19] for one in then] == [str(one)[:19] for one in now[:3]]  # as long after their runs' starts


def test_a_drag_zooms_all_charts_and_opens_nothing(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".chart small").first).not_to_be_empty()
    box = page.locator(".chart .plot").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=6)
    page.mouse.up()
    expect(page.get_by_role("button", name="Unzoom")).to_be_visible()
    expect(page.locator("#enlarged")).not_to_be_visible()
    page.get_by_role("button", name="Unzoom").click()
    expect(page.get_by_role("button", name="Unzoom")).to_be_hidden()


def test_a_chart_is_saved_as_a_table(opened: Callable[..., Page]) -> None:
    page = opened("?metric=fold-1/loss")
    page.get_by_role("button", name="Enlarge train/fold-1/loss").click()
    expect(page.locator("#enlarged .plotly")).to_have_count(1, timeout=30_000)
    expect(page.locator('[data-out="enlarged-note"]')).to_contain_text("2 no number, marked red")
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert saved.value.suggested_filename == "train_fold-1_loss.csv"
    rows = saved.value.path().read_text().splitlines()
    assert len(rows) == 1 + len(VALUES)
    assert rows[3].endswith(",NaN")


def test_a_saved_picture_tells_its_name_and_nothing_is_sent_elsewhere(opened: Callable[..., Page]) -> None:
    page = opened("?metric=fold-1/loss")
    page.get_by_role("button", name="Enlarge train/fold-1/loss").click()
    expect(page.locator("#enlarged .plotly")).to_have_count(1, timeout=30_000)
    expect(page.locator("#enlarged .modebar-btn").first).to_be_attached()
    titles = page.locator("#enlarged .modebar-btn").evaluate_all("all => all.map((one) => one.dataset.title)")
    assert titles
    assert not [title for title in titles if "share" in title.lower() or "cloud" in title.lower()]
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG", exact=True).click()
    assert "train/fold-1/loss</text>" in saved.value.path().read_text()


def test_the_menu_closes_by_escape_and_by_a_click_elsewhere(opened: Callable[..., Page]) -> None:
    page = opened()
    button, body = page.get_by_label("How charts are drawn"), page.locator("#metrics .menu-body")
    button.click()
    page.locator('[data-do="smooth"]').focus()
    page.keyboard.press("Escape")
    expect(body).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    expect(body).to_be_visible()
    page.locator("h1").first.click()
    expect(body).to_be_hidden()
