"""Names, texts and values that mean harm, in every region of every page: shown as text, and the page stays usable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import RUN, START, Clock, Voice
from serving import showing

pytestmark = pytest.mark.browser

MARKUP = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">'\"{{7*7}}"
BIDI = "invoice\u202egpj.exe\u2066\u200b\x00\x1b[2J"
LONG = "a" * 1_000_000
RUNS = {RUN: MARKUP, RUN[:-1] + "2": BIDI, RUN[:-1] + "3": LONG}
#: Characters that a page shows: of a million none has more than its beginning, wherever it stands.
MUCH = 60_000


def hostile(run: str, text: str) -> list[Event]:
    """A run of which everything that has a name has this one."""
    clock = Clock()
    voice = Voice("a" * 32, clock, run=run)
    voice.open()
    path = text.replace("%", "%25").replace("/", "%2F")
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline=text, experiment=text, owner=text))
    voice.say(ev.TAGS, {text: text})
    voice.say(ev.PARAMS, {text: text, "x": [text, {text: text}]})
    voice.start(path, "t")
    clock.pass_(1)
    at = {"subject": path, "execution": "t"}
    voice.say(ev.METRICS, ev.Metrics(name=text, at=[0, 1], time=[clock.now, clock.now + 1], value=[1, 2]), **at)
    voice.say(ev.LOGS, ev.Logs(time=[clock.now] * 2, level=["INFO", "ERROR"], text=[text, f"2 {text}"]), **at)
    voice.output(path, "t", text, f"art-{run[-1]}", type=text, uri=f"file:///{text}", by="reference")
    voice.finish(path, "t", "FAILED", error=ev.Error(type=text, message=text, traceback=text))
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED", error=ev.Error(type=text, message=text)))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runs = [hostile(run, text) for run, text in RUNS.items()]
    with showing(tmp_path_factory.mktemp("hostile"), 22_700, *runs) as address:
        yield address


def is_sound(page: Page, what: str) -> None:
    """Nothing of it became an element or ran, nothing turns or hides what stands beside it, and it is no flood."""
    assert "broken" not in page.title().replace(MARKUP, ""), what
    found = page.evaluate(
        """() => ({
          evil: document.querySelectorAll("img[src='x'], [onerror], body script:not(#page-data)").length,
          text: document.body.innerText,
          told: ["title", "aria-label", "alt"].flatMap((key) =>
            [...document.querySelectorAll(`[${key}]`)].map((element) => element.getAttribute(key))),
        })"""
    )
    assert found["evil"] == 0, what
    assert not set(found["text"]) & set("\u202e\u2066\u200b\x00\x1b"), what
    assert len(found["text"]) < MUCH, (what, len(found["text"]))
    assert max(map(len, found["told"])) < MUCH / 20, what


@pytest.mark.parametrize("run", list(RUNS), ids=["markup", "bidi", "long"])
def test_a_runs_page_shows_it_as_text_and_works(url: str, new_page: Callable[..., Page], run: str) -> None:
    page = new_page()
    page.goto(f"{url}/runs/{run}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=20_000)
    expect(page.locator(".log li")).to_have_count(2)
    for region in ("#graph .node", "#metrics .chart", "#artifacts .artifact"):
        expect(page.locator(region).first).to_be_visible()
    is_sound(page, "the page")
    for opens, has in (("params", "#params dd"), ("events", "#events summary")):
        page.locator(f'[data-do="{opens}"]').click()
        expect(page.locator(has).first).to_be_visible()
        is_sound(page, opens)
        page.keyboard.press("Escape")
    page.goto(f"{url}/runs/{run}?at={iso(START + 500_000)}")
    expect(page.locator("body")).to_have_class(re.compile("is-past"))
    is_sound(page, "the past")


@pytest.mark.parametrize("at", ["", f"?at={iso(START + 500_000)}"], ids=["now", "past"])
def test_a_name_of_a_million_characters_stands_in_the_pages_data_alone(url: str, page: Page, at: str) -> None:
    address = f"/runs/{RUN[:-1]}3"
    state = page.request.get(f"{url}/api/v1{address}").text()
    html = page.request.get(f"{url}{address}{at}").text()
    begin, data, rest = re.split('(<script type="application/json" id="page-data">.*?</script>)', html, flags=re.DOTALL)
    assert len(begin) + len(rest) < MUCH * 2
    assert len(data) < 1.5 * len(state)


@pytest.mark.parametrize("path", ["/", "/runs", *(f"/artifacts/art-{run[-1]}" for run in RUNS)])
def test_other_pages_show_it_as_text(url: str, new_page: Callable[..., Page], path: str) -> None:
    page = new_page()
    page.goto(url + path)
    expect(page.locator("main")).to_be_visible()
    is_sound(page, path)
    assert len(page.content()) < MUCH
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
