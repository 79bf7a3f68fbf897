"""What a page shows of the past is what happened then, whatever way a run came; live it becomes what a load gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import pasts
from runreel import events as ev
from runreel.codec import iso
from runreel.state import fold
from runs import RUN, SECOND, START
from serving import Server, listening

pytestmark = pytest.mark.browser

WAYS = ("late", "imported", "replayed", "behind")
MOMENTS = (1, 10, 25, 31, 45, 61)
Json = dict[str, Any]

STORE = """async () => {
  window.store = (await import(document.querySelector('script[type=module]').src)).store;
}"""


def run_of(way: str) -> str:
    """The id of the run that came that way."""
    return f"{RUN[:-4]}{1 + WAYS.index(way):04x}"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server, way = Server(tmp_path_factory.mktemp("past"), port=22_400), run_of
    server.archive(pasts.ended(way("late")), late=pasts.HOUR)
    server.archive(pasts.ended(way("behind"), behind=pasts.HOUR), late=pasts.HOUR)
    server.archive(pasts.replayed(way("replayed"), pasts.ended()), late=99 * pasts.HOUR)
    server.archive(pasts.imported(tmp_path_factory.mktemp("elsewhere")), late=99 * pasts.HOUR)
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


def told(state: Json) -> Json:
    """What a state says of what happened, without who said it."""
    return {
        "state": state["state"],
        "params": state.get("params") or {},
        "steps": {
            path: (step["state"], step.get("started"), step.get("finished"), len(step.get("attempts") or ()))
            for path, step in state["steps"].items()
        },
        "artifacts": sorted(one["name"] for one in (state.get("artifacts") or {}).values()),
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_run_rewinds_as_it_happened(way: str, url: str, new_page: Callable[..., Page]) -> None:
    page = new_page(timezone_id="UTC")
    run = RUN if way == "imported" else run_of(way)
    page.goto(f"{url}/runs/{run}?at={iso(START + 25 * SECOND)}")
    expect(page.locator(".transport .clock")).to_have_text(iso(START + 25 * SECOND)[11:19])
    expect(page.locator('[data-out="elapsed"]')).to_have_text("0:24")
    expect(page.locator('.node[data-step="extract"]')).to_have_attribute("data-state", "SUCCEEDED")
    expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "RUNNING")
    expect(page.locator("#artifacts .artifact")).to_have_count(1)
    page.evaluate(STORE)
    over = max(event.time for event in pasts.ended() if event.type == ev.RUN_FINISHED)
    for seconds in MOMENTS:
        moment = START + seconds * SECOND
        page.keyboard.press("Home")
        page.evaluate(
            """(at) => {
              history.pushState(null, '', `?at=${at}`);
              dispatchEvent(new PopStateEvent('popstate'));
            }""",
            iso(moment),
        )
        shown = min(moment, over)  # what is after the end is the end
        expect(page.locator(".transport .clock")).to_have_text(iso(shown)[11:19])
        page.wait_for_function("(at) => window.store?.past?.at === at", arg=moment)
        seen = json.loads(page.evaluate("JSON.stringify(window.store.view)"))
        then = fold([event for event in pasts.ended() if event.time <= moment]).view()
        assert told(seen) == told(then), f"{way}, {seconds} s"


def test_a_live_page_becomes_what_a_load_gives_and_rewinds_without_one(
    tmp_path: Path, new_page: Callable[..., Page]
) -> None:
    said = pasts.ended(start=time.time_ns() // 1000)
    server, events = Server(tmp_path, port=22_500), [event for event in said if event.type != ev.HEARTBEAT]
    with ExitStack() as stack:
        listening(server.services, stack)
        server.tell(events[:4])
        page = new_page(timezone_id="UTC")
        page.goto(f"{server.services.url}/runs/{RUN}")
        expect(page.locator('.node[data-step="extract"]')).to_have_attribute("data-state", "RUNNING")
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        page.evaluate(STORE)
        loads: list[str] = []
        page.on("framenavigated", lambda frame: loads.append(frame.url) if "at=" not in frame.url else None)

        page.keyboard.press("Home")
        expect(page.locator("body")).to_contain_class("is-past")
        server.tell(events[4:])
        expect(page.locator('.node[data-step="extract"]')).to_have_attribute("data-state", "PENDING")
        page.keyboard.press("l")
        expect(page.locator(".run-head .state-word")).to_have_text("Succeeded")
        expect(page.locator('.node[data-step="train"]')).to_have_attribute("data-state", "SUCCEEDED")
        live = page.evaluate("JSON.stringify(window.store.live)")
        fresh = page.request.get(f"{server.services.url}/api/v1/runs/{RUN}").json()
        assert without_nulls(json.loads(live)) == without_nulls(fresh)

        page.go_back()
        expect(page.locator("body")).to_contain_class("is-past")
        page.go_forward()
        expect(page.locator("body")).not_to_contain_class("is-past")
        page.close()  # before its server is gone


def without_nulls(value: Any) -> Any:
    """Absent and null mean the same."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return value
