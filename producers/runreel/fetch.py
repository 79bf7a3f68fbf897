"""An artifact's bytes as a file here: from the spool, a uri, or the server."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

from runreel import masks
from runreel.artifacts import Artifact
from runreel.digest import hash_of
from runreel.errors import NotFound, NotReachable
from runreel.servers import server
from runreel.settings import Settings
from runreel.web import authorization, opened

T = TypeVar("T")

_log = logging.getLogger("runreel")

ANSWER: Final = 60.0  # seconds that a server may be silent
_OTHER: Final = "runreel reads s3, http, https and files: read it by other means"
AGAIN: Final = 0.25  # seconds between two looks
SILENT: Final = 2.0  # seconds of waiting without a word

_folders: dict[int, str] = {}  # fetched copies, a folder a process: a forked child must not remove its parent's


def fetched(artifact: Artifact, timeout: float, settings: Settings | None) -> Path:
    """A file with the artifact's bytes; see `Artifact.path`."""
    if artifact.state == "failed":
        raise NotFound(f"artifact {artifact.name!r} failed: {artifact.reason}")
    here = _local(artifact.uri)
    if here is not None and here.exists():
        return here
    target = _target(artifact)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    if artifact.copy is not None and _linked(Path(artifact.copy), target):
        return target
    settings = settings or Settings()
    scheme = urlsplit(artifact.uri or "").scheme
    if artifact.uri is not None and scheme in ("http", "https", "s3"):
        uri = artifact.uri
        if scheme == "s3":
            return _patiently(lambda: _from_bucket(uri, target, artifact, settings), timeout, artifact.name)
        return _patiently(lambda: _download(uri, target, artifact.sha256), timeout, artifact.name)
    if scheme not in ("", "file"):
        raise NotReachable(f"artifact {artifact.name!r} lies at {masks.text(artifact.uri or '')}: {_OTHER}")
    address = server(settings)
    if not address:
        way_out = "set RUNREEL_URL, or start `runreel up`"
        raise NotReachable(f"artifact {artifact.name!r} is not on this machine and no server is known: {way_out}")

    who = authorization(settings)

    def download() -> Path:
        number = artifact.id or _find(address, artifact, who)
        return _download(f"{address}/api/v1/artifacts/{quote(number)}/content", target, artifact.sha256, who)

    return _patiently(download, timeout, artifact.name)


def _target(artifact: Artifact) -> Path:
    folder = artifact.id or quote(artifact.uri or f"{artifact.step}:{artifact.name}", safe="")[-200:]
    return _folder() / folder / (artifact.file_name or quote(artifact.name, safe=" "))


def _folder() -> Path:
    process = os.getpid()
    if process not in _folders:
        _folders[process] = tempfile.mkdtemp(prefix="runreel-")
        atexit.register(_remove, process)
    return Path(_folders[process])


def _remove(process: int) -> None:
    if process == os.getpid():
        shutil.rmtree(_folders.pop(process), ignore_errors=True)


def _local(uri: str | None) -> Path | None:
    """The file behind a uri, if it names one of this machine."""
    if uri is None:
        return None
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    return Path(uri) if not parts.scheme else None


def _linked(copy: Path, target: Path) -> bool:
    """A link to the spool's copy, which may be gone, or go at any moment."""
    try:
        os.link(copy, target)
    except FileExistsError:
        return True
    except OSError:
        try:
            with _whole(target) as partial:
                shutil.copyfile(copy, partial)
        except OSError:
            return False
    return True


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A file to write that becomes `target` when the block ends well; two threads may fetch one artifact at once."""
    descriptor, partial = tempfile.mkstemp(dir=target.parent)
    os.close(descriptor)
    try:
        yield Path(partial)
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)


def _download(address: str, target: Path, sha256: str | None, who: Mapping[str, str] | None = None) -> Path:
    """The bytes at an address.

    Raises:
        OSError: no answer, or other bytes than those that were said.
    """
    with opened(address, ANSWER, who) as answer, _whole(target) as partial:
        with partial.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
            size = file.tell()
        promised = answer.headers["Content-Length"]
        if promised is not None and int(promised) != size:
            raise OSError(f"{size:,} of {int(promised):,} bytes came")
        _verify(partial, sha256)
    return target


def _from_bucket(uri: str, target: Path, artifact: Artifact, settings: Settings) -> Path:
    """The bytes of an object in a bucket; errors as `bucket.copy` has them, and OSError where they are others."""
    from runreel import bucket

    with _whole(target) as partial:
        with partial.open("wb") as file:
            bucket.copy(uri, file, settings, ANSWER)
        _verify(partial, artifact.sha256)
    return target


def _verify(file: Path, sha256: str | None) -> None:
    if sha256 is not None and hash_of(file) != sha256:
        raise OSError("the bytes are not those that were said: their sha256 differs")


def _find(address: str, wanted: Artifact, who: Mapping[str, str]) -> str:
    """The id of the newest output of that name, step or uri in the run's state."""
    with opened(f"{address}/api/v1/runs/{quote(wanted.run)}", ANSWER, who) as answer:
        known = json.load(answer)["artifacts"].values()
    uri = wanted.uri and masks.text(wanted.uri)  # as it was said
    fitting = [
        one
        for one in known
        if one.get("role") == "output"
        and (one.get("uri") == uri if uri else one.get("name") == wanted.name)
        and (wanted.step is None or one.get("step") == wanted.step)
    ]
    if not fitting:
        raise NotFound(f"run {wanted.run} has no output {wanted.name!r}")
    return str(max(fitting, key=lambda one: one.get("version") or 0)["id"])


def _patiently(fetch: Callable[[], T], timeout: float, name: str) -> T:
    """What `fetch` answers; again while it is not there yet, until the time is over. A long wait is told, once."""
    begun = time.monotonic()
    until, told = begun + timeout, False
    while True:
        try:
            return fetch()
        except NotFound as error:
            missing: Exception = NotFound(f"artifact {name!r} is not in the store after {timeout:g} s: {error}")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in (404, 409, 425, 503):
                raise NotReachable(f"artifact {name!r}: the server answers {error.code} ({error.reason})") from None
            missing = NotFound(f"artifact {name!r} is not in the store after {timeout:g} s ({error.code})")
        except OSError as error:
            missing = NotReachable(f"artifact {name!r}: where it lies does not answer ({error})")
        now = time.monotonic()
        if now >= until:
            raise missing from None
        if now - begun > SILENT and not told:
            _log.warning("runreel: waits up to %g s for artifact %r, which is not there yet", timeout, name)
            told = True
        time.sleep(AGAIN)
