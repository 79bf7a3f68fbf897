"""What `start` and `join` find outside: settings, identity variables, and in tests a transport of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runreel.errors import SettingError
from runreel.ids import SAFE
from runreel.settings import Settings

if TYPE_CHECKING:
    from runreel.transports import Transport

RUN: Final = "RUNREEL_RUN_ID"
STEP: Final = "RUNREEL_STEP"
EXECUTION: Final = "RUNREEL_EXECUTION"
PARENT_SESSION: Final = "RUNREEL_PARENT_SESSION"

_safe = re.compile(SAFE).match


class Identity(msgspec.Struct, frozen=True):
    """Where a process belongs: what `environ()` of a run or a step says to it. All None: nowhere."""

    run: str | None = None
    step: str | None = None
    execution: str | None = None
    session: str | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Identity:
        """From environment variables.

        Raises:
            SettingError: RUNREEL_RUN_ID is no run's id.
        """
        run = environ.get(RUN) or None
        if run is None:
            return cls()
        if not is_safe(run):
            raise SettingError(RUN, run, "give the id of a run (letters, digits, . _ -), or unset it")
        execution, session = environ.get(EXECUTION), environ.get(PARENT_SESSION)
        return cls(run, environ.get(STEP) or None, execution or None, session or None)


def is_safe(text: str) -> bool:
    """Whether a text can be a run's id or a workspace: it becomes part of addresses and of names in the store."""
    return _safe(text) is not None


class Surroundings:
    """The process's own environment; `runreel.testing` puts another one in its place.

    Attributes:
        environ: the environment variables.
        shelf: where artifacts are kept and not shipped from; None: in the spool, to be shipped.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        transport: Callable[[], Transport] | None = None,
        folder: str | None = None,
        shelf: Path | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self._transport = transport
        self._folder = folder
        self.shelf = shelf

    def transport(self) -> Transport | None:
        """A new session's transport; None: the one that the settings ask for."""
        return None if self._transport is None else self._transport()

    def settings(self) -> Settings:
        """The settings in force.

        Raises:
            SettingError: one of them cannot be used.
        """
        return Settings(environ=self.environ, folder=self._folder)


_now = [Surroundings()]


def surroundings() -> Surroundings:
    """Those in force."""
    return _now[-1]


@contextmanager
def within(other: Surroundings) -> Iterator[None]:
    """Use `other` for the time of a block."""
    _now.append(other)
    try:
        yield
    finally:
        _now.remove(other)
