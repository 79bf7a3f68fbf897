"""The head of a run's page: each word that it says, live, stalled, failed, with a gap, at a past moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import commands
from puppets import Puppet
from runreel import events as ev
from runreel.codec import iso
from runreel.events import Event
from runs import SECOND, START, Clock, Voice
from serving import Server, listening

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PATIENCE = 30_000  # milliseconds
NAMES = ("stalled", "failed", "gap", "short")
RUNS = {name: f"01935f3c-a7e2-7c31-9d1e-5a0c8f0b7d{n}" for n, name in enumerate(NAMES, 21)}


def story(name: str) -> list[Event]:
    """A run that was heard of long ago: silent since, failed, with two events of its worker lost, or of some ms."""
    clock = Clock()
    owner = Voice(f"{name}-owner", clock, run=RUNS[name])
    owner.open()
    owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly", experiment="delays", owner="ada"))
    owner.say(ev.TAGS, {"team": "flights"})
    owner.start("load", "x", total=4)
    for _ in range(3):
        clock.pass_(0 if name == "short" else 5)
        owner.beat()
    worker = Voice(f"{name}-worker", clock, run=RUNS[name])
    worker.open("member", parent=owner.session)
    for number in range(4):
        worker.say(ev.PARAMS, {f"p{number}": number}, subject="load")
    if name != "stalled":
        worker.close()
        owner.finish("load", "x", "FAILED" if name == "failed" else "SUCCEEDED")
        owner.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED" if name == "failed" else "SUCCEEDED"))
        owner.close()
    events = [*owner.events, *worker.events]
    return [one for one in events if not (name == "gap" and one.session == worker.session and one.seq in (2, 3))]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("head"), port=22_700)
    for name in RUNS:
        server.archive(story(name))
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


@pytest.fixture
def opened(new_page: Callable[..., Page]) -> Callable[[str], Page]:
    def make(address: str) -> Page:
        page = new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        expect(page.locator(".wire")).to_have_attribute("data-wire", re.compile("ok|none"), timeout=PATIENCE)
        return page

    return make


def out(page: Page, name: str) -> Any:
    return page.locator(f'[data-out="{name}"]').first


def stands(page: Page, state: str, word: str, color: str) -> None:
    """The state by icon, word and colour."""
    head = page.locator(".run-head .run-id")
    expect(head).to_have_attribute("data-state", state, timeout=PATIENCE)
    expect(head.locator("h1 .icon use")).to_have_attribute("href", f"#i-{state}")
    expect(head.locator(".state-word")).to_have_text(word)
    wanted = page.evaluate(
        """(name) => { const one = document.body.appendChild(document.createElement("i"));
        one.style.color = `var(${name})`; const color = getComputedStyle(one).color; one.remove(); return color; }""",
        color,
    )
    expect(head.locator(".state-word")).to_have_css("color", wanted)


def test_the_line_of_a_run_of_some_milliseconds_is_as_wide_as_its_place(url: str, page: Page) -> None:
    page.goto(f"{url}/runs/{RUNS['short']}")
    expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
    share = """() => { const way = document.querySelector(".way"), wide = (one) => one.getBoundingClientRect().width;
        return [...way.children].reduce((sum, one) => sum + wide(one), 0) / wide(way); }"""
    assert 0.95 < page.evaluate(share) < 1.01


def test_a_live_runs_head_says_who_where_how_far_and_grows(
    machine: commands.Up, puppet: Puppet, opened: Callable[[str], Page]
) -> None:
    puppet.do('run = runreel.start("nightly", experiment="delays", tags={"team": "flights"}, params={"rows": 5})')
    run = puppet.ask("run.flush(60) and run.id")
    page = opened(f"{machine.hub.url}/runs/{run}")
    stands(page, "RUNNING", "Running", "--run")
    expect(page.locator(".crumbs")).to_have_text(re.compile(r"default\s*delays\s*nightly"))
    expect(out(page, "about")).to_have_text(re.compile(r"^started \d\d:\d\d:\d\d( by \S+)? on \S+"))
    expect(page.locator(".fact.is-tag")).to_have_text(re.compile(r"team\s*flights"))
    expect(out(page, "elapsed")).to_have_text(re.compile(r"\d+:\d\d"))

    puppet.do('run.tags(stage="dev"); run.params({"seed": 7}); step = run.step("load", total=4); step.progress(1)')
    facts = [re.compile(name) for name in ("stage", "team", "rows", "seed")]
    expect(page.locator(".fact")).to_have_text(facts, timeout=PATIENCE)
    puppet.do("time.sleep(1.5); step.progress(2)")
    expect(out(page, "left-note")).to_have_text(re.compile(r"^load ≈ \d+:\d\d left$"), timeout=PATIENCE)
    expect(out(page, "left")).to_have_text("–")  # as nobody knows whether more steps come
    expect(out(page, "percent")).to_have_text("–")
    expect(out(page, "percent-note")).to_have_text("0 of 1 step so far")
    expect(out(page, "percent-note")).to_have_attribute("title", re.compile("^Nothing tells whether more steps come"))
    assert page.locator(".way").get_attribute("aria-valuenow") is None
    expect(out(page, "record")).to_have_text("no gap")
    expect(out(page, "record-note")).to_have_text(re.compile(r"^\d+ of \d+ events, 1 session$"))
    moment = page.evaluate("Date.now() * 1000")

    puppet.do("time.sleep(0.3); run.tags(stage='prod'); step.finish(); run.finish()")
    stands(page, "SUCCEEDED", "Succeeded", "--ok")
    expect(out(page, "percent")).to_have_text("100 %")
    expect(page.locator(".way")).to_have_attribute("aria-valuenow", "100")
    expect(out(page, "record")).to_have_text("complete", timeout=PATIENCE)
    expect(out(page, "record-note")).to_have_text(re.compile(r"^(\d+) of \1 events, 1 session$"))
    expect(page.locator(".fact.is-tag").first).to_have_text(re.compile(r"stage\s*prod"))

    page = opened(f"{machine.hub.url}/runs/{run}?at={iso(int(moment))}")
    stands(page, "RUNNING", "Running", "--run")
    expect(page.locator(".fact.is-tag").first).to_have_text(re.compile(r"stage\s*dev"))
    expect(out(page, "record-note")).to_have_text(re.compile(r"^first \d+ events$"))
    page.keyboard.press("l")
    stands(page, "SUCCEEDED", "Succeeded", "--ok")
    expect(page.locator(".fact.is-tag").first).to_have_text(re.compile(r"stage\s*prod"))


def test_a_run_that_is_silent_is_told_apart_from_one_that_runs(url: str, opened: Callable[[str], Page]) -> None:
    page = opened(f"{url}/runs/{RUNS['stalled']}")
    stands(page, "STALLED", "Stalled", "--warn")
    expect(out(page, "wrong")).to_have_text("1 stalled")
    expect(out(page, "wrong-note")).to_have_text(re.compile("^silent "))
    expect(out(page, "left")).to_have_text("–")
    expect(out(page, "about")).to_have_text(re.compile("by ada"))
    page.goto(f"{url}/runs/{RUNS['stalled']}?at={iso(START + 12 * SECOND)}")
    stands(page, "RUNNING", "Running", "--run")


def test_a_failed_run_says_where(url: str, opened: Callable[[str], Page]) -> None:
    page = opened(f"{url}/runs/{RUNS['failed']}")
    stands(page, "FAILED", "Failed", "--fail")
    expect(out(page, "wrong")).to_have_text("1 failed")
    expect(out(page, "wrong-note")).to_have_text("load")
    expect(out(page, "record")).to_have_text("complete")


def test_what_is_missing_is_said_with_of_how_many_and_from_whom(url: str, opened: Callable[[str], Page]) -> None:
    page = opened(f"{url}/runs/{RUNS['gap']}")
    stands(page, "SUCCEEDED", "Succeeded", "--ok")
    expect(out(page, "record")).to_have_text("2 missing")
    note = out(page, "record-note")
    expect(note).to_have_text(re.compile(r"^from .+, 2 to 3; (\d+) of (\d+) events$"))
    expect(note).to_have_attribute("title", re.compile(r"^(\d+) of (\d+) events, 2 sessions; missing from .+, 2 to 3$"))
    expect(page.locator('[data-read="record"]')).to_have_attribute("data-state", "STALLED")


AGREE = """() => {
  const all = [...document.querySelectorAll(".way i")];
  const of = (one, name) => parseFloat(one.style.getPropertyValue(name));
  const sum = (some, value) => some.reduce((before, one) => before + value(one), 0);
  const done = sum(all.filter((one) => one.dataset.state !== "FAILED"), (one) => of(one, "--w") * of(one, "--p"));
  const said = parseFloat(document.querySelector('[data-out="percent"]').textContent);
  return Math.abs(done / sum(all, (one) => of(one, "--w")) - said) <= 1;
}"""


def agrees(page: Page, steps: str) -> None:
    """The number, the words and the line of the head say the same."""
    expect(out(page, "percent-note")).to_have_text(steps, timeout=PATIENCE)
    page.wait_for_function(AGREE, timeout=PATIENCE)


def test_number_words_and_line_agree_while_it_runs_when_it_failed_and_in_the_past(
    machine: commands.Up, puppet: Puppet, opened: Callable[[str], Page]
) -> None:
    graph = '{"get": [], "look": [], "join": ["get", "look"], "fit": ["join"], "tell": ["fit"]}'
    puppet.do(f'run = runreel.start("first-of-its-kind", graph={graph}); get = run.step("get")')
    puppet.do('get.step("one", total=9).progress(9); get.step("two", total=9).progress(9)')
    run = puppet.ask("run.flush(60) and run.id")
    page = opened(f"{machine.hub.url}/runs/{run}")
    agrees(page, "0 of 5 steps")
    expect(out(page, "percent")).to_have_text(re.compile("^(19|20) %$"))
    expect(page.locator('.node[data-step="get"]')).to_contain_text("99 %")
    expect(out(page, "left")).to_have_text("–")
    expect(out(page, "left-note")).to_have_text(re.compile(r"^get ≈ 0:0\d left$"), timeout=PATIENCE)
    expect(out(page, "left-note")).to_have_attribute(
        "title", re.compile("No earlier run tells how long these take: .*look")
    )
    moment = page.evaluate("Date.now() * 1000")

    puppet.do('time.sleep(0.3); get.finish(); run.step("look").finish("FAILED", error="no such column")')
    puppet.do(
        '[run.step(one, after=before).finish("SKIPPED") for one, before in '
        f'list({graph}.items())[2:]]; run.finish("FAILED")'
    )
    stands(page, "FAILED", "Failed", "--fail")
    agrees(page, "1 of 5 steps")
    expect(out(page, "percent")).to_have_text("20 %")
    page.reload()  # as the server says it
    agrees(page, "1 of 5 steps")

    page = opened(f"{machine.hub.url}/runs/{run}?at={iso(int(moment))}")
    agrees(page, "0 of 5 steps")
