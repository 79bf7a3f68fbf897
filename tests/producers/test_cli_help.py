"""The command line itself: every command has help, and nothing heavy is loaded for it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from commands import COMMAND, environ, run
from runreel.cli import EXTRAS, GROUP, group

ROOT = Path(__file__).parents[2]
NAMES = sorted(point.name for point in entry_points(group=GROUP))

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from runreel.cli import main
main({arguments!r})
"""


def core_only(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command where only the core is installed."""
    source = WITHOUT.format(absent=set(EXTRAS), arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", source],
        env=environ(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All commands, with those inside others."""
    found = [path]
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                found += commands(inner, (*path, name))
    return found


ALL = commands(group)


def test_every_command_of_the_design_is_there() -> None:
    wanted = "consume demo doctor emit exec export import replay runs schema serve sync tail topics up"
    assert set(wanted.split()) <= set(NAMES)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert sorted(declared) == NAMES


def test_the_extras_known_are_those_of_the_distribution() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) <= set(declared)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    command: click.Command = group
    for name in path:
        assert isinstance(command, click.Group)
        with click.Context(command) as context:
            found = command.get_command(context, name)
        assert found is not None
        command = found
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option)), command.name


def test_help_works_with_the_core_alone(tmp_path: Path) -> None:
    for arguments in (("--help",), *((name, "--help") for name in NAMES)):
        done = core_only(tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage: runreel" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("up",), "server"),
        (("serve",), "server"),
        (("demo",), "demo"),
        (("consume", "archive"), "consumers"),
        (("topics", "create"), "consumers"),
        (("export", "last"), "consumers"),
        (("replay",), "consumers"),
    ],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(
    tmp_path: Path, arguments: tuple[str, ...], extra: str
) -> None:
    done = core_only(tmp_path, *arguments)
    assert done.returncode == 1
    assert re.fullmatch(rf"runreel: this command needs \w+: pip install 'runreel\[{extra}\]'\n", done.stderr)


def test_doctor_says_what_it_could_not_look_at(tmp_path: Path) -> None:
    done = core_only(tmp_path, "doctor")
    assert "not looked at: " in done.stdout
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "upp")
    assert (done.returncode, b"No such command 'upp'" in done.stderr) == (2, True)


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    """`runreel schema | head -1`."""
    writer = subprocess.Popen(
        [*COMMAND, "schema"], env=environ(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    with writer.stderr as stderr:
        assert stderr.read() == b""
    writer.wait(30)
