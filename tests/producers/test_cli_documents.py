"""The pages on settings and on the command line have all that there is, as it is."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import settings_page
from runreel.cli import group

CLI = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def test_the_settings_page_is_current() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page(), "run: python tests/settings_page.py"


@pytest.mark.parametrize("name", sorted(group.list_commands(click.Context(group))))
def test_every_command_is_on_the_page(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert f"runreel {name}" in CLI
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            assert f"runreel {name} {inner}" in CLI, inner
