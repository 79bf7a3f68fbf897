"""A real Chromium as fixtures. A page that complains, or that asks anyone but this machine, fails its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from native_stack.install import CHROMIUM
from playwright.sync_api import Browser, Page, sync_playwright

from chromium import FLAGS, Watch
from native import require


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, shared by the session."""
    require("chromium", CHROMIUM.exists())
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """The complaints of this test's pages; what is left of them at its end fails it."""
    watching = Watch()
    yield watching
    assert watching.complaints() == []


@pytest.fixture
def new_page(browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """`new_page(color_scheme="dark", viewport={...})` opens a page in a fresh context with Playwright's options."""
    with ExitStack() as contexts:

        def make(**options: Any) -> Page:
            context = contexts.enter_context(browser.new_context(**options))
            watch.attach(context)
            return context.new_page()

        yield make


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page in a fresh context: no cookies, no storage, no cache of another test."""
    return new_page()
