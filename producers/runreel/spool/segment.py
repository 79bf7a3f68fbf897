"""A file of slots, allocated before it is mapped."""

from __future__ import annotations

import itertools
import mmap
import os
import sys
from pathlib import Path
from typing import Final

from runreel.spool.slots import SHIFT, SIZE

SUFFIX: Final = ".slots"
_REMOTE: Final = ("nfs", "cifs", "smb", "9p", "ceph", "lustre", "fuse", "glusterfs", "virtiofs", "afs")
_unique = itertools.count()


class Segment:
    """Slots `start` to `end` (exclusive) of one spool, in one file.

    `buffer` is the mapping, or None where the file system does not honour allocation or mapping: then `put` writes
    through the descriptor. `passed`: a slot at or beyond `end` was claimed, so every slot of this segment was.
    `reserved`: it was made of what is kept for structure.
    """

    __slots__ = ("_after", "buffer", "end", "fd", "passed", "path", "released", "reserved", "size", "start")

    def __init__(self, path: Path, start: int, size: int, fd: int, buffer: mmap.mmap | None) -> None:
        self.path, self.start, self.size, self.fd, self.buffer = path, start, size, fd, buffer
        self.end = start + (size >> SHIFT)
        self.passed = self.released = self.reserved = False
        self._after: dict[None, Segment] = {}

    @property
    def after(self) -> Segment | None:
        """The segment that begins where this one ends, if there is one yet."""
        return self._after.get(None)

    def follow(self, segment: Segment) -> Segment:
        """Link `segment` behind this one and answer the one that is linked: of two at once, one wins."""
        winner = self._after.setdefault(None, segment)
        if winner is not segment:
            segment.release()
        return winner

    def put(self, slot: int, raw: bytes) -> None:
        """Write one slot through the descriptor.

        Raises:
            OSError: the disk is full.
        """
        os.pwrite(self.fd, raw, (slot - self.start) << SHIFT)

    def view(self, slot: int, count: int = 1) -> memoryview:
        """The bytes of `count` slots from `slot` on."""
        offset = (slot - self.start) << SHIFT
        if self.buffer is not None:
            return memoryview(self.buffer)[offset : offset + (count << SHIFT)]
        raw = os.pread(self.fd, count << SHIFT, offset)
        return memoryview(raw + bytes((count << SHIFT) - len(raw)))

    def release(self) -> None:
        """Give the space back. No slot of it may be in use."""
        self.released = True
        self.path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Let go of the mapping and the descriptor; the file stays."""
        self.buffer = None
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def allocate(folder: Path, start: int, size: int, *, mapped: bool = True) -> Segment:
    """A new segment of `size` bytes whose space is there already.

    A sparse mapping on a full disk kills its process by SIGBUS; this one raises here instead. The name holds the first
    slot and something unique, so that two threads may make the same segment at once.

    Raises:
        OSError: no space, or no such folder.
    """
    path = folder / f"{start:016x}-{next(_unique):x}{SUFFIX}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        buffer = None
        if mapped and _allocated(fd, size):
            try:
                buffer = mmap.mmap(fd, size)
            except OSError:  # a file system without shared mappings: the descriptor serves
                buffer = None
        if buffer is not None:
            os.close(fd)  # mmap has its own
            fd = -1
    except BaseException:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return Segment(path, start, size, fd, buffer)


def _allocated(fd: int, size: int) -> bool:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno in (95, 22):  # EOPNOTSUPP, EINVAL: this file system cannot
            return False
        raise
    return os.fstat(fd).st_blocks * 512 >= size  # some say yes and allocate nothing


def load(path: Path) -> Segment:
    """The segment of an ended process, to be read only.

    Raises:
        OSError, ValueError: it is none.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    size = os.fstat(fd).st_size // SIZE * SIZE
    segment = Segment(path, int(path.name.split("-")[0], 16), size, fd, None)
    segment.passed = True
    return segment


def mappable(folder: Path) -> bool:
    """Whether the file system of `folder` honours allocation and mapping: no network or user-space one does."""
    if sys.platform != "linux":
        return hasattr(os, "posix_fallocate")
    try:
        device = folder.stat().st_dev
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields = line.split()
            if fields[2] == f"{os.major(device)}:{os.minor(device)}":
                return not fields[fields.index("-") + 1].startswith(_REMOTE)
    except (OSError, ValueError, IndexError):
        return False
    return True
