"""The list of ten thousand runs in a real Chromium, on a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

import many_runs
from serving import Server, listening

pytestmark = pytest.mark.browser

RUNS, RUNNING = 10_000, 70


@pytest.fixture(scope="module")
def told() -> list[many_runs.Json]:
    return list(many_runs.summaries(RUNS, time.time_ns() // 1000, running=RUNNING))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, told: list[many_runs.Json]) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("many"), port=22_600)
    many_runs.store(server.store, told)
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url


def test_home_counts_all_that_runs_and_shows_the_wrong_one_first(url: str, page: Page) -> None:
    page.goto(url)
    expect(page.locator(".now")).to_contain_text(f"{RUNNING} running")
    rows = page.locator(".run-row[data-run]")
    expect(rows.first).to_contain_text("1 step failed")
    expect(page.get_by_role("link", name=f"{RUNNING - 50} more")).to_be_visible()
    expect(page.locator("#ended [role=status]")).to_contain_text(f"1–50 of {RUNS - RUNNING:,}")


def test_pages_of_a_sorted_list_hold_each_run_once_in_order(url: str, page: Page, told: list[many_runs.Json]) -> None:
    page.goto(f"{url}/runs?column=metric:train:auc&state=FAILED&limit=100&sort=-metric:train:auc")
    failed = [one for one in told if one["state"] == "FAILED"]
    wanted = [one["id"] for one in sorted(failed, key=lambda one: (-one["metrics"]["train:auc"], one["id"]))]
    met: list[str] = []
    while True:
        expect(page.locator(f"tbody tr[data-run='{wanted[len(met)]}']")).to_be_visible()
        met += page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.run)")
        following = page.get_by_role("link", name="Next page")
        if not following.count():
            break
        following.click()
    assert len(met) == len(failed)
    assert sorted(met) == sorted(wanted)
    order = {one["id"]: one["metrics"]["train:auc"] for one in failed}
    assert [order[run] for run in met] == sorted(order.values(), reverse=True)
    page.go_back()
    expect(page.locator(f"tbody tr[data-run='{met[-1]}']")).to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(100)


def test_a_view_is_the_same_for_whoever_has_its_address(url: str, page: Page, new_page: Callable[..., Page]) -> None:
    page.goto(f"{url}/runs")
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Pipeline", exact=True).fill("nyc-flights")
    page.get_by_label("Tag", exact=True).fill("kind=nightly")
    page.get_by_label("Started since").fill("30d")
    page.locator(".panel:visible button").click()
    expect(page.locator(".chip")).to_have_count(3)
    page.locator("thead").get_by_role("link", name="Took").click()
    expect(page.locator("thead [aria-sort]")).to_have_text("Took")
    runs = "rows => rows.map((row) => row.dataset.run)"
    shown = page.locator("tbody tr").evaluate_all(runs)
    other = new_page(java_script_enabled=False)
    other.goto(page.url)
    assert shown
    assert other.locator("tbody tr").evaluate_all(runs) == shown
    assert page.title() == other.title()
    page.get_by_role("link", name="Without tag kind=nightly").click()
    expect(page.locator(".chip")).to_have_count(2)
