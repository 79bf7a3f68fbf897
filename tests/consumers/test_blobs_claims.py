"""Claim check: where to send the bytes, and what becomes of them; on a folder, on MinIO and on SeaweedFS."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from native_stack import Minio

from chunk_messages import RUN, Breaking, Crash, keys
from runreel.codec import encode, payload
from runreel.errors import NotFound
from runreel.events import ArtifactStored, Event
from runreel_consumers.blobs import TOKEN_HEADER, Claim, Claims, Finisher, open_artifact, read_info
from runreel_consumers.store import DirectoryStore, Store
from runreel_consumers.store.minio import MinioStore

CONTENT = random.Random(3).randbytes(12 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
STORED = ArtifactStored(id="aid", uri=f"content/{SHA256}", size=len(CONTENT), sha256=SHA256)


@pytest.fixture
def folder(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture(params=["minio", "weed"])
def bucket(request: pytest.FixtureRequest, prefix: str) -> Store:
    if request.param == "minio":
        minio: Minio = request.getfixturevalue("minio")
        return MinioStore("runreel", prefix, endpoint=minio.endpoint, keys=(minio.access_key, minio.secret_key, None))
    weed: Any = request.getfixturevalue("weed")
    return MinioStore(weed.bucket, prefix, endpoint=weed.endpoint, keys=weed.keys)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def claims_of(events: list[Event]) -> Callable[..., Claims]:
    return lambda store, **bounds: Claims(
        store, events.append, lambda artifact: f"http://server/api/v1/artifacts/{artifact}/upload", **bounds
    )


def ask(claims: Claims, artifact: str = "aid", *, size: int = len(CONTENT), sha256: str | None = SHA256) -> Claim:
    return claims.claim(artifact, size, run=RUN, workspace="default", sha256=sha256)


def send(url: str, data: bytes) -> str:
    answer = urllib3.request("PUT", url, body=data)
    assert answer.status == 200, answer.data
    return answer.headers["ETag"]


def content_of(store: Store, artifact: str = "aid") -> bytes:
    return b"".join(open_artifact(store, artifact)[1])


def test_one_put_to_the_store_then_finish(bucket: Store, claims_of: Callable[..., Claims], events: list[Event]) -> None:
    claims = claims_of(bucket)
    claim = ask(claims)
    assert claim.url is not None
    send(claim.url, CONTENT)
    assert claims.finish("aid") == STORED == claims.finish("aid")
    assert content_of(bucket) == CONTENT
    assert keys(bucket, "staging/") == []
    assert len({encode(event) for event in events}) == 1
    assert payload(events[0]) == STORED


def test_an_upload_in_parts(bucket: Store, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(bucket, one_put=6 << 20, part=5 << 20)
    claim = ask(claims)
    assert claim.url is None
    assert [part.size for part in claim.parts] == [5 << 20, 5 << 20, 2 << 20]
    etags, at = [], 0
    for part in claim.parts:
        etags.append(send(part.url, CONTENT[at : at + part.size]))
        at += part.size
    assert claims.finish("aid", etags) == STORED == claims.finish("aid", etags)
    assert content_of(bucket) == CONTENT


def test_parts_that_are_not_those_that_came_are_refused(bucket: Store, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(bucket, one_put=6 << 20, part=5 << 20)
    claim = ask(claims)
    etag = send(claim.parts[0].url, CONTENT[: 5 << 20])
    with pytest.raises(ValueError, match="parts"):
        claims.finish("aid", [etag, "0" * 32, "1" * 32])
    with pytest.raises(ValueError, match="parts"):
        claims.finish("aid", ["0" * 32] * 20_000)


def test_the_presigned_address_takes_nothing_but_this_object(bucket: Store, claims_of: Callable[..., Claims]) -> None:
    claim = ask(claims_of(bucket))
    assert claim.url is not None
    other = claim.url.replace("/claimed?", "/other?")
    assert other != claim.url
    assert urllib3.request("PUT", other, body=b"x").status == 403
    assert urllib3.request("GET", claim.url).status == 403


def test_a_folder_takes_the_bytes_through_the_server(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder, one_put=1000)
    claim = ask(claims)
    assert claim.url == "http://server/api/v1/artifacts/aid/upload"
    assert claim.parts == []
    token = claim.headers[TOKEN_HEADER]
    assert len(token) >= 32
    assert claims.receive("aid", token, [CONTENT[:1000], CONTENT[1000:]]) == len(CONTENT)
    assert claims.finish("aid") == STORED == claims.finish("aid")
    assert content_of(folder) == CONTENT
    assert keys(folder, "staging/") == []


def test_the_token_is_needed_and_is_not_kept(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder)
    token = ask(claims).headers[TOKEN_HEADER]
    assert token.encode() not in folder.get("staging/aid/claim")
    for wrong in ("", "x", token[:-1]):
        with pytest.raises(NotFound, match="token"):
            claims.receive("aid", wrong, [b"x"])
    newer = ask(claims).headers[TOKEN_HEADER]
    with pytest.raises(NotFound, match="token"):
        claims.receive("aid", token, [b"x"])
    assert claims.receive("aid", newer, [b"x"]) == 1


def test_a_token_expires(
    folder: DirectoryStore, claims_of: Callable[..., Claims], monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = claims_of(folder, seconds=60)
    token = ask(claims).headers[TOKEN_HEADER]
    later = time.time() + 61
    monkeypatch.setattr("runreel_consumers.blobs.claims.time.time", lambda: later)
    with pytest.raises(NotFound, match="expired"):
        claims.receive("aid", token, [b"x"])


def test_more_than_was_claimed_is_refused(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder)
    token = ask(claims, size=10).headers[TOKEN_HEADER]
    with pytest.raises(ValueError, match="10 bytes"):
        claims.receive("aid", token, [b"x" * 6, b"x" * 6])
    with pytest.raises(NotFound):
        claims.finish("aid")


def test_what_is_wrong_fails_with_the_reason(
    folder: DirectoryStore, claims_of: Callable[..., Claims], events: list[Event]
) -> None:
    claims = claims_of(folder)
    token = ask(claims, size=10, sha256="0" * 64).headers[TOKEN_HEADER]
    claims.receive("aid", token, [b"123456789"])
    assert claims.finish("aid").failed == "9 bytes came, 10 were declared"
    assert claims.finish("aid") == payload(events[0])
    token = ask(claims, size=10, sha256="0" * 64).headers[TOKEN_HEADER]
    claims.receive("aid", token, [b"1234567890"])
    assert "SHA-256" in (claims.finish("aid").failed or "")
    assert keys(folder, "content/") == []


def test_without_a_declared_hash_the_size_decides(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder)
    token = ask(claims, sha256=None).headers[TOKEN_HEADER]
    claims.receive("aid", token, [CONTENT])
    assert claims.finish("aid") == STORED


def test_what_is_stored_need_not_be_sent_again(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder)
    claims.receive("aid", ask(claims).headers[TOKEN_HEADER], [CONTENT])
    claims.finish("aid")
    assert ask(claims).stored
    assert claims.finish("aid") == STORED
    assert keys(folder, "staging/") == []


def test_nothing_claimed_or_nothing_sent_is_not_found(folder: DirectoryStore, claims_of: Callable[..., Claims]) -> None:
    claims = claims_of(folder)
    with pytest.raises(NotFound, match="not claimed"):
        claims.finish("aid")
    ask(claims)
    with pytest.raises(NotFound):
        claims.finish("aid")
    with pytest.raises(ValueError, match="in parts"):
        claims.finish("aid", ["etag"])
    with pytest.raises(ValueError, match="without"):
        ask(claims, "a/b")


def test_a_crash_while_finishing_is_mended_by_the_next_one(tmp_path: Path, events: list[Event]) -> None:
    for at in range(1, 10):
        folder = DirectoryStore(tmp_path / f"store-{at}")
        claims = Claims(folder, events.append, str)
        claims.receive("aid", ask(claims).headers[TOKEN_HEADER], [CONTENT])
        try:
            Claims(Breaking(folder, at), events.append, str).finish("aid")  # type: ignore[arg-type]
        except Crash:
            assert claims.finish("aid") == STORED
            assert keys(folder, "staging/") == []
            continue
        return
    pytest.fail("it never came through")


def grow_old(folder: DirectoryStore) -> None:
    for key in keys(folder, "staging/"):
        os.utime(folder.folder / key, (1, 1))


def test_the_finisher_settles_a_claim_that_was_sent_and_never_finished(
    folder: DirectoryStore, claims_of: Callable[..., Claims], events: list[Event]
) -> None:
    claims = claims_of(folder)
    claims.receive("aid", ask(claims).headers[TOKEN_HEADER], [CONTENT])
    grow_old(folder)
    Finisher(folder, events.append).settle("aid")
    assert payload(events[0]) == STORED
    assert content_of(folder) == CONTENT


def test_the_finisher_gives_up_a_claim_that_was_never_sent(
    bucket: Store, claims_of: Callable[..., Claims], events: list[Event]
) -> None:
    claim = ask(claims_of(bucket, one_put=6 << 20, part=5 << 20))
    send(claim.parts[0].url, CONTENT[: 5 << 20])
    Finisher(bucket, events.append, grace=-60).settle("aid")
    assert payload(events[0]).failed == "it was claimed and never sent"
    assert keys(bucket, "staging/") == []
    answer = urllib3.request("PUT", claim.parts[0].url, body=b"x" * 100)
    assert answer.status == 404
    info = read_info(bucket, "aid")
    assert info is not None
    assert info.state == "incomplete"
