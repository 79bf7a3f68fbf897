"""How a live page begins: before the run's first event, and with a state that the stream goes on from."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Page, expect

from chromium import Watch
from runreel import events as ev
from runreel.ids import new_run
from runreel_server.feed import LiveRun
from runs import RUN, Clock, Voice
from serving import Server, listening

pytestmark = pytest.mark.browser


def test_no_page_is_sent_a_state_that_it_has(new_page: Callable[..., Page], tmp_path: Path) -> None:
    """Neither opened nor loaded again; what is said in between reaches it."""
    server, voice = Server(tmp_path, port=23_400), Voice("owner", Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("first", "x1")
    server.archive(voice.events)

    def tell(step: str) -> None:
        server.tell([voice.start(step, step)])

    with ExitStack() as stack, patch.object(LiveRun, "take", autospec=True, side_effect=LiveRun.take) as taken:
        listening(server.services, stack)
        page = new_page()
        page.goto(f"{server.services.url}/runs/{RUN}")
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        tell("second")
        expect(page.locator('#graph [data-step="second"]')).to_be_attached()
        page.reload()
        tell("third")
        expect(page.locator('#graph [data-step="third"]')).to_be_attached()
        assert not taken.called


def test_a_page_opened_before_the_runs_first_event_comes_by_itself(
    new_page: Callable[..., Page], tmp_path: Path, watch: Watch
) -> None:
    watch.allow("404")
    run, server = new_run(), Server(tmp_path, port=23_450)
    voice = Voice("owner", Clock(), run=run)
    with ExitStack() as stack:
        listening(server.services, stack)
        page = new_page()
        page.goto(f"{server.services.url}/runs/{run}")
        expect(page.get_by_role("heading", name="Not here yet")).to_be_visible()
        server.tell([voice.open(), voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="punctual"))])
        expect(page).to_have_title(re.compile("punctual"))
