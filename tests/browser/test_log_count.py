"""Of how many lines those are that the filters of the log leave, in a real Chromium on a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runreel.codec import iso
from runs import SECOND
from serving import Server
from talkative import Talk, talking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """A server and the address of the run's page; it ends after the page, which goes on asking until then."""
    with talking(tmp_path, 23_680) as served:
        yield served


def test_of_how_many_lines_the_wanted_ones_are_is_said(site: tuple[Server, str], new_page: Callable[..., Page]) -> None:
    server, address = site
    talk = Talk(server, 2)
    talk.many(2_000, errors=10, minutes=1)
    talk.voice.start("fit", "f" * 16)
    talk.event("of fit", "of fit too", step="fit")
    talk.store()
    page = new_page(timezone_id="UTC", viewport={"width": 1440, "height": 900})
    page.goto(f"{address}?step=fit")
    lines = page.locator('#log [data-out="lines"]')
    expect(lines).to_have_text("2 of 2,002")
    page.get_by_label("Step", exact=True).select_option("train")
    expect(lines).to_have_text("2,000 of 2,002")
    page.get_by_label("Level").select_option("ERROR")
    expect(lines).to_have_text("200 of 2,002")
    page.get_by_label("Search the log").fill("line 1999")
    expect(lines).to_have_text("1 of 2,002")
    page.goto(f"{address}?step=train&at={iso(talk.clock.now - 30 * SECOND)}")
    expect(lines).to_have_text(re.compile(r"^(1,\d{3}) of \1$"))
