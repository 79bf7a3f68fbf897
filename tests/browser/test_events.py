"""The raw events on the run page: found, filtered, unfolded, and those of the moment that is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from runreel import events as ev
from runreel.codec import iso
from runs import RUN, START, Clock, Voice
from serving import Server, listening

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    clock = Clock()
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
    voice.start("extract", "x")
    for n in range(300):
        clock.pass_(1)
        lines = ev.Logs(time=[clock.now], level=["INFO"], text=[f"<b>line {n}</b>"])
        voice.say(ev.LOGS, lines, subject="extract", execution="x")
    voice.output("extract", "x", "flights", "art-1", type="Dataset", uri="file:///nowhere", by="reference")
    voice.output(None, None, "summary", "art-2", type="Dataset", uri="file:///nowhere", by="reference")
    server = Server(tmp_path_factory.mktemp("events"), port=22_500)
    server.archive(voice.events)
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


def test_events_are_read_as_far_as_they_are_looked_at(url: str, page: Page) -> None:
    page.goto(f"{url}/runs/{RUN}")
    page.get_by_role("button", name="raw events").click()
    rows = page.locator(".events li")
    expect(rows).to_have_count(200)
    page.get_by_role("button", name="More", exact=True).click()
    expect(rows).to_have_count(305)
    expect(page.locator('[data-out="events-note"]')).to_have_text("305 shown, 305 read")
    page.get_by_label("Find in events").fill("line 42<")
    expect(rows).to_have_count(1)
    rows.first.locator("summary").click()
    expect(rows.first.locator("pre")).to_contain_text('"<b>line 42</b>"')
    page.get_by_label("Find in events").fill("")
    page.get_by_label("Type of event").select_option("runreel.artifact")
    expect(rows).to_have_count(2)


def test_the_events_of_a_moment_are_those_up_to_it(url: str, page: Page) -> None:
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 10_500_000)}")
    page.get_by_role("button", name="raw events").click()
    expect(page.locator('[data-out="events-note"]')).to_have_text("13 shown, 305 read")


def test_a_chosen_step_filters_the_artifacts(url: str, page: Page) -> None:
    page.goto(f"{url}/runs/{RUN}?step=extract")
    expect(page.locator('[data-out="artifacts"]')).to_have_text("1 of 2")
