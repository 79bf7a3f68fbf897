"""A real Chromium as fixtures. A page that complains, or that asks anyone but this machine, fails its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from native_stack.install import CHROMIUM, HEADLESS
from native_stack.machine import free_port
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

import commands
from chromium import FLAGS, Watch
from native import require
from puppets import Puppet
from tabs import Tabs

PATIENCE = 30_000  # milliseconds that a page may take to be as expected: the machine may be busy

# Without windows Chromium says that notifications are blocked, whatever it is told; a page of a person's may ask.
UNDECIDED = """self.Notification && Object.defineProperty(
    Notification, "permission", { configurable: true, get: () => "default" })"""


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    require("chromium", CHROMIUM.exists())
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium, shared by the session: the one without windows where it is installed, for it is lighter."""
    path = HEADLESS if HEADLESS.exists() else CHROMIUM
    with _playwright.chromium.launch(executable_path=path, args=list(FLAGS)) as launched:
        yield launched


@pytest.fixture(scope="session")
def windows(_playwright: Playwright) -> Iterator[Browser]:
    """A Chromium that has windows, though nobody sees them, shared by the session."""
    with _playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS)) as launched:
        yield launched


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
            context.add_init_script(UNDECIDED)
            watch.attach(context)
            return context.new_page()

        yield make


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page in a fresh context: no cookies, no storage, no cache of another test."""
    return new_page()


@pytest.fixture
def tabs(windows: Browser, watch: Watch) -> Iterator[Tabs]:
    """A window whose tabs hide each other."""
    made = Tabs(windows, watch)
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a module's `runreel up` and its pipelines have their state."""
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def machine(folder: Path) -> Iterator[commands.Up]:
    """A running `runreel up`, at a port at which it can come back."""
    with commands.up(folder, "--port", str(free_port())) as running:
        yield running


@pytest.fixture
def puppet(machine: commands.Up, folder: Path) -> Iterator[Puppet]:
    """A pipeline of one process, told what to do; it finds `up` by itself."""
    made = Puppet(folder)
    yield made
    made.close()
