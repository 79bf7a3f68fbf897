"""Artifact bytes on their way: a small job file for each in the session's folder until they have arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from runreel.hub import replace


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One upload. `done`: chunks of it that have arrived."""

    artifact: str
    path: str
    by: Literal["chunks", "claim"]
    size: int
    sha256: str
    name: str
    run: str
    workspace: str
    done: int = 0


def keep(folder: Path, job: Job) -> None:
    """Have `job` done, by this process or whoever finds it.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(exist_ok=True)
    replace(folder / f"{job.artifact}.json", msgspec.json.encode(job))
