"""What the store knows of an artifact: a small JSON object `artifacts/AID`, and the way to its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from runreel.codec import encode_data
from runreel.errors import NotFound
from runreel.events import ARTIFACT_STORED, ArtifactStored, Event
from runreel.ids import derived_session
from runreel_consumers.blobs.staging import Ending
from runreel_consumers.store import Store


class ArtifactInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an artifact's bytes.

    Attributes:
        id: the artifact's id.
        run: the run that it belongs to.
        workspace: that run's workspace.
        state: stored (verified), failed (what came is not what was declared), incomplete (the rest never came).
        size: bytes in the store; of an incomplete one, those that came without a hole.
        sha256: of these bytes, in hex.
        content: the key of the object that holds them, or None.
        reason: why it is not stored.
        chunks: how many chunks these bytes are, where they came so.
        ending: the end record, where one came.
        position: of what caused this verdict, in the log or (a claim) in the store.
        time: when that was received, plus any grace: microseconds since 1970.
    """

    id: str
    run: str
    workspace: str
    state: Literal["stored", "failed", "incomplete"]
    size: int = 0
    sha256: str | None = None
    content: str | None = None
    reason: str | None = None
    chunks: int = 0
    ending: Ending | None = None
    position: str
    time: int

    def said(self) -> ArtifactStored:
        """What the event says of it."""
        if self.state == "stored":
            return ArtifactStored(id=self.id, uri=self.content, size=self.size, sha256=self.sha256)
        return ArtifactStored(
            id=self.id,
            uri=self.content,
            size=self.size,
            sha256=self.sha256,
            failed=self.reason or self.state,
            incomplete=self.state == "incomplete",
        )

    def event(self) -> Event:
        """The service event that tells it. The same info gives the same bytes: said again, it is a duplicate."""
        outcome = f"{self.state} {self.sha256 or self.reason}"
        session = derived_session(ARTIFACT_STORED, self.run, self.id, outcome, self.position)
        return Event(
            type=ARTIFACT_STORED,
            run=self.run,
            time=self.time,
            id=f"{session}-0",
            source=f"/{self.workspace}/runreel.blobs",
            workspace=self.workspace,
            session=session,
            seq=0,
            final=True,
            data=encode_data(self.said()),
        )


ARTIFACTS: Final = "artifacts/"


def read_info(store: Store, artifact: str) -> ArtifactInfo | None:
    """What became of an artifact; None: nothing yet."""
    try:
        return msgspec.json.decode(store.get(ARTIFACTS + artifact), type=ArtifactInfo)
    except NotFound:
        return None


def write_info(store: Store, info: ArtifactInfo) -> None:
    """Keep what became of an artifact."""
    store.put(ARTIFACTS + info.id, msgspec.json.encode(info))


def open_artifact(
    store: Store, artifact: str, start: int = 0, length: int | None = None
) -> tuple[ArtifactInfo, Iterator[bytes]]:
    """What became of an artifact, and its bytes from `start`, at most `length`, read while they are taken.

    Of an incomplete artifact there is what came without a hole.

    Raises:
        NotFound: nothing of it is in the store; says why where that is known.
    """
    info = read_info(store, artifact)
    if info is None:
        raise NotFound(f"artifact {artifact}: its bytes are not in the store (yet)")
    if info.content is None:
        raise NotFound(f"artifact {artifact}: {info.state}, {info.reason}")
    return info, store.stream(info.content, start, length)
