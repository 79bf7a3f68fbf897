"""Pages for who cannot see or point: axe-core finds no serious violation, light or dark, wide or narrow."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from axe import serious_in_both_schemes
from page_app import FlightsSource, serve
from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, START, Clock, Voice, random_run
from serving import showing

pytestmark = pytest.mark.browser

EMPTY, RANDOM = "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d15", "01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d16"
PLACES = {
    "home": "/",
    "list": "/runs",
    "failed": f"/runs/{RUN}",
    "rewound": f"/runs/{RUN}?at={iso(START + 12_000_000)}",
    "chosen": f"/runs/{RUN}?step=train&open=extract-*",
    "grouped": f"/runs/{RUN}?group=1&log=1",
    "searched": f"/runs/{RUN}?step=train&q=epoch",
    "refused": f"/runs/{RUN}?step=train&q=epoch+(&re=1",
    "stalled": f"/runs/{RANDOM}",
    "empty": f"/runs/{EMPTY}",
    "artifact": "/artifacts/art-1",
    "missing": "/runs/00000000",
}
ARTIFACTS = ("a-clean", "a-card", "a-hours", "a-figure", "a-profile", "a-roc", "a-confusion", "a-notes")
TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nKeyError: 1'


def failed() -> list[Event]:
    """A run with like tasks, a failure with its traceback, warnings, curves and artifacts."""
    clock = Clock()
    voice = Voice("a" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly", experiment="first"))
    voice.say(ev.PARAMS, {"rows": 3, "model": "hist-gbdt"})
    for n in range(6):
        voice.start(f"extract-{n}", f"x{n}")
    clock.pass_(10)
    for n in range(6):
        voice.finish(f"extract-{n}", f"x{n}")
    voice.start("train", "t", parents=[f"extract-{n}" for n in range(6)])
    voice.output("train", "t", "model", "art-1", type="Model", uri="file:///nowhere", by="reference")
    for n in range(10):
        clock.pass_(1)
        at = {"subject": "train", "execution": "t"}
        voice.say(ev.METRICS, ev.Metrics(name="loss", at=[n], time=[clock.now], value=[1 / (n + 1)]), **at)
        level = ("INFO", "DEBUG", "WARNING", "ERROR")[n % 4]
        colours = "".join(f"\x1b[{code + n % 8}m colour {code + n % 8} \x1b[0m" for code in (30, 40, 90, 100))
        texts = [f"epoch {n}", f"{colours}\x1b[{1 + n}mlook {1 + n}", TRACEBACK, "long " * 300]
        lines = ev.Logs(time=[clock.now + one for one in range(4)], level=[level, "INFO", "ERROR", "INFO"], text=texts)
        voice.say(ev.LOGS, lines, **at)
    voice.finish("train", "t", "FAILED", error=ev.Error(type="KeyError", message="'x'", traceback="Traceback"))
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED"))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    empty = Voice("e" * 32, Clock(), run=EMPTY)
    empty.open()
    empty.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nothing"))
    said = failed(), empty.events, random_run(random.Random(3), run=RANDOM)
    with showing(tmp_path_factory.mktemp("accessible"), 22_600, *said) as address:
        yield address


def others(page: Page) -> Iterator[str]:
    """Show the other regions of a run: on a narrow screen one after the other."""
    tabs = page.get_by_role("tab").all() if page.get_by_role("tablist").is_visible() else []
    for tab in [tab for tab in tabs if tab.get_attribute("aria-selected") != "true"]:
        tab.click()
        expect(page.locator(".chart canvas[aria-label='']:visible")).to_have_count(0)  # they are drawn
        yield tab.inner_text()


def sheets(page: Page) -> Iterator[str]:
    """Open each sheet of a run's page."""
    for opens, has in (("params", "#params dd"), ("events", "#events summary"), ("help", "#keys dd")):
        page.locator(f'[data-do="{opens}"]').evaluate(
            "button => button.click()"
        )  # on a narrow screen there are no keys
        expect(page.locator(has).first).to_be_visible()
        yield opens
        page.keyboard.press("Escape")


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious(url: str, new_page: Callable[..., Page], watch: Any, size: tuple[int, int]) -> None:
    watch.allow("40[04]")
    page = new_page(viewport={"width": size[0], "height": size[1]})
    found = []
    for name, path in PLACES.items():
        page.goto(url + path)
        if name not in ("home", "list", "artifact", "missing"):
            expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        if name in ("failed", "rewound", "chosen", "searched"):
            expect(page.locator(".log li").first).to_be_attached()
        found += serious_in_both_schemes(page, name)
        for tab in others(page):
            found += serious_in_both_schemes(page, f"{name}, {tab}", ".pane-tabs", ".panes")
    for path, text in ((f"/runs/{RUN}?step=train", "epoch"), ("/", "night")):
        page.goto(url + path)
        page.locator(".find input").fill(text)
        expect(page.locator(".found [role=option]").first).to_be_visible()
        found += serious_in_both_schemes(page, f"find {text}")
    page.goto(f"{url}/runs/{RUN}")
    for sheet in sheets(page):
        found += serious_in_both_schemes(page, sheet)
    assert found == []


@pytest.fixture
def flights() -> Iterator[str]:
    with serve(FlightsSource()) as (address, _):
        yield address


def test_axe_finds_nothing_serious_in_artifacts(flights: str, page: Page, watch: Any) -> None:
    watch.allow("Unsafe attempt|Blocked|SecurityError|target origin")  # axe knocks at frames of another origin
    found = []
    for name in ARTIFACTS:
        page.goto(f"{flights}/artifacts/{name}")
        found += serious_in_both_schemes(page, name)
    assert found == []


def test_what_is_wrong_in_one_scheme_or_one_part_is_seen(page: Page) -> None:
    """The looks above are no empty ones."""
    page.set_content(
        """<html lang="en"><title>t</title><style>:root { color-scheme: light dark; }
        @media (prefers-color-scheme: dark) { p { color: #333; background: #222; } }</style>
        <main><h1>t</h1><p>dim</p></main><aside><img src="data:,"></aside>"""
    )
    found = serious_in_both_schemes(page, "all")
    assert [one.partition(": <")[0] for one in found] == [
        "all, light: critical image-alt",
        "all, dark: serious color-contrast",
    ]
    assert serious_in_both_schemes(page, "a part", "main h1", "main") == [found[1].replace("all", "a part", 1)]
