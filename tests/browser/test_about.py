"""What is known of a run beside its steps, in a real Chromium on a real server: parameters, tags, environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, START, Clock, Voice
from serving import Server, listening

pytestmark = pytest.mark.browser

ENVIRONMENT = {
    "command": "python etl.py --password ***",
    "host": "etl-02",
    "python": "3.11.2",
    "commit": "4f1c2ad" + "0" * 33,
    "packages": {"numpy": "2.1.0", "pandas": "2.2.3"},
}


def said() -> list[Event]:
    """A run that says where it runs; its step says a parameter and a tag, and the run another one later."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly", owner="etl", environment=ENVIRONMENT))
    voice.say(ev.PARAMS, {"rows": 5})
    voice.start("train", "x-train")
    voice.say(ev.PARAMS, {"depth": 7}, subject="train", execution="x-train")
    voice.say(ev.TAGS, {"gpu": "a100"}, subject="train", execution="x-train")
    voice.clock.pass_(10)
    voice.say(ev.PARAMS, {"rows": 6})
    voice.finish("train", "x-train")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("about"), port=22_600)
    server.archive(said())
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


def test_the_sheet_says_where_a_run_runs_and_with_what(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}")
    page.locator('[data-do="params"]').click()
    sheet = page.locator("#params")
    for word in ("python etl.py --password ***", "etl-02", "3.11.2", ENVIRONMENT["commit"]):
        expect(sheet).to_contain_text(str(word))
    expect(sheet.get_by_text("2.1.0")).to_be_hidden()
    sheet.get_by_text("2 packages").click()
    expect(sheet.get_by_text("2.1.0")).to_be_visible()
    expect(sheet).not_to_contain_text("depth")


def test_the_sheet_has_what_a_chosen_step_says_of_itself(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?step=train")
    page.locator('[data-do="params"]').click()
    expect(page.locator("#params h3")).to_have_text(
        ["Run", "Parameters", "Parameters of step train", "Tags of step train", "Environment"]
    )
    expect(page.locator("#params")).to_contain_text("a100")


def test_parameters_are_as_they_were(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 5_000_000)}")
    page.locator('[data-do="params"]').click()
    rows = page.locator("#params dl").nth(1).locator("dd")
    expect(rows).to_have_text("5")
    page.keyboard.press("Escape")
    page.locator('.past-note [data-do="live"]').click()
    page.locator('[data-do="params"]').click()
    expect(rows).to_have_text("6")


def test_the_sheet_opens_on_a_narrow_screen(new_page: Callable[..., Page], url: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{url}/runs/{RUN}")
    page.locator('[data-do="params"]').click()
    expect(page.locator("#params")).to_contain_text("etl-02")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
