"""A session's folder in the spool: who it is of, and who has it now."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from runreel.errors import SettingError
from runreel.events import Role
from runreel.spool.lock import Lock, acquire

LOCK: Final = "lock"
META: Final = "meta.json"
PAGE: Final = "state"
FILES: Final = "files"
UPLOADS: Final = "uploads"
REFUSED: Final = "refused"
_NEW: Final = ".new-"
_STALE: Final = 86_400.0  # seconds after which a half-made folder is nobody's


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """Whose words a folder holds. `destination`: where they were meant to go (addresses, no secret)."""

    session: str
    run: str
    workspace: str
    source: str
    role: Role
    parent: str | None = None
    one_shot: bool = False
    destination: str = ""
    host: str = msgspec.field(default_factory=socket.gethostname)
    pid: int = msgspec.field(default_factory=os.getpid)


class Folder:
    """One session's folder, locked by this process."""

    def __init__(self, path: Path, meta: Meta, lock: Lock) -> None:
        self.path, self.meta, self._lock = path, meta, lock

    @property
    def files(self) -> Path:
        """Where copies of artifacts lie."""
        return self.path / FILES

    @property
    def uploads(self) -> Path:
        """Where the jobs of uploads lie."""
        return self.path / UPLOADS

    def remove(self) -> None:
        """All of it has been delivered: nothing is left. The state goes first (a folder without one has nothing to
        ship), the lock last, so that nobody takes a half-removed one."""
        (self.path / PAGE).unlink(missing_ok=True)
        for entry in list(self.path.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name not in (LOCK, META):
                entry.unlink(missing_ok=True)
        (self.path / META).unlink(missing_ok=True)
        (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()
        with contextlib.suppress(OSError):  # what is left, empty and without a lock, `folders` removes
            self.path.rmdir()

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()


def create(root: Path, meta: Meta) -> Folder:
    """A new session's folder, locked before anybody can see it.

    Raises:
        SettingError: the spool's folder cannot be made or written.
    """
    path, new = root / meta.session, root / f"{_NEW}{meta.session}"
    try:
        new.mkdir(parents=True, mode=0o700)
        (new / META).write_bytes(msgspec.json.encode(meta))
        lock = acquire(new / LOCK, create=True)
        if lock is None:
            raise OSError("its file system keeps no locks")
        new.rename(path)
        lock.move(path / LOCK)
    except OSError as error:
        raise SettingError(
            "RUNREEL_SPOOL_DIR",
            str(root),
            f"cannot be used ({error.strerror or error}): name a folder that is writable",
        ) from None
    return Folder(path, meta, lock)


def take(path: Path) -> Folder | None:
    """The folder of an ended process, or None where it is alive, taken by another, or gone."""
    try:
        lock = acquire(path / LOCK)
        if lock is None:
            return None
        try:
            meta = msgspec.json.decode((path / META).read_bytes(), type=Meta)
        except (OSError, msgspec.DecodeError):
            lock.release()
            return None
        return Folder(path, meta, lock)
    except OSError:
        return None


def read_meta(path: Path) -> Meta | None:
    """Whose folder it is, without taking it; None where it is none."""
    try:
        return msgspec.json.decode((path / META).read_bytes(), type=Meta)
    except (OSError, msgspec.DecodeError):
        return None


def folders(root: Path) -> Iterator[Path]:
    """The sessions' folders in a spool, alive or not. What a crash left half made is removed on the way."""
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return
    for name in names:
        path = root / name
        if name.startswith(_NEW):
            _tidy(path)
        elif (path / META).exists():
            yield path
        elif len(name) == 32:
            with contextlib.suppress(OSError):
                path.rmdir()  # emptied by somebody who died at the last step


def _tidy(path: Path) -> None:
    try:
        old = time.time() - path.stat().st_mtime > _STALE
    except OSError:
        return
    if old:
        shutil.rmtree(path, ignore_errors=True)
