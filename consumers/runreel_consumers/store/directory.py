"""A store that is a folder: one file an object."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from runreel.errors import NotFound, NotReachable, SettingError
from runreel_consumers.store.base import CHUNK, RESERVED, Info, check_key, check_prefix, folder_of

_ABANDONED_AFTER: Final = 24 * 3600.0  # seconds since its last write, after which nobody finishes a temporary file
_REFUSALS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class DirectoryStore:
    """Objects as files below one folder, which the first write makes.

    A write goes to a temporary file in the same file system, is synced, then renamed: a reader, and a machine that
    comes up after a power cut, sees all of it or nothing. Files are never changed in place.

    Args:
        folder: where the objects lie.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._root = str(self.folder)

    def __repr__(self) -> str:
        return f"DirectoryStore({self._root!r})"

    def put(self, key: str, data: bytes) -> None:
        """Store `data` as `key`."""
        self.put_stream(key, (data,))

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store what `chunks` yield; answers the size."""

        def write(file: BinaryIO) -> None:
            for chunk in chunks:
                file.write(chunk)

        return self._write(key, write)

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's bytes."""
        with open(path, "rb") as source:
            self._write(key, lambda file: shutil.copyfileobj(source, file, CHUNK))

    def get(self, key: str) -> bytes:
        """An object's bytes."""
        with self._reading(key) as file, self._translated(key):
            return file.read()

    def read(self, key: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of an object; fewer where it ends before."""
        with self._reading(key) as file, self._translated(key):
            file.seek(start)
            return file.read(length)

    def stream(self, key: str, start: int = 0, length: int | None = None, chunk: int = CHUNK) -> Iterator[bytes]:
        """An object's bytes from `start`, at most `length`, in pieces of at most `chunk`."""
        left = length
        with self._reading(key) as file:
            file.seek(start)
            while left is None or left > 0:
                with self._translated(key):
                    piece = file.read(chunk if left is None else min(chunk, left))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece

    def info(self, key: str) -> Info:
        """An object's size and time."""
        path = self._path(key)
        with self._translated(key):
            return _info(key, os.stat(path)) if os.path.isfile(path) else self._absent(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Info]:
        """Objects whose key begins with `prefix` and is greater than `after`, sorted by the key's bytes."""
        return self._walk(folder_of(check_prefix(prefix)), prefix, after)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below the folder `prefix`, sorted by their bytes."""
        base = check_prefix(prefix and prefix.rstrip("/") + "/")
        yield from sorted(name[:-1] for name, _ in self._entries(base) if name.endswith("/"))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; absent ones are no error. Folders that become empty go with them."""
        for key in keys:
            path = self._path(key)
            with self._translated(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(path)
                self._prune(os.path.dirname(path))

    def compose(self, key: str, sources: Sequence[str]) -> None:
        """Make `key` the concatenation of `sources`; a single source is linked, not copied."""
        if len(sources) == 1:
            source = self._path(sources[0])
            if not os.path.isfile(source):
                self._absent(sources[0])
            with contextlib.suppress(OSError):  # no hard links here: copied below, which reports what is wrong
                self._place(key, lambda temporary: os.link(source, temporary))
                return

        def write(file: BinaryIO) -> None:
            for source in sources:
                with self._reading(source) as piece:
                    shutil.copyfileobj(piece, file, CHUNK)

        self._write(key, write)

    def open(self, key: str) -> BinaryIO:
        """An object as a seekable file."""
        return self._reading(key)

    def upload_url(self, key: str, seconds: int) -> str | None:
        """None: a folder takes no HTTP."""
        return None

    def start_parts(self, key: str) -> str | None:
        """None: a folder takes no HTTP."""
        return None

    def part_url(self, key: str, upload: str, number: int, seconds: int) -> str:
        """Never to be called: `start_parts` answers None."""
        raise ValueError("a folder takes no upload in parts")

    def finish_parts(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Never to be called: `start_parts` answers None."""
        raise ValueError("a folder takes no upload in parts")

    def drop_parts(self, key: str, upload: str) -> None:
        """Nothing to do: `start_parts` answers None."""

    def check(self) -> None:
        """Make sure that the folder can be made, written, read and listed; collects what killed writers left."""
        probe = f"check-{uuid.uuid4().hex}"
        self.put(probe, b"runreel")
        try:
            if self.get(probe) != b"runreel":
                raise NotReachable(f"the folder {self._root} does not give back what was written")
            with self._translated(""):
                os.listdir(self._root)
        finally:
            self.delete([probe])
        for name in os.listdir(self._temporary()):
            path = os.path.join(self._temporary(), name)
            with contextlib.suppress(OSError):  # finished, or another's: either way not ours to collect
                if time.time() - os.stat(path).st_mtime > _ABANDONED_AFTER:
                    os.unlink(path)

    def _path(self, key: str) -> str:
        return os.path.join(self._root, check_key(key))

    def _temporary(self) -> str:
        return os.path.join(self._root, RESERVED)

    def _made_temporary(self) -> str:
        folder = self._temporary()
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            way_out = "is no folder and cannot be made one: name another folder"
            raise SettingError("RUNREEL_STORE", f"dir:{self._root}", way_out) from None
        return folder

    def _absent(self, key: str) -> Info:
        raise NotFound(f"{key} is not in the store {self._root}")

    @contextlib.contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self._absent(key)
        except (NotADirectoryError, IsADirectoryError):
            raise ValueError(f"key {key!r}: it, or a folder that it lies in, is another key's") from None
        except OSError as error:
            if error.errno in _REFUSALS:
                way_out = f"cannot be read or written ({error.strerror}): mend its permissions or name another folder"
                raise SettingError("RUNREEL_STORE", f"dir:{self._root}", way_out) from None
            raise NotReachable(f"the folder {self._root} cannot be used: {error.strerror or error}") from error

    def _reading(self, key: str) -> BinaryIO:
        path = self._path(key)
        with self._translated(key):
            try:
                return open(path, "rb")
            except (IsADirectoryError, NotADirectoryError):
                self._absent(key)
                raise

    def _write(self, key: str, write: Callable[[BinaryIO], object]) -> int:
        size = 0

        def make(temporary: str) -> None:
            nonlocal size
            with open(temporary, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()

        with self._translated(key):
            self._place(key, make)
        return size

    def _place(self, key: str, make: Callable[[str], object]) -> None:
        """Have `make` write a temporary file, then give it its name, so that the name outlasts a power cut."""
        path = self._path(key)
        temporary = os.path.join(self._made_temporary(), uuid.uuid4().hex)
        try:
            make(temporary)
            while True:
                self._make_folder(os.path.dirname(path))
                try:
                    os.replace(temporary, path)
                except FileNotFoundError:  # a delete has just pruned the folder
                    os.stat(temporary)
                    continue
                with contextlib.suppress(FileNotFoundError):  # deleted already, and the folder with it
                    _sync(os.path.dirname(path))
                return
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    def _make_folder(self, folder: str) -> None:
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for new in reversed(missing):
            with contextlib.suppress(FileNotFoundError):  # pruned meanwhile: the caller comes again
                try:
                    os.mkdir(new)
                    _sync(os.path.dirname(new))
                except FileExistsError:
                    if not stat.S_ISDIR(os.stat(new).st_mode):
                        raise NotADirectoryError(errno.ENOTDIR, "is a file", new) from None

    def _prune(self, folder: str) -> None:
        while len(folder) > len(self._root):
            try:
                os.rmdir(folder)
            except OSError:  # not empty, or gone already
                return
            folder = os.path.dirname(folder)

    def _entries(self, base: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """What lies in the folder `base`, sorted as keys sort: a folder's name counts with its `/`."""
        with self._translated(base):
            try:
                with os.scandir(os.path.join(self._root, base)) as found:
                    named = [(entry.name + "/" * entry.is_dir(), entry) for entry in found]
            except (FileNotFoundError, NotADirectoryError):
                return
        for name, entry in sorted(named, key=lambda pair: pair[0].encode(errors="surrogateescape")):
            if base or entry.name != RESERVED:
                yield name, entry

    def _walk(self, base: str, prefix: str, after: str) -> Iterator[Info]:
        for name, entry in self._entries(base):
            key = base + name
            if name.endswith("/"):
                if (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                    yield from self._walk(key, prefix, after)
            elif key.startswith(prefix) and key > after:
                with self._translated(key):
                    try:
                        status = entry.stat()
                    except FileNotFoundError:  # deleted since the folder was read
                        continue
                yield _info(key, status)


def _info(key: str, status: os.stat_result) -> Info:
    return Info(key, status.st_size, status.st_mtime_ns // 1000)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
