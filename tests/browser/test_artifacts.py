"""The artifacts of a run in a real Chromium, on a real server: inputs and outputs of a step, what is missing."""

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

RAW, CLEAN, MODEL, LOST = "1" * 32, "2" * 32, "3" * 32, "4" * 32


def said() -> list[Event]:
    """load -> raw -> clean -> clean -> train, which fails after a half of its model; its metrics are all of `clean`."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="lineage"))
    voice.start("load", "x-load")
    voice.output("load", "x-load", "raw", RAW, type="Dataset", by="chunks", size=1_000, sha256="a" * 64)
    voice.say(ev.ARTIFACT_STORED, ev.ArtifactStored(id=RAW, uri="s3://b/raw", size=1_000, sha256="a" * 64))
    voice.finish("load", "x-load")
    voice.clock.pass_(10)
    voice.start("clean", "x-clean")
    voice.input("clean", "x-clean", name="raw")
    at = voice.clock.now
    voice.say(ev.METRICS, ev.Metrics(name="rows", at=[0], time=[at], value=[3.0]), subject="clean", execution="x-clean")
    voice.output("clean", "x-clean", "clean", CLEAN, type="Dataset", uri="s3://elsewhere/clean", size=900)
    voice.finish("clean", "x-clean")
    voice.clock.pass_(10)
    voice.start("train", "x-train", parents=["clean"])
    voice.input("train", "x-train", id=CLEAN)
    voice.input("train", "x-train", name="weights")
    voice.input("train", "x-train", uri="s3://elsewhere/embeddings")
    voice.output("train", "x-train", "model", MODEL, type="Model", by="chunks", size=2_000)
    voice.say(
        ev.ARTIFACT_STORED,
        ev.ArtifactStored(id=MODEL, size=1_200, sha256="b" * 64, failed="its end never came", incomplete=True),
    )
    voice.output("train", "x-train", "report", LOST, type="Model", by="chunks", size=2_000)
    voice.clock.pass_(5)
    error = ev.Error(type="ValueError", message="no")
    voice.finish("train", "x-train", "FAILED", error=error)
    voice.start("publish", "x-publish", parents=["clean"])
    voice.finish("publish", "x-publish", "FAILED", error=error)
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="FAILED", error=error))
    voice.close()
    return voice.events


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with showing(tmp_path_factory.mktemp("artifacts"), 22_200, said()) as address:
        yield address


def test_a_chosen_step_shows_what_it_used_and_what_it_made(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?step=train")
    used = page.locator("#artifacts .used .artifact")
    expect(used.locator(".name .clip")).to_have_text(["clean", "weights", "s3://elsewhere/embeddings"])
    expect(used.nth(1)).to_contain_text("not made yet")
    expect(page.locator("#artifacts .artifacts .name .clip")).to_have_text(["report", "model"])
    expect(page.locator("#artifacts .scope")).to_have_text("Of step train show all")
    page.locator("#artifacts .scope button").click()
    expect(page.locator("#artifacts .artifacts .artifact")).to_have_count(4)
    expect(page.locator("#artifacts .used")).to_be_hidden()
    expect(page.locator(f'[data-artifact="{RAW}"] small').first).to_have_attribute(
        "title",
        f"Dataset · 1 kB · v1 · {page.evaluate(CLOCK, START + 2_000)} by load; used by clean; sha256 {'a' * 64}",
    )


CLOCK = "micros => new Date(micros / 1000).toTimeString().slice(0, 8)"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_a_caption_keeps_its_time_at_every_width(width: int, new_page: Callable[..., Page], url: str) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    page.goto(f"{url}/runs/{RUN}")
    if width == 390:
        page.get_by_role("tab", name="Artifacts").click()
    captions = page.locator("#artifacts .artifacts small.says")
    expect(captions).to_have_count(2)
    for one in captions.all():
        expect(one.locator("span").last).to_have_text(re.compile(r"^· \d\d:\d\d:\d\d$"))
        box, time = one.locator("..").bounding_box(), one.locator("span").last.bounding_box()
        assert box
        assert time
        assert time["width"] > 40
        assert time["x"] + time["width"] <= box["x"] + box["width"] + 0.5


def test_the_list_is_filtered_by_name_type_and_step(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?step=train")
    page.locator("#artifacts .scope button").click()
    shown, field = page.locator("#artifacts .artifacts .artifact"), page.locator('[data-do="artifact"]')
    for text, names in (
        ("REP", ["report"]),
        ("load", ["raw"]),
        ("model ", ["report", "model"]),
        ("dataset", ["clean", "raw"]),
    ):
        field.fill(text)
        expect(shown.locator(".name .clip")).to_have_text(names)
    expect(page.locator('[data-out="artifacts"]')).to_have_text("2 of 4")
    field.fill("nothing is called so")
    expect(shown).to_have_count(0)
    expect(page.locator('[data-out="artifacts"]')).to_have_text("0 of 4")
    expect(page.locator("#artifacts .vacant:visible")).to_have_text("No artifact is like that")
    field.fill("")
    expect(page.locator("#artifacts .vacant:visible")).to_have_count(0)
    expect(shown).to_have_count(4)
    page.locator('[data-do="artifact-type"]').select_option("Model")
    field.fill("mod")
    expect(shown.locator(".name .clip")).to_have_text(["report", "model"])
    expect(page).to_have_url(re.compile("type=Model&artifact=mod"))
    page.reload()
    expect(shown.locator(".name .clip")).to_have_text(["report", "model"])
    expect(field).to_have_value("mod")
    expect(page.locator('[data-do="artifact-type"]')).to_have_value("Model")
    page.locator('[data-do="artifact-type"]').evaluate("chosen => chosen.append(new Option('ClassificationMetrics'))")
    box = field.bounding_box()
    assert box
    assert box["width"] >= 64, "a long type takes no room from the text"


def test_an_addresses_type_that_nothing_has_stands_in_the_field_and_can_be_left(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?type=Nope")
    field = page.locator('[data-do="artifact-type"]')
    expect(field).to_have_value("Nope")
    expect(page.locator("#artifacts .vacant:visible")).to_have_text("No artifact is like that")
    field.select_option("")
    expect(page.locator('[data-out="artifacts"]')).to_have_text("2 of 4")  # those of the step that failed
    expect(page).not_to_have_url(re.compile("type="))


def test_what_is_missing_or_not_whole_says_why(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?step=train")
    model, report = (page.locator(f'#artifacts [data-artifact="{key}"]') for key in (MODEL, LOST))
    expect(model.locator(".why")).to_have_text("incomplete: its end never came")
    expect(model.locator("small").first).to_contain_text("Model · 1 of 2 kB · v1")
    expect(model.locator(".get")).to_be_visible()
    expect(report.locator(".why")).to_have_text("missing: its bytes have not come")
    expect(report.locator(".get")).to_be_hidden()


def test_a_failed_run_opens_with_what_there_is_where_the_failing_step_has_nothing(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}")
    expect(page.locator('.node[data-step="train"][aria-selected="true"]')).to_be_visible()
    expect(page.locator("#metrics .chart")).to_have_count(1)
    expect(page.locator("#metrics .scope")).to_have_text("Nothing of step train: all are shown", use_inner_text=True)
    expect(page.locator("#artifacts .scope")).to_have_text("Of step train show all")
    expect(page.locator("#log-note")).to_have_text("The chosen step has said nothing")
    page.goto(f"{url}/runs/{RUN}?step=publish")  # this one the reader chose
    expect(page.locator("#metrics .scope")).to_have_text("Nothing of step publish show all")
    expect(page.locator("#metrics .chart")).to_have_count(0)


def test_at_a_past_moment_only_what_was_there_then(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 12_000_000)}&step=clean")
    expect(page.locator("#artifacts .used .name .clip")).to_have_text(["raw"])
    expect(page.locator("#artifacts .artifacts .artifact")).to_have_count(1)
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 5_000_000)}")
    expect(page.locator("#artifacts .artifacts .name .clip")).to_have_text(["raw"])
    expect(page.locator("#artifacts .scope")).to_be_hidden()  # nothing has failed yet


def test_an_artifacts_page_leads_to_the_steps_that_made_and_use_it(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}")
    page.locator(f'#artifacts [data-artifact="{MODEL}"] .name').click()
    expect(page.locator(".viewer-bar.flagged")).to_have_text(
        "incomplete: its end never came. It ends at 1 of 2 kB, and what is there opens"
    )
    expect(page.locator(".lineage li .clip")).to_have_text(
        ["weights", "s3://elsewhere/embeddings", "load", "raw", "clean", "clean", "train", "model"]
    )
    page.locator(".lineage").get_by_role("link", name="train").click()
    expect(page.locator('.node[data-step="train"][aria-selected="true"]')).to_be_visible()


def test_from_a_past_moment_an_artifacts_page_is_of_that_moment(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{RUN}?at={iso(START + 12_000_000)}")
    page.locator(f'#artifacts [data-artifact="{CLEAN}"] .name').click()
    expect(page.locator(".past-note")).to_contain_text("As it was at")
    expect(page.locator(".lineage li .clip")).to_have_text(["load", "raw", "clean", "clean"])
    page.locator(".lineage").get_by_role("link", name="raw").click()
    expect(page).to_have_url(f"{url}/artifacts/{RAW}?at=2026-11-22T09:00:12Z")
    page.get_by_role("link", name="Now").click()
    expect(page.locator(".past-note")).to_have_count(0)
    expect(page.locator(".lineage li").last).to_contain_text("report")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_region_fits_a_narrow_screen(new_page: Callable[..., Page], url: str, scheme: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(f"{url}/runs/{RUN}?step=train")
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.locator("#artifacts .used .artifact")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
