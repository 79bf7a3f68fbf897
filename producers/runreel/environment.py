"""Where a run runs: command, host, Python, commit, installed packages."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runreel import masks
from runreel.values import clean

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def describe() -> dict[str, Any]:
    """What a run tells of its process. Takes some milliseconds; never raises, what cannot be had is absent."""
    found = {
        "command": masks.command(sys.orig_argv),
        "host": platform.node(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "folder": _folder(),
        "commit": commit(_home()),
        "packages": packages(sys.path),
    }
    return {name: value for name, value in found.items() if value}


def user() -> str:
    """Who runs this process; empty where that cannot be told."""
    found = os.environ.get("USER") or os.environ.get("LOGNAME")
    if found:
        return clean(found)
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return ""


def _folder() -> str:
    try:
        return clean(os.getcwd())
    except OSError:
        return ""


def _home() -> Path | None:
    """The folder of the program, or the working directory where the program is an installed tool."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main and not Path(main).resolve().is_relative_to(Path(sys.prefix).resolve()):
        return Path(main).resolve().parent
    folder = _folder()
    return Path(folder) if folder else None


def commit(folder: Path | None) -> str | None:
    """The commit checked out in the repository round `folder`, read from its files; None where there is none."""
    try:
        for place in (folder, *folder.parents) if folder else ():
            found = place / ".git"
            if found.exists():
                return _head(found)
    except (OSError, UnicodeDecodeError):
        return None
    return None


def _head(git: Path) -> str | None:
    if git.is_file():  # a worktree or a submodule: `gitdir: PATH`
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head if _HASH.fullmatch(head) else None
    ref = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    common = git / shared.read_text().strip() if shared.exists() else git
    for folder in (git, common):
        if (folder / ref).is_file():
            return (folder / ref).read_text().strip()
    packed = common / "packed-refs"
    for line in packed.read_text().splitlines() if packed.exists() else ():
        number, _, name = line.partition(" ")
        if name == ref:
            return number
    return None


def packages(folders: Sequence[str]) -> dict[str, str]:
    """The installed distributions in `folders`, name -> version, by the names of their metadata folders.

    `importlib.metadata` parses each one's METADATA: 150 packages cost a start 100 ms, their folder's names cost 1.
    """
    found: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        for name, version in _installed(folder):
            found.setdefault(name, version)  # the first on the path is the one that is imported
    return dict(sorted(found.items()))


def _installed(folder: str) -> Iterator[tuple[str, str]]:
    try:
        entries = os.listdir(folder or ".")
    except OSError:
        return
    for entry in entries:
        stem, dot, ending = entry.rpartition(".")
        if dot and ending in ("dist-info", "egg-info"):
            name, dash, version = stem.partition("-")
            if dash:
                yield name.replace("_", "-").lower(), version.partition("-")[0]
