"""What runreel raises.

::

    RunreelError
    ├── SettingError      a setting is wrong: names it, its value and the way out (exit code 2)
    ├── CodecError        bytes that are no event of the contract (they go to `runreel.dead`)
    ├── SpoolFull         only where RUNREEL_ON_FULL=raise
    ├── NotReachable      a server, broker or store did not answer in time
    └── NotFound          no such run, step or artifact

A wrong argument raises the built-in TypeError or ValueError, at the call.
"""

from __future__ import annotations

from runreel.parsers import split_login


class RunreelError(Exception):
    """The base of all that runreel raises on its own."""


class SettingError(RunreelError):
    """A setting that cannot be used. Never holds a secret's value.

    Args:
        name: the setting, as the user spells it (`RUNREEL_STORE`).
        value: what it is, or None where it is a secret; user info in an address is masked.
        way_out: what to do, in one sentence.
    """

    def __init__(self, name: str, value: str | None, way_out: str) -> None:
        address, login = split_login(value or "")
        if login is not None:
            value = address.replace("//", "//***@", 1) if "//" in address else f"***@{address}"
        self.name, self.value, self.way_out = name, value, way_out
        said = name if not value else f"{name}={value!r}"
        super().__init__(f"{said}: {way_out}")


class CodecError(RunreelError):
    """Bytes that are no event of the contract; the message is the reason, in one line."""


class SpoolFull(RunreelError):
    """The spool has reached its limit and RUNREEL_ON_FULL is `raise`."""


class NotReachable(RunreelError):
    """A server, broker or store did not answer in time."""


class NotFound(RunreelError):
    """No such run, step or artifact."""
