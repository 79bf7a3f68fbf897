"""A newcomer's path on a real `runreel up`: a run moves on its page, is looked into, and is found again."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import commands
from chromium import GONE, Watch
from puppets import Puppet

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 30_000  # milliseconds; the machine may be busy, and how fast it is, is the benchmark's matter
GRAPH = '{"extract": [], "train": ["extract"], "publish": ["train"]}'
START = f'run = runreel.start("nightly", experiment="first", params={{"rows": 5021}}, graph={GRAPH})'


@pytest.fixture
def opened(machine: commands.Up, new_page: Callable[..., Page]) -> Callable[[str], Page]:
    """`opened(path)` opens a page and waits until its stream is there."""

    def make(path: str) -> Page:
        page = new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(machine.hub.url + path)
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=PATIENCE)
        return page

    return make


def reads(page: Page, selector: str, text: str | re.Pattern[str]) -> None:
    """Wait until what is there says so, without a reload."""
    expect(page.locator(selector).first).to_have_text(text, timeout=PATIENCE)


def state(page: Page, step: str, state: str) -> None:
    """Wait until a step of the graph is in a state."""
    expect(page.locator(f'.node[data-step="{step}"]')).to_have_attribute("data-state", state, timeout=PATIENCE)


def test_a_run_appears_on_home_by_itself_and_leads_to_its_page(
    opened: Callable[[str], Page], puppet: Puppet, machine: commands.Up
) -> None:
    page = opened("/")
    puppet.do(START)
    link = page.locator('a[href^="/runs/0"]').first
    expect(link).to_be_visible(timeout=PATIENCE)
    link.click()
    reads(page, ".run-head h1 .state-word", "Running")
    expect(page).to_have_url(f"{machine.hub.url}/runs/{puppet.ask('run.id')}")
    puppet.do("run.finish()")
    reads(page, ".run-head h1 .state-word", "Succeeded")


def test_home_follows_a_run_until_it_fails(opened: Callable[[str], Page], puppet: Puppet) -> None:
    """Its strip has a bar a step, its row says what is wrong, and when it has failed home says of what."""
    page = opened("/")
    puppet.do(START.replace("nightly", "followed"))
    run = puppet.ask("run.id")
    row = page.locator(f'.run-row[data-run="{run}"]')
    expect(row).to_be_visible(timeout=PATIENCE)
    strip = row.locator(".strip")
    puppet.do('extract = run.step("extract")')
    expect(strip.locator('[data-state="RUNNING"]')).to_have_count(1, timeout=PATIENCE)
    puppet.do('extract.finish(); train = run.step("train")')
    expect(strip.locator('[data-state="SUCCEEDED"]')).to_have_count(1, timeout=PATIENCE)
    expect(row.locator("b.num")).to_have_text("33 %", timeout=PATIENCE)
    puppet.do('train.finish("FAILED", error="no rows")')
    expect(row).to_contain_text("1 step failed", timeout=PATIENCE)
    expect(strip.locator('[data-state="FAILED"]')).to_have_count(1)
    expect(row.locator("b.num")).to_have_text("33 %")
    puppet.do('run.finish("FAILED")')
    failed = page.locator(f'[data-failed="{run}"]')
    expect(failed).to_contain_text("train", timeout=PATIENCE)
    expect(failed).to_contain_text("no rows")
    expect(row).to_have_count(0)
    expect(page.locator(f'tr[data-run="{run}"]')).to_be_visible()


def test_all_that_a_step_says_changes_its_page_without_a_reload(opened: Callable[[str], Page], puppet: Puppet) -> None:
    puppet.do(START)
    page = opened(f"/runs/{puppet.ask('run.flush(60) and run.id')}")
    loaded: list[str] = []
    page.on("framenavigated", lambda frame: loaded.append(frame.url))

    for step in ("extract", "train", "publish"):
        state(page, step, "PENDING")
    puppet.do('extract = run.step("extract", total=4, unit="file")')
    state(page, "extract", "RUNNING")
    puppet.do("extract.progress(1)")
    reads(page, '.node[data-step="extract"] .dur', "25 %")
    puppet.do('extract.log("reading march"); extract.log("a late file", level="WARNING")')
    expect(page.locator("#log .log li").last).to_contain_text("a late file", timeout=PATIENCE)
    puppet.do('extract.output("table", "city,trips\\nNYC,12\\nBOS,7\\n", type="Table")')
    expect(page.locator('.artifact[data-type="Table"]')).to_contain_text("table", timeout=PATIENCE)
    puppet.do("extract.progress(4); extract.finish()")
    state(page, "extract", "SUCCEEDED")

    puppet.do('train = run.step("train")')
    puppet.do('train.metrics({"loss": 0.75})')
    reads(page, '.chart[data-key="train:loss"] output', "0.75")
    puppet.do('train.metrics({"loss": 0.5})')
    reads(page, '.chart[data-key="train:loss"] output', "0.5")
    puppet.do('fold = train.step("fold-1"); extra = run.step("notify", after=["train"])')
    state(page, "notify", "RUNNING")
    puppet.do("extra.finish(); fold.finish(); train.finish(error='out of memory')")
    state(page, "train", "FAILED")
    puppet.do("run.finish('FAILED')")
    reads(page, ".run-head h1 .state-word", "Failed")
    reads(page, '[data-out="record"]', re.compile("complete"))
    assert loaded == []


def test_artifacts_are_looked_into(opened: Callable[[str], Page], puppet: Puppet, machine: commands.Up) -> None:
    puppet.do(START)
    puppet.do('make = run.step("extract")')
    puppet.do('make.output("table", "city,trips\\nNYC,12\\nBOS,7\\n", type="Table")')
    puppet.do('make.show("notes", "# Twelve trips", type="Markdown")')
    puppet.do('make.output("report", "<!doctype html><title>r</title><h1>All trips</h1>")')
    puppet.do("run.finish()")
    run = puppet.ask("run.id")
    found = {a["name"]: a["id"] for a in machine.complete(run)["artifacts"].values()}

    page = opened(f"/runs/{run}")
    page.locator(f'.artifact[data-artifact="{found["table"]}"]').click()
    expect(page.locator("table").first).to_contain_text("BOS", timeout=PATIENCE)
    page.goto(f"{machine.hub.url}/artifacts/{found['notes']}")
    expect(page.get_by_role("heading", name="Twelve trips")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{machine.hub.url}/artifacts/{found['report']}")
    expect(page.frame_locator("iframe").first.locator("h1")).to_have_text("All trips", timeout=PATIENCE)


def test_after_ctrl_c_up_finds_the_run_again_and_the_open_page_goes_on(
    opened: Callable[[str], Page], puppet: Puppet, machine: commands.Up, folder: Path, watch: Watch
) -> None:
    watch.allow(GONE)
    puppet.do(START)
    puppet.do('step = run.step("extract", total=2); step.progress(1)')
    run = puppet.ask("run.flush(60) and run.id")
    page = opened(f"/runs/{run}")
    reads(page, '.node[data-step="extract"] .dur', "50 %")
    assert machine.stop(signal.SIGINT) < 10
    expect(page.locator(".wire")).to_have_attribute("data-wire", "lost", timeout=PATIENCE)
    puppet.do('step.log("said while nobody listened"); step.finish()')

    with commands.up(folder, "--port", machine.hub.url.rpartition(":")[2]) as again:
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok", timeout=60_000)
        state(page, "extract", "SUCCEEDED")
        expect(page.locator("#log .log li").last).to_contain_text("said while nobody listened", timeout=PATIENCE)
        puppet.do("run.finish()")
        reads(page, ".run-head h1 .state-word", "Succeeded")
        assert again.complete(run)["missing"] == []
        page.goto(f"{again.hub.url}/runs")
        expect(page.locator(f'a[href="/runs/{run}"]').first).to_be_visible(timeout=PATIENCE)
