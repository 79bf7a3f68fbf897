"""What a store is: named objects of bytes, written whole, listed in order."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK: Final = 1 << 20
"""Bytes that `Store.stream` yields at a time unless told otherwise."""

RESERVED: Final = ".runreel-tmp"
"""The first segment of a key that no object has: where a folder store keeps what it has not finished writing."""

_READ_AHEAD: Final = 256 << 10
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]")


class Info(msgspec.Struct, frozen=True):
    """An object without its bytes. `size` in bytes, `modified` in microseconds since 1970."""

    key: str
    size: int
    modified: int


class Store(Protocol):
    """Objects by key.

    A key is a relative path: segments parted by `/`, none of them empty, `.` or `..`; no key is a folder of another
    one. Methods raise ValueError for a key that is none, NotFound where an object is absent, NotReachable where the
    store does not answer in time, and SettingError where it refuses us. Safe to use from several threads.
    """

    def put(self, key: str, data: bytes) -> None:
        """Store `data` as `key`. A reader sees all of it or what was there before."""

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store what `chunks` yield, of any length, in bounded memory; answers the size. Atomic as `put` is."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's bytes. Atomic as `put` is."""

    def get(self, key: str) -> bytes:
        """An object's bytes."""

    def read(self, key: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of an object; fewer where it ends before, none beyond its end."""

    def stream(self, key: str, start: int = 0, length: int | None = None, chunk: int = CHUNK) -> Iterator[bytes]:
        """An object's bytes from `start`, at most `length`, in pieces of at most `chunk`."""

    def info(self, key: str) -> Info:
        """An object's size and time."""

    def list(self, prefix: str = "", after: str = "") -> Iterator[Info]:
        """Objects whose key begins with `prefix` and is greater than `after`, sorted by the key's bytes.

        An S3 store may hold the infos of one folder below `prefix` in memory at a time: go folder by folder
        (`folders`) where one may hold millions of objects in deeper ones.
        """

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below the folder `prefix` (`""`: the top), sorted by their bytes.

        One whose last object was deleted may still be among them: SeaweedFS keeps it.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; absent ones are no error."""

    def compose(self, key: str, sources: Sequence[str]) -> None:
        """Make `key` the concatenation of `sources`, which stay: on the store's side where it can. Atomic."""

    def open(self, key: str) -> BinaryIO:
        """An object as a seekable file that reads ranges, as pyarrow likes it."""

    def upload_url(self, key: str, seconds: int) -> str | None:
        """An address that takes the object by one HTTP PUT for so long; None: this store has none."""

    def start_parts(self, key: str) -> str | None:
        """Begin an upload in parts, for what one PUT cannot carry; answers its id. None: this store has none."""

    def part_url(self, key: str, upload: str, number: int, seconds: int) -> str:
        """An address that takes part `number` (from 1) of that upload by an HTTP PUT, which answers an ETag."""

    def finish_parts(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Make the object of all the parts, in order. Parts but the last are of 5 MiB or more.

        Raises:
            ValueError: the parts are not those that came, or one is too small.
        """

    def drop_parts(self, key: str, upload: str) -> None:
        """Give an upload in parts up; one that is gone is no error."""

    def check(self) -> None:
        """Make sure that the store can be reached, read and written.

        Raises:
            SettingError: it cannot, for a reason that a setting mends; says which, and the way out.
            NotReachable: it does not answer.
        """


def check_key(key: str) -> str:
    """The key itself, if it is one.

    Raises:
        ValueError: it is none; says why.
    """
    _refuse(key)
    if not key or any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError(f"key {key!r}: write a relative path without empty, `.` or `..` segments")
    if len(key.encode()) > 900 or any(len(segment.encode()) > 255 for segment in key.split("/")):
        raise ValueError(f"key {key[:60]!r}...: at most 900 bytes in all and 255 in a segment")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix of a listing itself, if it can be one: the beginning of a key, or nothing.

    Raises:
        ValueError: no key begins so.
    """
    _refuse(prefix)
    *folders, _ = prefix.split("/")
    if any(segment in ("", ".", "..") for segment in folders):
        raise ValueError(f"prefix {prefix!r}: no key begins so")
    return prefix


def _refuse(key: str) -> None:
    if _REFUSED.search(key):
        raise ValueError(f"key {key!r}: no control characters and no backslash")
    if key.split("/", 1)[0] == RESERVED:
        raise ValueError(f"key {key!r}: {RESERVED} is the store's own")


def folder_of(prefix: str) -> str:
    """The part of a listing's prefix up to its last `/`, which is a whole folder."""
    return prefix[: prefix.rfind("/") + 1]


class _Ranges(io.RawIOBase):
    def __init__(self, store: Store, info: Info) -> None:
        self._store, self._info, self._at = store, info, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}: before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        length = min(len(view), self._info.size - self._at)
        if length <= 0:
            return 0
        data = self._store.read(self._info.key, self._at, length)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def ranged_file(store: Store, key: str) -> BinaryIO:
    """An object as a seekable file over `Store.read`, with a read-ahead of 256 KiB.

    Raises:
        NotFound: there is no such object.
    """
    return io.BufferedReader(_Ranges(store, store.info(key)), _READ_AHEAD)
