"""Steps that a run is expected to do, learnt from the last run of its pipeline, on a real `runreel up`."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import commands
from puppets import Puppet
from runreel.codec import iso, parse_time
from runreel_consumers.catalog.pipelines import durations
from runreel_consumers.store import open_store
from support import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 30_000  # milliseconds

BEFORE = """
run = runreel.start("learnt")
with run.step("load", total=2) as load: time.sleep(0.2)
with run.step("train", after=["load"]): time.sleep(0.2)
run.finish()
"""


def test_a_run_shows_from_its_start_what_the_last_one_did(
    machine: commands.Up, puppet: Puppet, new_page: Callable[..., Page]
) -> None:
    puppet.do(f"exec({BEFORE!r})")
    first = puppet.ask("run.id")
    machine.complete(first)
    kept = open_store(machine.settings.replace(store=machine.hub.store))
    wait_for(lambda: durations(kept, "default", "learnt").last, 60, what="what the pipeline took to be filed")

    puppet.do('run = runreel.start("learnt")')
    run = puppet.ask("run.id")
    wait_for(lambda: any(one["id"] == run for one in machine.runs()), 60, what="the run's first event to arrive")
    page = new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{machine.hub.url}/runs/{run}")
    load, train = (page.locator(f'.node[data-step="{step}"]') for step in ("load", "train"))
    for node in (load, train):
        expect(node).to_have_attribute("data-state", "PENDING", timeout=PATIENCE)
        expect(node).to_have_class(re.compile("is-expected"))
        expect(node).to_have_accessible_name(re.compile("expected from an earlier run"))
    expect(train).to_have_css("border-style", "dotted")

    puppet.do('step = run.step("load")')
    expect(load).to_have_attribute("data-state", "RUNNING", timeout=PATIENCE)
    expect(load).not_to_have_class(re.compile("is-expected"))
    puppet.do("step.finish()")
    expect(load).to_have_attribute("data-state", "SUCCEEDED", timeout=PATIENCE)
    expect(train).to_have_attribute("data-state", "PENDING")
    expect(page.locator('[data-out="left-note"]').first).to_have_text(re.compile("ends about"))
    puppet.do("time.sleep(0.5); run.finish()")
    expect(train).to_have_attribute("data-state", "SKIPPED", timeout=PATIENCE)
    expect(train).to_have_class(re.compile("is-expected"))

    state = machine.complete(run)
    assert {path: (one["state"], one["parents"]) for path, one in state["steps"].items()} == {
        "load": ("SUCCEEDED", []),
        "train": ("SKIPPED", ["load"]),
    }
    before = iso(parse_time(state["finished"]) - 100_000)
    page.goto(f"{machine.hub.url}/runs/{run}?at={before}")
    expect(train).to_have_attribute("data-state", "PENDING", timeout=PATIENCE)
    expect(train).to_have_class(re.compile("is-expected"))
    told = commands.run(machine.folder, "tail", run, "--steps-only")
    assert re.search(r"– train +SKIPPED", told.stdout.decode()), told.stdout.decode()
