"""Claim check: an artifact too large for Kafka goes to the store directly, and only its claim through us.

`Claims.claim` answers where to send the bytes, `Claims.finish` verifies and keeps them. What is between the two lies in
the store (`staging/AID/claim`, the bytes in `staging/AID/claimed`), so that any server may do either.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from runreel.errors import NotFound
from runreel.events import ArtifactStored, Event
from runreel_consumers.blobs.artifacts import ArtifactInfo, read_info, write_info
from runreel_consumers.blobs.content import difference, digest, keep
from runreel_consumers.blobs.staging import staged_of, staging_key
from runreel_consumers.store import Store
from runreel_consumers.store.multipart import smallest_part

ONE_PUT: Final = 5 << 30
"""Bytes that one HTTP PUT may carry to S3."""

TOKEN_HEADER: Final = "X-Runreel-Upload"
"""The header that a PUT to the server's own address needs: the claim's token, which is never part of an address."""

_PART: Final = 512 << 20
_SECONDS: Final = 3600


class UploadPart(msgspec.Struct, frozen=True):
    """One part of an upload: send `size` bytes by PUT to `url`, keep the ETag of the answer."""

    number: int
    url: str
    size: int


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to send an artifact's bytes by HTTP PUT until `expires` (microseconds since 1970).

    Either one `url` takes all of it, or each of `parts` takes its share in turn. Send `headers` along. `stored`: the
    bytes are there already and nothing is to be sent.
    """

    artifact: str
    expires: int
    url: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    parts: list[UploadPart] = msgspec.field(default_factory=list)
    stored: bool = False


class _Ticket(msgspec.Struct, frozen=True):
    run: str
    workspace: str
    size: int
    sha256: str | None
    expires: int
    upload: str | None
    token_sha256: str | None


class Claims:
    """The claims of one server. Stateless: what it must remember is in the store.

    Args:
        store: where the bytes go.
        say: says the service event that an artifact is stored; returns when it has arrived.
        address: makes the server's own upload address for an artifact, where the store has none.
        one_put: bytes above which an upload goes in parts.
        part: bytes of a part, at least.
        seconds: how long an address is good.
    """

    def __init__(
        self,
        store: Store,
        say: Callable[[Event], None],
        address: Callable[[str], str],
        *,
        one_put: int = ONE_PUT,
        part: int = _PART,
        seconds: int = _SECONDS,
    ) -> None:
        self._store, self._say, self._address = store, say, address
        self._one_put, self._part, self._seconds = one_put, part, seconds

    def claim(self, artifact: str, size: int, *, run: str, workspace: str, sha256: str | None = None) -> Claim:
        """Where to send the `size` bytes of `artifact`. Asked again, the last answer is the one that counts.

        Raises:
            ValueError: the artifact's id or the size cannot be.
        """
        key = staging_key(artifact, "claimed")
        if size < 0 or "/" in artifact:
            raise ValueError(f"artifact {artifact!r} of {size} bytes: write an id without `/` and a size of 0 or more")
        expires = int((time.time() + self._seconds) * 1e6)
        known = read_info(self._store, artifact)
        if known is not None and known.state == "stored":
            return Claim(artifact, expires, stored=True)
        self._drop(artifact)
        url, upload, token, parts = None, None, None, []
        if size <= self._one_put:
            url = self._store.upload_url(key, self._seconds)
        else:
            upload = self._store.start_parts(key)
        if upload is not None:
            parts = self._parts(key, upload, size)
        elif url is None:
            url, token = self._address(artifact), secrets.token_urlsafe(32)
        hashed = token and hashlib.sha256(token.encode()).hexdigest()
        ticket = _Ticket(run, workspace, size, sha256, expires, upload, hashed)
        self._store.put(staging_key(artifact, "claim"), msgspec.json.encode(ticket))
        return Claim(artifact, expires, url, {TOKEN_HEADER: token} if token else {}, parts)

    def receive(self, artifact: str, token: str, chunks: Iterable[bytes]) -> int:
        """Take the bytes that come to the server's own address; answers how many there were.

        Raises:
            NotFound: no claim with this token, or it has expired.
            ValueError: more bytes come than were claimed.
        """
        ticket = _ticket(self._store, artifact)
        given = hashlib.sha256(token.encode()).hexdigest()
        if not hmac.compare_digest(given, ticket.token_sha256 or "") or time.time() * 1e6 > ticket.expires:
            raise NotFound(f"no claim for artifact {artifact} with this token: it may have expired, claim again")
        return self._store.put_stream(staging_key(artifact, "claimed"), _bounded(chunks, ticket.size))

    def finish(self, artifact: str, etags: Sequence[str] = ()) -> ArtifactStored:
        """Verify what was sent, and keep it. Idempotent.

        Args:
            artifact: its id.
            etags: the ETags that the parts answered, in order, where there were parts.

        Raises:
            NotFound: no claim, or nothing was sent.
            ValueError: the parts are not those that were sent.
        """
        known, staged = read_info(self._store, artifact), staged_of(self._store, artifact)
        if known is None or (known.state != "stored" and staged.has("claim")):
            if etags:
                self._join(artifact, etags)
            known = finish_claim(self._store, artifact)
            write_info(self._store, known)
        self._say(known.event())
        self._store.delete(staged_of(self._store, artifact).keys)
        return known.said()

    def _join(self, artifact: str, etags: Sequence[str]) -> None:
        ticket, key = _ticket(self._store, artifact), staging_key(artifact, "claimed")
        if ticket.upload is None:
            raise ValueError(f"artifact {artifact} was not claimed in parts: send no ETags")
        try:
            self._store.finish_parts(key, ticket.upload, etags)
        except NotFound:
            self._store.info(key)  # joined before, and this is the same request again: else it is not found

    def _parts(self, key: str, upload: str, size: int) -> list[UploadPart]:
        share = smallest_part(size, self._part)
        return [
            UploadPart(
                number,
                self._store.part_url(key, upload, number, self._seconds),
                min(share, size - (number - 1) * share),
            )
            for number in range(1, -(-size // share) + 1)
        ]

    def _drop(self, artifact: str) -> None:
        """Forget an earlier claim for the same artifact; parts that were sent for it would stay for ever."""
        try:
            ticket = _ticket(self._store, artifact)
        except NotFound:
            return
        if ticket.upload is not None:
            self._store.drop_parts(staging_key(artifact, "claimed"), ticket.upload)


def finish_claim(store: Store, artifact: str) -> ArtifactInfo:
    """Verify what was sent for a claim, and make it content. Neither the info is written nor the event said.

    Raises:
        NotFound: no claim, or nothing was sent.
    """
    ticket, key = _ticket(store, artifact), staging_key(artifact, "claimed")
    sent = store.info(key)
    size, sha256 = digest(store, [key])
    wrong = difference(size, sha256, ticket.size, ticket.sha256)
    return ArtifactInfo(
        id=artifact,
        run=ticket.run,
        workspace=ticket.workspace,
        state="failed" if wrong else "stored",
        size=0 if wrong else size,
        sha256=None if wrong else sha256,
        content=None if wrong else keep(store, size, sha256, [key]),
        reason=wrong,
        position=f"claim-{sent.modified}",
        time=sent.modified,
    )


def give_up_claim(store: Store, artifact: str) -> ArtifactInfo:
    """Settle a claim that nobody came back to: what was sent is verified and kept, parts of it are dropped."""
    try:
        return finish_claim(store, artifact)
    except NotFound:
        ticket = _ticket(store, artifact)
    if ticket.upload is not None:
        store.drop_parts(staging_key(artifact, "claimed"), ticket.upload)
    return ArtifactInfo(
        id=artifact,
        run=ticket.run,
        workspace=ticket.workspace,
        state="incomplete",
        reason="it was claimed and never sent",
        position=f"claim-{ticket.expires}",
        time=ticket.expires,
    )


def _ticket(store: Store, artifact: str) -> _Ticket:
    try:
        return msgspec.json.decode(store.get(staging_key(artifact, "claim")), type=_Ticket)
    except NotFound:
        raise NotFound(f"artifact {artifact} was not claimed: ask for an upload address first") from None


def _bounded(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise ValueError(f"more than the {most} bytes that were claimed")
        yield chunk
