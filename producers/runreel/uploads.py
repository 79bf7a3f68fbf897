"""Artifact bytes on their way: a small job file for each in the session's folder until they have arrived.

They travel in a thread of their own: reading a file, or an HTTP PUT of gigabytes, would hold back events for minutes.
"""

from __future__ import annotations

import _thread
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from runreel.errors import NotReachable, SettingError
from runreel.events import ArtifactStored
from runreel.hub import Hub, replace
from runreel.settings import Settings

if TYPE_CHECKING:
    from runreel.transports.blobs import ChunkSender

_SUFFIX: Final = ".json"
_LEAST_BACKOFF: Final = 0.5
_MOST_BACKOFF: Final = 30.0
_REST: Final = 0.05  # seconds between two looks for jobs

_log = logging.getLogger("runreel")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One upload. `done`: chunks that have arrived, so that a resumed one goes on there."""

    artifact: str
    path: str
    by: Literal["chunks", "claim"]
    size: int
    sha256: str
    name: str
    run: str
    workspace: str
    done: int = 0


class Refused(Exception):  # an answer, not a failure
    """These bytes will never be taken; the message says why, in one line."""


def keep(folder: Path, job: Job) -> None:
    """Have `job` done, by this process or whoever finds it.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(exist_ok=True)
    replace(folder / f"{job.artifact}{_SUFFIX}", msgspec.json.encode(job))


def jobs(folder: Path) -> list[Path]:
    """The jobs in a session's folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX and path.name[0] != ".")
    except OSError:
        return []


Say = Callable[[ArtifactStored], None]


class Uploader:
    """Does the jobs of the sessions that one worker ships, one at a time, in a thread that lives while there are any.

    Args:
        settings: name Kafka, and the server for claims.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._offers: dict[Path, Say] = {}
        self._thread: dict[None, object] = {}
        self._tried: dict[Path, tuple[float, float]] = {}  # when again, and the backoff after that
        self._stopped = False
        self._chunks: ChunkSender | None = None
        self._sending: tuple[Path, str, int] | None = None  # folder, artifact, bytes

    def offer(self, folder: Path, say: Say) -> None:
        """A session's folder of jobs. `say` tells of one that failed for good; it may be called from any thread."""
        self._offers[folder] = say
        token = object()
        if self._thread.setdefault(None, token) is token:
            try:
                _thread.start_new_thread(self._run, ())
            except RuntimeError:  # at the interpreter's end: the next process does them
                self._thread.clear()

    def withdraw(self, folder: Path) -> None:
        """The session's folder is nobody's here any more."""
        self._offers.pop(folder, None)

    def under_way(self, folder: Path) -> dict[str, int]:
        """The artifact of a session that is being sent, if any, and how many of its bytes have been taken."""
        sending = self._sending
        return {sending[1]: sending[2]} if sending is not None and sending[0] == folder else {}

    def stop(self) -> None:
        """Begin no more jobs, and break off the one that is under way."""
        self._stopped = True

    def _run(self) -> None:
        while True:
            for folder, say in list(self._offers.items()):
                left = jobs(folder)
                for path in left:
                    self._try(path, say)
                if not left:
                    self._offers.pop(folder, None)
            if self._stopped or not self._offers:
                if self._chunks is not None:
                    self._chunks.close()
                token = self._thread.pop(None)
                if self._stopped or not self._offers or self._thread.setdefault(None, token) is not token:
                    return
            time.sleep(_REST)

    def _try(self, path: Path, say: Say) -> None:
        again, backoff = self._tried.get(path, (0.0, _LEAST_BACKOFF))
        if self._stopped or time.monotonic() < again:
            return
        try:
            job = msgspec.json.decode(path.read_bytes(), type=Job)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("runreel: the upload job %s cannot be read: %s", path, error)
            path.unlink(missing_ok=True)
            return
        try:
            self._do(path, job)
        except Refused as refused:
            _log.warning("runreel: artifact %r was not taken: %s", job.name, refused)
            say(ArtifactStored(id=job.artifact, failed=str(refused)))
        except (OSError, NotReachable, SettingError) as error:
            _log.debug("runreel: artifact %r is tried again: %s", job.name, error)
            self._tried[path] = (time.monotonic() + backoff, min(_MOST_BACKOFF, backoff * 2))
            return
        finally:
            self._sending = None
        self._tried.pop(path, None)
        path.unlink(missing_ok=True)
        file = Path(job.path)
        if file.parent.parent == path.parent.parent:  # the copy in the spool, never a file of the user's
            file.unlink(missing_ok=True)

    def _do(self, path: Path, job: Job) -> None:
        if not Path(job.path).is_file():
            raise Refused(f"its copy {job.path} is gone")
        hub = None if self._settings.kafka or self._settings.url else Hub.find(self._settings)
        url = self._settings.url or (hub.url if hub else "")

        def sent(taken: int) -> None:
            self._sending = (path.parent, job.artifact, taken)

        if self._settings.kafka and (job.by == "chunks" or not url):
            from runreel.transports.blobs import ChunkSender  # it loads confluent-kafka

            def note(done: int) -> None:
                replace(path, msgspec.json.encode(msgspec.structs.replace(job, done=done)))

            self._chunks = self._chunks or ChunkSender(self._settings, lambda: self._stopped)
            self._chunks.send(job, note, sent)
        elif url:
            from runreel.transports.claim import send_claimed

            send_claimed(self._settings, url, job, lambda: self._stopped, sent)
        else:
            raise NotReachable("no server and no Kafka is known")
