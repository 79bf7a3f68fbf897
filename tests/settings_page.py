"""Writes `docs/settings.md` from the declaration of the settings: `python tests/settings_page.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runreel import parsers
from runreel.settings import SETTINGS, Setting

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

INTRODUCTION = """# Settings

Environment variables `RUNREEL_*`, then `runreel.toml` in the working directory, then defaults; a command's own flags
win over all. In `runreel.toml` the names are in lower case and without the prefix:

```text
kafka = "broker-1:9092,broker-2:9092"
store = "s3://ml-runs/prod"
s3_endpoint = "http://minio:9000"
workspace = "research"
exit_wait = 30
```

Nothing needs to be set on one machine: steps find its `runreel up` by a file in the state folder. A value that cannot
be used, and a key that is no setting, end a command at once with exit code 2 and one line that says what to write
instead; `runreel doctor` tells all of them, and what else is wrong.

| variable | default | what it is |
|---|---|---|
"""

REST = """
Sizes are written like `512 KiB` or `2 GiB`, spans like `12 h` or `7 d`, switches as `1` or `0`. Secrets are never
shown, logged, or said in events.

## What runreel says to its own children

`run.environ()`, `step.environ()`, `runreel exec` and `runreel emit` set these; nobody needs to write them by hand.

| variable | what it is |
|---|---|
| `RUNREEL_RUN_ID` | the run to join; a scheduler may give an id of its own here |
| `RUNREEL_STEP` | the path of the step that the process is part of |
| `RUNREEL_EXECUTION` | that step's attempt |
| `RUNREEL_PARENT_SESSION` | the session of the process that started this one |
| `RUNREEL_OUTER` | of `runreel emit step`: the steps to go back to |
"""


def page() -> str:
    """The page as it should be."""
    return INTRODUCTION + "".join(_row(setting) for setting in SETTINGS) + REST


def _row(setting: Setting) -> str:
    secret = " Secret." if setting.secret else ""
    return f"| `{setting.variable}` | {_default(setting)} | {setting.help}{secret} |\n"


def _default(setting: Setting) -> str:
    value: Any = setting.default
    if value in ("", None, {}):
        return ""
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if setting.parse is parsers.size:
        unit = next((each for each in ("GiB", "MiB", "KiB") if value % parsers.size(f"1 {each}") == 0), "B")
        return f"`{value // parsers.size(f'1 {unit}')} {unit}`"
    if setting.parse is parsers.span:
        return f"`{value / 86_400:g} d`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page())
