"""The log of a run that goes on, in a real Chromium on a real server: following, reading, looks of lines, hands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from chromium import Watch
from talkative import Talk, talking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PATIENCE = 30_000
TRACE = ["Traceback (most recent call last):", '  File "x.py", line 1, in f', "    boom()", "ValueError: no rows"]
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> \u202egnp.exe'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Talk, str]]:
    """A run that goes on, and the address of its page."""
    with talking(tmp_path, 22_200) as (server, address):
        made = Talk(server, 2)
        made.store()
        yield made, address


@pytest.fixture
def talk(site: tuple[Talk, str]) -> Talk:
    return site[0]


@pytest.fixture
def opened(site: tuple[Talk, str], new_page: Callable[..., Page]) -> Callable[..., Page]:
    """`opened()` opens the page and waits until it is connected."""

    def make(query: str = "", page: Page | None = None, **options: Any) -> Page:
        page = page or new_page(**{"timezone_id": "UTC", "viewport": {"width": 1440, "height": 900}, **options})
        page.set_default_timeout(PATIENCE)
        page.goto(site[1] + query)
        expect(page.locator(".wire")).to_have_attribute("data-wire", "ok")
        return page

    return make


def texts(page: Page) -> Locator:
    return page.locator(".log li .log-text")


def top(page: Page) -> tuple[str, float]:
    """The first line in view, and where it stands, once what the wheel began has come to its end."""
    found: list[Any] = page.evaluate(
        """async () => {
          const list = document.querySelector(".log"), frame = () => new Promise(requestAnimationFrame);
          for (let last = -1; last !== list.scrollTop; ) {
            last = list.scrollTop;
            for (let n = 0; n < 10; n += 1) await frame();
          }
          const { top } = document.querySelector(".log").getBoundingClientRect();
          const rows = Array.from(document.querySelectorAll(".log li"));
          const row = rows.find((row) => row.getBoundingClientRect().bottom > top + 1);
          return [row.textContent, row.getBoundingClientRect().top];
        }"""
    )
    return found[0], found[1]


def test_an_empty_log_says_what_would_fill_it_and_a_short_one_has_no_rail(
    opened: Callable[..., Page], talk: Talk
) -> None:
    page = opened()
    expect(page.locator('[data-empty="log"]')).to_have_text('No line yet: step.log("text"), or what a command prints')
    talk.say(*[f"line {n}" for n in range(10)])
    expect(texts(page)).to_have_text([f"line {n}" for n in range(10)])
    expect(page.locator('[data-empty="log"]')).to_be_hidden()
    expect(page.locator(".rail")).to_be_hidden()
    assert page.locator(".log").get_attribute("role") == "log"
    assert page.locator(".log").get_attribute("aria-live") == "off"


def test_new_lines_are_followed_until_the_reader_scrolls_and_then_counted(
    opened: Callable[..., Page], talk: Talk
) -> None:
    talk.many(300, minutes=1)
    talk.store()
    page = opened()
    expect(texts(page).last).to_have_text("line 299")
    talk.say("line 300")
    expect(texts(page).last).to_be_in_viewport()
    expect(texts(page).last).to_have_text("line 300")
    page.locator(".log").hover()
    page.mouse.wheel(0, -300)
    expect(page.get_by_role("button", name="Follow", exact=True)).to_have_attribute("aria-pressed", "false")
    before = top(page)
    talk.say("line 301", "line 302")
    expect(page.locator(".pill")).to_have_text("2 new lines ↓")
    talk.say("line 303")
    expect(page.locator(".pill")).to_have_text("3 new lines ↓")
    assert top(page) == before, "nothing jumps while one reads"
    page.locator(".pill").click()
    expect(texts(page).last).to_be_in_viewport()
    expect(texts(page).last).to_have_text("line 303")
    expect(page.locator(".pill")).to_be_hidden()
    talk.say("line 304")
    expect(texts(page).last).to_have_text("line 304")


def test_lines_that_come_before_the_rail_is_measured_and_without_it_are_shown(
    opened: Callable[..., Page], new_page: Callable[..., Page], talk: Talk, watch: Watch
) -> None:
    talk.many(300, minutes=1)
    talk.store()
    watch.allow("500")
    page = new_page(timezone_id="UTC", viewport={"width": 1440, "height": 900})
    page.add_init_script("const now = Date.now; Date.now = () => now() + (window.ahead ?? 0)")
    asked: list[Route] = []
    measures = re.compile(r"/density\?of=lines")
    page.route(measures, lambda route: asked.append(route))  # noqa: PLW0108 (a method of C cannot be one)
    opened(page=page)
    expect(texts(page).last).to_have_text("line 299")
    talk.say("early")
    expect(texts(page).last).to_have_text("early")
    assert len(asked) == 1
    asked[0].fulfill(status=500, json={"detail": "not now"})
    talk.say("without it")
    expect(texts(page).last).to_have_text("without it")
    expect(page.locator(".rail")).to_have_attribute("aria-valuenow", "0")
    page.unroute(measures)
    page.evaluate("window.ahead = 11_000")
    talk.say("measured again")
    expect(page.locator(".rail")).to_have_attribute("aria-valuenow", "100")


def test_scrolling_back_to_the_end_follows_again_and_keys_do_too(opened: Callable[..., Page], talk: Talk) -> None:
    talk.many(300, minutes=1)
    talk.store()
    page = opened()
    follow = page.get_by_role("button", name="Follow", exact=True)
    page.locator(".log").hover()
    page.mouse.wheel(0, -200)
    expect(follow).to_have_attribute("aria-pressed", "false")
    page.mouse.wheel(0, 400)
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.locator(".log").focus()
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "false")
    talk.say("line 300")
    expect(page.locator(".pill")).to_have_text("1 new line ↓")
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "true")
    expect(texts(page).last).to_have_text("line 300")
    page.keyboard.press("/")
    expect(page.get_by_label("Search the log")).to_be_focused()


def test_a_burst_is_followed_at_its_end_and_read_without_a_gap(opened: Callable[..., Page], talk: Talk) -> None:
    """More lines a frame than a frame brings."""
    page = opened()
    for start in range(0, 4_000, 1_000):
        talk.say(*[f"line {n}" for n in range(start, start + 1_000)], gap=1)
        expect(texts(page).last).to_have_text(f"line {start + 999}")
    expect(page.locator('#log [data-out="lines"]')).to_have_text("4,000")
    page.locator(".log").hover()
    lowest = 4_000
    while lowest > 3_500:
        page.mouse.wheel(0, -200)
        shown = [int(text.split()[-1]) for text in texts(page).all_text_contents()]
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        lowest = shown[0]
    before = top(page)
    talk.say(*[f"line {n}" for n in range(4_000, 4_200)], gap=1)
    expect(page.locator(".pill")).to_have_text("200 new lines ↓")
    assert top(page) == before
    page.locator(".pill").click()
    expect(texts(page).last).to_have_text("line 4199")


def test_filters_hold_for_new_lines_too(opened: Callable[..., Page], talk: Talk) -> None:
    talk.say("one", "two", level="WARNING")
    page = opened()
    page.get_by_label("Level").select_option("WARNING")
    expect(texts(page)).to_have_text(["WARNING one", "WARNING two"])
    talk.say("quiet")
    talk.say("three", level="ERROR")
    expect(texts(page)).to_have_text(["WARNING one", "WARNING two", "ERROR three"])
    talk.say(*["quiet"] * 200, "four", level="ERROR", levels=["INFO"] * 200 + ["ERROR"])
    expect(texts(page)).to_have_text(["WARNING one", "WARNING two", "ERROR three", "ERROR four"])
    page.get_by_label("Search the log").fill("ee")
    expect(texts(page)).to_have_text(["ERROR three"])
    talk.say("eel", "other", level="ERROR")
    expect(texts(page)).to_have_text(["ERROR three", "ERROR eel"])


def test_a_chosen_step_shows_its_lines_and_those_of_what_lies_in_it(opened: Callable[..., Page], talk: Talk) -> None:
    talk.voice.start("train/fold-1", "f" * 16)
    talk.say("of the run", step=None)
    talk.say("of the step")
    talk.say("of the fold", step="train/fold-1")
    page = opened("?step=train")
    expect(texts(page)).to_have_text(["of the step", "of the fold"])
    expect(page.get_by_label("Step", exact=True)).to_have_value("train")
    page.locator(".log li", has_text="of the fold").locator("[data-log-step]").click()
    expect(texts(page)).to_have_text(["of the fold"])
    talk.say("again", step="train/fold-1")
    talk.say("elsewhere")
    expect(texts(page)).to_have_text(["of the fold", "again"])
    page.get_by_label("Step", exact=True).select_option("")
    expect(texts(page)).to_have_count(5)


def test_progress_that_overwrites_itself_is_one_line_also_from_event_to_event(
    opened: Callable[..., Page], talk: Talk
) -> None:
    talk.event(" 10%\r", " 20%\r", stream="stderr")
    talk.event("beside")
    talk.event(" 30%\r", stream="stderr")
    talk.store()
    page = opened()
    expect(texts(page)).to_have_text(["beside", " 30%"])
    talk.say(" 40%\r", stream="stderr")
    expect(texts(page)).to_have_text(["beside", " 40%"])
    talk.say("100%", stream="stderr")
    expect(texts(page)).to_have_text(["beside", "100%"])
    talk.say("abcdef\rXY")
    expect(texts(page).last).to_have_text("XYcdef")


def test_colours_are_shown_and_what_is_hostile_is_text(opened: Callable[..., Page], talk: Talk) -> None:
    talk.say(
        "\x1b[1;31mred\x1b[0m \x1b[38;2;20;220;20mgreen\x1b[0m\x1b[2K\x1b]0;title\x07", HOSTILE, "\\xff\\xfe not UTF-8"
    )
    page = opened()
    expect(texts(page)).to_have_text(
        ["red green", HOSTILE.replace("\u202e", "\\u202e"), "\\xff\\xfe not UTF-8"], use_inner_text=True
    )
    expect(page.locator(".log .bold.ink-1")).to_have_text("red")
    expect(page.locator(".log .ink-2")).to_have_text("green")
    assert page.locator(".log img, .log script").count() == 0
    assert "nightly" in page.title()


def test_a_long_text_is_cut_says_so_and_is_shown_whole_when_asked(opened: Callable[..., Page], talk: Talk) -> None:
    talk.event("x" * 400_000, more=True)
    talk.event("y" * 600_000)
    talk.event("after")
    talk.store()
    page = opened()
    expect(texts(page)).to_have_count(2)
    more = page.locator(".log-more")
    expect(more).to_have_text("all 1,000,000 characters")
    assert len(texts(page).first.text_content() or "") == 1_000
    more.click()
    expect(more).to_have_text("less")
    whole = texts(page).first.text_content() or ""
    assert (len(whole), whole[0], whole[-1]) == (1_000_000, "x", "y")
    texts(page).first.hover()
    page.mouse.wheel(0, 5_000)
    page.wait_for_function("document.querySelector('.log li .log-text').scrollTop > 0")
    more.click()
    expect(more).to_have_text("all 1,000,000 characters")


def test_a_traceback_is_its_last_line_until_it_is_unfolded(opened: Callable[..., Page], talk: Talk) -> None:
    talk.event(*TRACE, stream="stderr")
    talk.event("it failed\n" + "\n".join(TRACE), level="ERROR")
    talk.store()
    page = opened()
    expect(texts(page)).to_have_text(["ERROR ValueError: no rows", "ERROR it failed … ValueError: no rows"])
    page.locator(".log-more").first.click()
    expect(texts(page).first).to_have_text("ERROR " + "\n".join(TRACE))
    expect(page.locator(".log-more").first).to_have_attribute("aria-expanded", "true")
    page.locator(".log").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(texts(page).first).to_have_text("ERROR ValueError: no rows")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(texts(page).last).to_have_text("ERROR it failed\n" + "\n".join(TRACE))


@pytest.mark.parametrize("width", [1440, 390])
def test_an_unfolded_traceback_keeps_its_columns(opened: Callable[..., Page], talk: Talk, width: int) -> None:
    code = "    return estimate(" + ", ".join(f"column_{n}" for n in range(30)) + ")"
    lines = [TRACE[0], '  File "train.py", line 212, in fit', code, " " * (len(code) - 10) + "^" * 9, TRACE[-1]]
    talk.event(*lines, stream="stderr")
    talk.store()
    page = opened(viewport={"width": width, "height": 900})
    if width == 390:
        page.get_by_role("tab", name="Log").click()
    page.locator(".log-more").click()
    text = texts(page).first
    expect(text).to_have_text("ERROR " + "\n".join(lines))
    tall = "one => Math.round(one.scrollHeight / parseFloat(getComputedStyle(one).lineHeight))"
    assert text.evaluate(tall) == len(lines)
    assert text.evaluate("one => one.scrollWidth > one.clientWidth"), "it scrolls in its place"
    expect(text).to_have_css("overflow-x", "auto")
    if width > 390:
        page.get_by_role("button", name="Wrap long lines").click()
        assert text.evaluate(tall) > len(lines)


def test_a_deep_traceback_is_its_last_line_too(opened: Callable[..., Page], talk: Talk) -> None:
    deep = [
        TRACE[0],
        *[f'  File "module_{n}.py", line {n}, in call\n    return call({n})' for n in range(60)],
        TRACE[-1],
    ]
    talk.event("\n".join(deep), level="ERROR")
    talk.store()
    page = opened()
    expect(texts(page)).to_have_text(["ERROR ValueError: no rows"])
    talk.say("\n".join(deep), level="ERROR")
    expect(texts(page)).to_have_text(["ERROR ValueError: no rows"] * 2)
    expect(page.locator(".log-more")).to_have_text(["121 more lines"] * 2)
    page.locator(".log-more").last.click()
    expect(texts(page).last).to_have_text("ERROR " + "\n".join(deep))


def test_lines_are_copied_as_text(opened: Callable[..., Page], new_page: Callable[..., Page], talk: Talk) -> None:
    talk.event("\x1b[31mone\x1b[0m", "two", "three")
    talk.store()
    page = opened(page=new_page(permissions=["clipboard-read", "clipboard-write"], timezone_id="UTC"))

    def copied() -> list[str]:
        page.keyboard.press("Control+c")
        text: str = page.evaluate("navigator.clipboard.readText()")
        return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", line) for line in text.split("\n")]

    page.locator(".log").focus()
    page.keyboard.press("ArrowUp")
    assert copied() == ["train three"]
    page.locator(".log li").nth(0).locator(".log-text").click()
    page.locator(".log").focus()
    assert copied() == ["train one"]
    page.evaluate(
        """() => {
          const rows = document.querySelectorAll(".log li");
          getSelection().setBaseAndExtent(rows[0], 0, rows[1], 3);
        }"""
    )
    assert copied() == ["train one", "train two"]


def test_long_lines_wrap_where_the_reader_wants_and_stay_so(opened: Callable[..., Page], talk: Talk) -> None:
    talk.event("word " * 100)
    talk.store()
    page = opened()
    row = page.locator(".log li")
    assert (row.bounding_box() or {})["height"] == 18
    wrap = page.get_by_label("Wrap long lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert (row.bounding_box() or {})["height"] > 100
    page.reload()
    expect(page.get_by_label("Wrap long lines")).to_have_attribute("aria-pressed", "true")
    assert (row.bounding_box() or {})["height"] > 100


def test_at_a_past_moment_nothing_comes_and_back_at_live_all_of_it_is_there(
    opened: Callable[..., Page], talk: Talk
) -> None:
    talk.many(100, minutes=1)
    talk.store()
    page = opened()
    expect(texts(page).last).to_have_text("line 99")
    page.locator(".playhead").focus()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("body")).to_have_class(re.compile("is-past"))
    expect(texts(page).last).to_have_text("line 99")  # the last minute has no line
    talk.say("line 100")
    expect(page.locator('[data-out="record-note"]').first).not_to_be_empty()
    expect(page.locator(".pill")).to_be_hidden()
    expect(texts(page).last).to_have_text("line 99")
    page.keyboard.press("l")
    expect(texts(page).last).to_have_text("line 100")


def test_on_a_narrow_screen_it_has_a_tab_and_lines_are_whole(opened: Callable[..., Page], talk: Talk) -> None:
    talk.many(100, minutes=1)
    talk.event("word " * 40)
    talk.store()
    page = opened(viewport={"width": 390, "height": 844})
    page.get_by_role("tab", name="Log").click()
    expect(texts(page).last).to_be_in_viewport()
    assert (page.locator(".log li").last.bounding_box() or {})["height"] > 60
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
