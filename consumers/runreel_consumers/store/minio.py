"""A store that is a bucket of an S3 service: MinIO, SeaweedFS, Amazon S3 and others, through minio-py."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.datatypes import Part as Uploaded
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from runreel.bucket import AMAZON
from runreel.errors import NotFound, NotReachable, SettingError
from runreel_consumers.store.base import CHUNK, Info, check_key, check_prefix, folder_of, ranged_file
from runreel_consumers.store.multipart import MOST, Part, plan
from runreel_consumers.store.ordering import by_bytes, safe_start
from runreel_consumers.store.refusals import translated

_TIMEOUT: Final = 10.0  # seconds; a consumer that waits longer for its store loses its place in the group
_PART: Final = 8 << 20
_COPIES: Final = 4  # parts that the service copies at the same time
_DENIALS: Final = 3
_DENIED_SECONDS: Final = 0.2
_GROWS_EACH: Final = 1000  # parts; then the part size doubles, so that 10,000 parts hold 8 TB
_RESUMES: Final = 2  # tries to go on with a broken stream that has given nothing since the last one
_Headers = dict[str, str | list[str] | tuple[str]]
_BROKEN: Final = (urllib3.exceptions.ProtocolError, urllib3.exceptions.TimeoutError)


class MinioStore:
    """Objects in a bucket, below a prefix. Speaks to nobody until a method is called.

    Uses the parts of minio-py (pinned below 8) that its own `put_object` is made of, because no public method of it
    joins pieces of any sizes or lets a part's size grow.

    Args:
        bucket: the bucket's name.
        prefix: what all keys begin with inside the bucket, without slashes around it.
        endpoint: address of the service, such as `http://127.0.0.1:9000`.
        keys: access key, secret key, session token or None.
        region: the service's region.

    Raises:
        SettingError: the endpoint is no such address, or the bucket's name cannot be one.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str = AMAZON,
        keys: tuple[str, str, str | None],
        region: str = "us-east-1",
    ) -> None:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.netloc or address.path.strip("/"):
            raise SettingError("RUNREEL_S3_ENDPOINT", endpoint, "write an address like http://127.0.0.1:9000")
        self.bucket, self.prefix, self.endpoint = bucket, prefix.strip("/"), endpoint
        self._base = self.prefix and check_key(self.prefix) + "/"
        self._secure, self._netloc, self._keys, self._region = address.scheme == "https", address.netloc, keys, region
        self._client, self._process = self._connect(), os.getpid()

    def __repr__(self) -> str:
        return f"MinioStore({self.bucket!r}, {self.prefix!r}, endpoint={self.endpoint!r})"

    def put(self, key: str, data: bytes) -> None:
        """Store `data` as `key`."""
        with self._translated(key):
            self._minio._put_object(self.bucket, self._name(key), data, {})

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store what `chunks` yield; answers the size. Holds one part: 8 MiB, and more as the object grows."""
        name = self._name(key)
        parts = _parts(chunks)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            self.put(key, first)
            return len(first)
        size = 0

        def send(upload: _Upload) -> None:
            nonlocal size
            for number, data in enumerate(itertools.chain((first, second), parts), 1):
                upload.send(number, data)
                size += len(data)

        with self._translated(key):
            _Upload(self._minio, self.bucket, name).run(send)
        return size

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's bytes."""
        with open(path, "rb") as file:
            self.put_stream(key, iter(lambda: file.read(CHUNK), b""))

    def get(self, key: str) -> bytes:
        """An object's bytes."""
        return b"".join(self.stream(key))

    def read(self, key: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of an object; fewer where it ends before."""
        return b"".join(self.stream(key, start, length, max(length, 1)))

    def stream(self, key: str, start: int = 0, length: int | None = None, chunk: int = CHUNK) -> Iterator[bytes]:
        """An object's bytes from `start`, at most `length`; goes on where a broken connection left off."""
        name = self._name(key)
        if length is not None and length <= 0:
            return
        end = None if length is None else start + length
        tries = 0
        while end is None or start < end:
            try:
                with self._translated(key):
                    for piece in self._once(name, start, 0 if end is None else end - start, chunk):
                        yield piece
                        start += len(piece)
                        tries = 0
                return
            except NotReachable as error:
                tries += 1
                if tries > _RESUMES or not isinstance(error.__cause__, _BROKEN):
                    raise

    def info(self, key: str) -> Info:
        """An object's size and time."""
        with self._translated(key):
            found = self._minio.stat_object(self.bucket, self._name(key))
            return Info(key, found.size or 0, _micros(found.last_modified))

    def list(self, prefix: str = "", after: str = "") -> Iterator[Info]:
        """Objects whose key begins with `prefix` and is greater than `after`, sorted by the key's bytes."""
        folder = folder_of(check_prefix(prefix))
        if not after.startswith(folder) and after > folder:
            return
        begin = safe_start(after, folder) if after.startswith(folder) else ""
        for info in by_bytes(self._listed(prefix, begin), folder):
            if info.key > after:
                yield info

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below the folder `prefix`, sorted by their bytes."""
        base = self._base + check_prefix(prefix and prefix.rstrip("/") + "/")
        with self._translated(prefix):
            found = self._minio.list_objects(self.bucket, prefix=base)
            names = {(entry.object_name or "")[len(base) : -1] for entry in found if entry.is_dir}
        yield from sorted(names)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, a thousand in a request; absent ones are no error."""
        with self._translated(""):
            doomed = (DeleteObject(self._name(key)) for key in keys)
            for error in self._minio.remove_objects(self.bucket, doomed):
                if error.code not in ("NoSuchKey", "NoSuchVersion"):
                    raise NotReachable(f"the store does not delete {error.name}: {error.code}")

    def compose(self, key: str, sources: Sequence[str]) -> None:
        """Make `key` the concatenation of `sources`: large ones are copied by the server, runs of small ones by us."""
        name, sizes = self._name(key), [self.info(source).size for source in sources]
        parts = iter(plan(sizes))
        first, second = next(parts, None), next(parts, None)
        if second is None and (first is None or not first.copy):
            self.put(key, self._joined(first, sources) if first else b"")
            return

        def send(upload: _Upload) -> None:
            def one(number: int, part: Part) -> None:
                if part.copy:
                    (cut,) = part.slices
                    whole = cut.length == sizes[cut.piece]
                    upload.copy(number, self._name(sources[cut.piece]), None if whole else (cut.start, cut.length))
                else:
                    upload.send(number, self._joined(part, sources))

            wanted = [part for part in (first, second, *parts) if part is not None]
            with ThreadPoolExecutor(_COPIES, "runreel-compose") as pool:
                list(pool.map(one, itertools.count(1), wanted))

        with self._translated(key):
            _Upload(self._minio, self.bucket, name).run(send)

    def open(self, key: str) -> BinaryIO:
        """An object as a seekable file that reads ranges."""
        return ranged_file(self, key)

    def upload_url(self, key: str, seconds: int) -> str | None:
        """A presigned address that takes the object by one HTTP PUT for so long."""
        return self._signed(key, seconds, {})

    def start_parts(self, key: str) -> str | None:
        """Begin an upload in parts; answers its id."""
        with self._translated(key):
            return self._minio._create_multipart_upload(self.bucket, self._name(key), {})

    def part_url(self, key: str, upload: str, number: int, seconds: int) -> str:
        """A presigned address that takes part `number` (from 1) by an HTTP PUT, which answers an ETag."""
        return self._signed(key, seconds, {"partNumber": str(number), "uploadId": upload})

    def finish_parts(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Make the object of all the parts, in order."""
        if not 1 <= len(etags) <= MOST:
            raise ValueError(f"{len(etags)} parts: an upload has 1 to {MOST}")
        parts = [Uploaded(number, etag.strip('"')) for number, etag in enumerate(etags, 1)]
        with self._translated(key):
            try:
                _complete(self._minio, self.bucket, self._name(key), upload, parts)
            except S3Error as error:
                if error.code in ("InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"):
                    raise ValueError(f"the parts of {key} are not those that came: {error.code}") from None
                raise

    def drop_parts(self, key: str, upload: str) -> None:
        """Give an upload in parts up."""
        with self._translated(key), contextlib.suppress(NotFound):
            self._minio._abort_multipart_upload(self.bucket, self._name(key), upload)

    def check(self) -> None:
        """Make sure that the bucket can be reached, listed, written and read. It is never made here.

        A bucket that came to be because of a mistyped setting would hide the mistake.
        """
        probe = f"check-{uuid.uuid4().hex}"
        next(self._listed("check-", ""), None)
        self.put(probe, b"runreel")
        try:
            if self.get(probe) != b"runreel":
                raise NotReachable(f"the store at {self.endpoint} does not give back what was written")
        finally:
            self.delete([probe])

    @property
    def _minio(self) -> Minio:
        # A connection that a forked child shares with its parent mixes their answers.
        if self._process != os.getpid():
            self._client, self._process = self._connect(), os.getpid()
        return self._client

    def _connect(self) -> Minio:
        access, secret, token = self._keys
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_TIMEOUT / 3, read=_TIMEOUT),
            maxsize=10,
            retries=urllib3.Retry(
                total=3,
                backoff_factor=0.25,
                # MinIO says AccessDenied to a write whose folder a delete has just emptied.
                status_forcelist=[403, 500, 502, 503, 504],
                raise_on_status=False,  # what it says in the end tells more than that it was asked often
                respect_retry_after_header=False,  # a MinIO that comes up asks for 60 s, and is there after one
            ),
        )
        return Minio(self._netloc, access, secret, token, self._secure, self._region, http_client=pool)

    def _name(self, key: str) -> str:
        return self._base + check_key(key)

    def _translated(self, key: str) -> contextlib.AbstractContextManager[None]:
        return translated(key, self.endpoint, self.bucket)

    def _signed(self, key: str, seconds: int, query: _Headers) -> str:
        name = self._name(key)
        with self._translated(key):
            return self._minio.get_presigned_url(
                "PUT", self.bucket, name, timedelta(seconds=seconds), extra_query_params=query
            )

    def _once(self, name: str, start: int, length: int, chunk: int) -> Iterator[bytes]:
        try:
            answer = self._minio.get_object(self.bucket, name, offset=start, length=length)
        except S3Error as error:
            if error.code == "InvalidRange":  # beyond the end
                return
            raise
        try:
            yield from answer.stream(chunk)
        finally:
            answer.close()
            answer.release_conn()

    def _listed(self, prefix: str, after: str) -> Iterator[Info]:
        cut, start = len(self._base), self._base + after if after else None
        with self._translated(prefix):
            for entry in self._minio.list_objects(
                self.bucket, prefix=self._base + prefix, recursive=True, start_after=start
            ):
                key = (entry.object_name or "")[cut:]
                if key and not key.endswith("/"):  # a folder's marker, which other tools make, is no object
                    yield Info(key, entry.size or 0, _micros(entry.last_modified))

    def _joined(self, part: Part, sources: Sequence[str]) -> bytes:
        return b"".join(self.read(sources[cut.piece], cut.start, cut.length) for cut in part.slices)


class _Upload:
    """One multipart upload, its parts in any order: all of it, or nothing is left of it."""

    def __init__(self, client: Minio, bucket: str, name: str) -> None:
        self._client, self._bucket, self._name = client, bucket, name
        self._id = client._create_multipart_upload(bucket, name, {})
        self._parts: list[Uploaded] = []

    def send(self, number: int, data: bytes) -> None:
        etag = self._client._upload_part(self._bucket, self._name, data, None, self._id, number)
        self._parts.append(Uploaded(number, etag))

    def copy(self, number: int, source: str, span: tuple[int, int] | None) -> None:
        headers: _Headers = {"x-amz-copy-source": quote(f"/{self._bucket}/{source}")}
        if span is not None:
            headers["x-amz-copy-source-range"] = f"bytes={span[0]}-{span[0] + span[1] - 1}"
        etag, _ = self._client._upload_part_copy(self._bucket, self._name, self._id, number, headers)
        self._parts.append(Uploaded(number, etag))

    def run(self, send: Callable[[_Upload], None]) -> None:
        try:
            send(self)
            self._parts.sort(key=lambda part: part.part_number)
            _complete(self._client, self._bucket, self._name, self._id, self._parts)
        except BaseException:
            with contextlib.suppress(Exception):  # what went wrong first is what counts
                self._client._abort_multipart_upload(self._bucket, self._name, self._id)
            raise


def _complete(client: Minio, bucket: str, name: str, upload: str, parts: list[Uploaded]) -> None:
    for left in reversed(range(_DENIALS)):
        try:
            # A service may find only after it has answered 200 that it cannot: then the answer has no ETag.
            if not client._complete_multipart_upload(bucket, name, upload, parts).etag:
                raise NotReachable(f"the store did not make {name} of its {len(parts)} parts")
            return
        except S3Error as error:
            # A POST is not repeated by the client; for what MinIO means by this see `_connect`.
            if error.code != "AccessDenied" or not left:
                raise
            time.sleep(_DENIED_SECONDS)


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held, count = bytearray(), 0
    for chunk in chunks:
        held += chunk
        while len(held) >= (size := _PART << (count // _GROWS_EACH)):
            yield bytes(held[:size])
            del held[:size]
            count += 1
    if held:
        yield bytes(held)


def _micros(when: datetime | None) -> int:
    return int(when.timestamp() * 1_000_000) if when else 0
