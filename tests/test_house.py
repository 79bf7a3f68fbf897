"""The walls of the house: arrows one way, a light SDK, modules of one noun."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "runreel": ROOT / "producers/runreel",
    "runreel_consumers": ROOT / "consumers/runreel_consumers",
    "runreel_server": ROOT / "viz_server/runreel_server",
}
ORDER = list(PACKAGES)
HEAVY = ("flask", "pandas", "plotly", "pyarrow", "minio", "numpy")


def imported(source: str) -> Iterator[str]:
    """The modules that a source imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(package: str) -> None:
    """runreel_server -> runreel_consumers -> runreel, and never back."""
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in PACKAGES[package].rglob("*.py")
        for module in imported(path.read_text())
        if module.split(".")[0] in ORDER[ORDER.index(package) + 1 :]
    ]
    assert wrong == []


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    """A step that says what it does pays for the SDK alone."""
    code = f"import sys, runreel; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["producers", "consumers", "viz_server"])
def test_source_roots_are_no_packages(folder: str) -> None:
    """A source root holds one uniquely named package and is none itself."""
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("package", ORDER)
def test_packages_say_that_they_are_typed(package: str) -> None:
    """Type checkers of users read our annotations."""
    assert (PACKAGES[package] / "py.typed").exists()


def test_modules_stay_within_400_lines() -> None:
    """A module is one noun; a longer one is two."""
    sources = [p for root in (*PACKAGES.values(), ROOT / "tests", ROOT / "deploy") for p in root.rglob("*.py")]
    assert [f"{p.relative_to(ROOT)} {n}" for p in sources if (n := p.read_text().count("\n")) > 400] == []
