"""The documents are true: every code block runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import parts
from native import Native
from support import wait_for

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NOT_RUN = {"", "text", "http"}
ELSEWHERE = ("make demo", "runreel demo", "pip install", "docker compose", "kubectl")
"""Blocks that other tests run, the demo's, the wheel's and those of what is deployed, or that need a cluster."""


class Block(NamedTuple):
    """A fenced block: where it stands, its language, its text, what it needs, and which file it quotes."""

    page: Path
    line: int
    language: str
    text: str
    needs: str
    source: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page.

    A comment before one says what it gets: `<!-- with: up -->` a running `runreel up`, `<!-- with: native -->` a real
    Kafka and MinIO. `<!-- from: FILE -->` says that it quotes a file, in pieces parted by `...`; it is not run.
    """
    pattern = re.compile(r"(?:<!-- (with|from): (\S+) -->\n)?^```(\w*)\n(.*?)^```", re.M | re.S)
    text = page.read_text()
    for found in pattern.finditer(text):
        given = {found[1]: found[2]}
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found[3], found[4], given.get("with", ""), given.get("from", ""))


ALL = [block for page in PAGES for block in blocks(page)]
COMMANDS = {
    "python": (sys.executable, "-c"),
    "sh": ("bash", "-euc"),
    "js": ("node", "--input-type=module", "-e"),
}
QUOTES = [block for block in ALL if block.source]
RUN = [
    block
    for block in ALL
    if block.language in COMMANDS and not block.source and not any(word in block.text for word in ELSEWHERE)
]


def named(block: Block) -> str:
    """A block's name in the test's report."""
    return f"{block.page.name}:{block.line}"


def environ(folder: Path) -> dict[str, str]:
    """An environment in which `runreel` is this one, and its state is the test's own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RUNREEL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return {**clean, "PATH": path, "RUNREEL_STATE_DIR": str(folder / "state"), "RUNREEL_EXIT_WAIT": "10"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running `runreel up`, and the environment in which it is found."""
    folder = tmp_path_factory.mktemp("up")
    environment = environ(folder)
    command = [sys.executable, "-m", "runreel", "up", "--port", "8900"]
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        hub = folder / "state" / "hub.json"
        wait_for(lambda: hub.exists() or process.poll() is not None, 60, what="runreel up")
        yield {**environment, "RUNREEL_URL": json.loads(hub.read_bytes())["url"]}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture
def real(native: Native, prefix: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a real Kafka and MinIO, with topics that no other test has."""
    return {**environ(tmp_path), **parts.settings(native, native.bucket, prefix), "RUNREEL_EXIT_WAIT": "30"}


def test_every_block_has_a_language_that_is_known() -> None:
    """A block that nobody runs must not pass for one that is run."""
    assert {block.language for block in ALL} <= {*COMMANDS, "json", "sql", *NOT_RUN}


@pytest.mark.parametrize("block", [block for block in ALL if block.language == "json"], ids=named)
def test_json_blocks_are_json(block: Block) -> None:
    """They can be copied."""
    json.loads(block.text)


@pytest.mark.parametrize("block", QUOTES, ids=named)
def test_quotes_stand_in_what_they_quote(block: Block) -> None:
    """Line by line, at whatever indent."""
    source = (ROOT / block.source).read_text()
    for piece in block.text.split("...\n"):
        assert any(textwrap.indent(piece, " " * indent) in source for indent in range(0, 25, 4)), piece


@pytest.mark.timeout(120)
@pytest.mark.parametrize("block", RUN, ids=named)
def test_blocks_run(block: Block, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As they stand, in a folder of their own."""
    given = {"up": "up", "native": "real"}
    environment = request.getfixturevalue(given[block.needs]) if block.needs else environ(tmp_path)
    command = [*COMMANDS[block.language], block.text]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if not block.needs:
        environment |= {"RUNREEL_TRANSPORT": "null", "RUNREEL_EXIT_WAIT": "1"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{named(block)}\n{done.stdout}{done.stderr}"
