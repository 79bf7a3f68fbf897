"""Artifact: what an output or an input is called, and its bytes, wherever they lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from runreel.settings import Settings

PATIENCE: Final = 60.0  # seconds that a fetch waits for an artifact to reach the store


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact of a run, as a step holds it; it may be pickled and given to another process.

    Attributes:
        run: the run that speaks of it.
        name: what it is called.
        id: its id; None for an input that is named by step and name, or by uri.
        type: Dataset, Model, HTML, ...
        step: the path of the step that made it, where that is known.
        uri: where its bytes lie, if not in runreel's store.
        size: bytes. sha256: of them, in hex. media_type: what is in them.
        metadata: names to plain values.
        state: `failed` where its bytes could not be had, with the `reason`.
        copy: the copy that waits in this machine's spool to be shipped.
    """

    run: str
    name: str
    id: str | None = None
    type: str = "Artifact"
    step: str | None = None
    uri: str | None = None
    size: int | None = None
    sha256: str | None = None
    media_type: str | None = None
    metadata: Mapping[str, Any] = msgspec.field(default_factory=dict)
    state: str | None = None
    reason: str | None = None
    copy: str | None = None
    file_name: str | None = None

    def path(self, *, timeout: float = PATIENCE, settings: Settings | None = None) -> Path:
        """A file with its bytes, to be read and not written; it goes when this process ends.

        From the spool, or from the uri where it has one: a file here, `http(s)://`, or `s3://` (with the package
        `minio`, RUNREEL_S3_ENDPOINT and the AWS variables); else through the server (RUNREEL_URL, or this machine's
        `runreel up`). A folder that was given to `output` is one zip file.

        Args:
            timeout: seconds to wait until it has reached the store.
            settings: by default those of the environment.

        Raises:
            NotFound: there is no such artifact, or it failed.
            NotReachable: no server is known, it does not answer, or the uri cannot be read; says the way out.
        """
        from runreel.fetch import fetched

        return fetched(self, timeout, settings)

    def open(self, *, timeout: float = PATIENCE, settings: Settings | None = None) -> BinaryIO:
        """Its bytes, for reading; see `path`."""
        return self.path(timeout=timeout, settings=settings).open("rb")
