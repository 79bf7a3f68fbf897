"""The public names, how light they are, and how they look to a type checker."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import runreel
import runreel.testing
from runreel.errors import RunreelError

ROOT = Path(__file__).parents[2]
LATE = ("flask", "pandas", "plotly", "pyarrow", "minio", "numpy", "confluent_kafka", "multiprocessing", "asyncio")


def test_public_names_are_exactly_all() -> None:
    found = {
        name for name, value in vars(runreel).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert found == set(runreel.__all__)
    assert runreel.__all__ == sorted(runreel.__all__)


def public() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [(name, getattr(runreel, name)) for name in runreel.__all__]
    found += [("testing.capture", runreel.testing.capture), ("testing.Said", runreel.testing.Said)]
    for name, value in list(found):
        if inspect.isclass(value) and not issubclass(value, Exception):
            members = {key: member for kind in value.__mro__[:-1] for key, member in vars(kind).items()}
            found += [
                (f"{name}.{key}", member)
                for key, member in members.items()
                if not key.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
            ]
    return found


@pytest.mark.parametrize(("name", "value"), public(), ids=[name for name, _ in public()])
def test_every_public_name_has_a_docstring(name: str, value: object) -> None:
    assert inspect.getdoc(value)


@pytest.mark.parametrize("name", [name for name in runreel.__all__ if inspect.isfunction(getattr(runreel, name))])
def test_module_functions_take_what_the_methods_take(name: str) -> None:
    """`runreel.metric` and `step.metric` are one word with one meaning."""
    method = getattr(runreel.Step, name, None)
    if method is None or name == "step":
        return
    ours = list(inspect.signature(getattr(runreel, name)).parameters.values())
    theirs = list(inspect.signature(method).parameters.values())[1:]
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


def test_all_errors_are_one_family() -> None:
    errors = [value for _, value in public() if inspect.isclass(value) and issubclass(value, Exception)]
    assert errors
    assert all(issubclass(error, RunreelError) for error in errors)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_loads_nothing_that_is_not_needed_yet() -> None:
    assert python(f"import sys, runreel; print([name for name in {LATE!r} if name in sys.modules])") == "[]"


def test_a_users_type_checker_agrees() -> None:
    """Packages are typed: `mypy --strict` on a file that uses them as a user would."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing/api.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
