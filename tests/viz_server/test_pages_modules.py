"""The pages' modules: their own tests, their size. `make lint` checks their types."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import runreel_server

JS = Path(__file__).parent / "js"
STATIC = Path(runreel_server.__file__).parent / "static"
MODULES = sorted((STATIC / "js").glob("*.js"))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_their_own_tests_pass() -> None:
    done = subprocess.run(["node", "--test", str(JS)], capture_output=True, text=True, check=False, env={"TZ": "UTC"})
    assert done.returncode == 0, done.stdout[-4_000:]


def test_no_module_is_long() -> None:
    assert {
        path.name: len(path.read_text().splitlines()) for path in MODULES if len(path.read_text().splitlines()) > 300
    } == {}


def test_all_own_script_is_less_than_sixty_kilobytes() -> None:
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in MODULES) < 60_000


def test_modules_import_only_their_siblings_and_ask_only_this_server() -> None:
    for path in MODULES:
        text = path.read_text()
        assert all(
            name.startswith("./")
            for name in re.findall(r"(?:^import [^\"']*|import\()[\"']([^\"']+)", text, re.MULTILINE)
        ), path.name
        assert not [url for url in re.findall(r"https?://[^\s\"'`)]+", text) if url != "http://www.w3.org/2000/svg"], (
            path.name
        )


def test_no_module_turns_text_into_elements() -> None:
    """Only home takes HTML, and only the page's own, from the server that made the page."""
    for path in MODULES:
        used = set(
            re.findall(
                r"innerHTML\s*=[^=]|insertAdjacentHTML|outerHTML\s*=|document\.write|DOMParser|\beval\(|new Function",
                path.read_text(),
            )
        )
        assert used <= ({"DOMParser"} if path.name == "home.js" else set()), path.name
