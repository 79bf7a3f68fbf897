"""Liveness: a POSIX record lock. It ends with its process; no child inherits it (`flock` would survive in one)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from struct import Struct
from typing import Final

_FLOCK: Final = Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid
_held: dict[str, object] = {}  # what this process has: the kernel would give a process its own lock twice


class Lock:
    """A lock that is held. Nothing else in this process may open and close its file: that would end it."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd, self._pid = path, fd, os.getpid()

    def release(self) -> None:
        """Let go. In a forked child, which never had it, nothing but the descriptor is closed."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        os.close(fd)
        if os.getpid() == self._pid:
            _held.pop(str(self.path), None)

    def move(self, path: Path) -> None:
        """The file has been renamed."""
        _held[str(path)] = self
        _held.pop(str(self.path), None)
        self.path = path


def acquire(path: Path, *, create: bool = False) -> Lock | None:
    """The lock on `path`, or None where somebody has it, in this process or another, or the file is gone.

    Raises:
        OSError: the file cannot be opened for writing.
    """
    token = object()
    if _held.setdefault(str(path), token) is not token:
        return None
    fd = -1
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino != path.stat().st_ino:  # removed, or replaced, between the two
            raise FileNotFoundError(str(path))
    except (BlockingIOError, PermissionError, FileNotFoundError) as error:
        if fd >= 0:
            os.close(fd)
        _held.pop(str(path), None)
        if isinstance(error, PermissionError) and fd < 0:
            raise
        return None
    except BaseException:
        if fd >= 0:
            os.close(fd)
        _held.pop(str(path), None)
        raise
    lock = Lock(path, fd)
    _held[str(path)] = lock
    return lock


def held_here(path: Path) -> bool:
    """Whether this process has the lock on `path`."""
    return str(path) in _held


def is_held(path: Path) -> bool:
    """Whether another process has the lock on `path`."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # F_GETLK: looking does not take it, so that two who look at once do not mislead each other.
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(fd)


def forget() -> None:
    """In a forked child: it has none of its parent's locks."""
    _held.clear()


os.register_at_fork(after_in_child=forget)
