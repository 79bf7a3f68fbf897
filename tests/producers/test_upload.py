"""Artifact bytes: through Kafka in chunks, or by claim check; resumed after a crash; never in the way of events."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from answering import Reply, Request, Server
from runreel import codec, events
from runreel.chunks import CHUNK, decode_end, read_headers
from runreel.session import Session
from runreel.spool import recover
from runreel.transports.memory import MemoryTransport
from runreel.uploads import Job, keep
from sessions import RUN, child, session, settings, unique
from support import wait_for


@pytest.fixture
def broker() -> Iterator[str]:
    holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (one,) = holder.list_topics(timeout=10).brokers.values()
    yield f"{one.host}:{one.port}"
    holder.purge()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def offer(one: Session, data: bytes, by: Any = "chunks", artifact: str = "aid") -> Path:
    path = one.files() / artifact
    path.write_bytes(data)
    one.upload(artifact, path, by, size=len(data), sha256=hashlib.sha256(data).hexdigest(), name="model")
    return path


def received(address: str, topic: str = "runreel.blobs") -> dict[int | None, set[bytes]]:
    """Chunk number (None: the end) -> what was sent under it, until an end record."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "t", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found: dict[int | None, set[bytes]] = {}

    def look() -> bool:
        for message in consumer.consume(100, 0.1):
            if message.error() is None:
                label = read_headers(message.headers())  # type: ignore[arg-type]
                assert (message.key(), label.run, label.workspace) == (label.artifact.encode(), RUN, "default")
                found.setdefault(label.n, set()).add(message.value() or b"")
        return None in found

    try:
        wait_for(look)
    finally:
        consumer.close()
    return found


def whole(found: dict[int | None, set[bytes]]) -> bytes:
    """The content, checked against its end record; chunks sent twice are the same."""
    (raw,) = found.pop(None)
    end = decode_end(raw)
    assert all(len(copies) == 1 for copies in found.values())
    assert sorted(number for number in found if number is not None) == list(range(end.chunks))
    data = b"".join(next(iter(found[number])) for number in range(end.chunks))
    assert (end.size, end.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    return data


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK - 7])
def test_chunks_arrive_with_their_end_and_the_copy_is_removed(tmp_path: Path, broker: str, size: int) -> None:
    one = session(tmp_path, None, kafka=broker)
    path = offer(one, content(size))
    assert one.close(30)
    assert whole(received(broker)) == content(size)
    assert not path.exists()
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_upload_that_was_broken_off_is_resumed_by_who_recovers(tmp_path: Path, broker: str) -> None:
    child(
        tmp_path,
        f"""
import hashlib
one = session(folder, Wire(folder / "wire"), kafka={broker!r})
import random
data = random.Random(5_000_000).randbytes(5_000_000)
path = one.files() / "aid"
path.write_bytes(data)
import runreel.transports.blobs as blobs
original, sent = blobs.ChunkSender._put, 0
def put(self, job, n, data, number):
    global sent
    sent += 1
    if sent == 5:
        self._client.poll(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, job, n, data, number)
blobs.ChunkSender._put = put
one.upload("aid", path, "chunks", size=len(data), sha256=hashlib.sha256(data).hexdigest(), name="model")
time.sleep(30)
""",
    )
    assert recover(settings(tmp_path, kafka=broker), transport=MemoryTransport(), timeout=60).delivered == 1
    assert whole(received(broker)) == content(5_000_000)


def test_a_resumed_upload_goes_on_behind_what_has_arrived(tmp_path: Path, broker: str) -> None:
    one = session(tmp_path, None, kafka=broker)
    data = content(3 * CHUNK)
    path = one.files() / "aid"
    path.write_bytes(data)
    job = Job(
        artifact="aid",
        path=str(path),
        by="chunks",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        name="model",
        run=RUN,
        workspace="default",
        done=2,
    )
    keep(one.opened().folder.uploads, job)
    one.line("a", "e", "go")
    assert one.close(30)
    found = received(broker)
    assert set(found) == {2, None}


class Claims:
    """The server's side of a claim check."""

    def __init__(self, server: Server, *, parts: int = 0, failed: str | None = None) -> None:
        self.server, self.parts, self.failed = server, parts, failed
        self.asked: dict[str, Any] = {}
        self.finished: dict[str, Any] | None = None
        self.received: dict[str, bytes] = {}
        self.breaks = 0
        server.answer = self.answer

    def answer(self, request: Request) -> Reply:
        method, path, headers, body = request
        if method == "PUT":
            if self.breaks:
                self.breaks -= 1
                return 503, {}, b""
            assert headers["X-Runreel-Upload"] == "once"
            assert "Authorization" not in headers
            self.received[path] = body
            return 200, {"ETag": f'"{len(body)}"'}, b""
        assert headers["Authorization"] == "Bearer t0ken"
        if path.endswith("/finish"):
            self.finished = json.loads(body)
            return 200, {}, json.dumps({"id": "aid", "failed": self.failed}).encode()
        self.asked = json.loads(body)
        claim: dict[str, Any] = {"artifact": "aid", "expires": 1, "headers": {"X-Runreel-Upload": "once"}}
        size = self.asked["size"]
        if not self.parts:
            return 200, {}, json.dumps({**claim, "url": f"{self.server.url}/put?all=1"}).encode()
        share = -(-size // self.parts)
        claim["parts"] = [
            {"number": n + 1, "url": f"{self.server.url}/put?part={n}", "size": min(share, size - n * share)}
            for n in range(self.parts)
        ]
        return 201, {}, json.dumps(claim).encode()


def test_a_claim_names_the_address_and_the_bytes_go_there(tmp_path: Path, server: Server) -> None:
    claims = Claims(server)
    one = session(tmp_path, MemoryTransport(), url=server.url, token="t0ken")
    data = content(3_000_000)
    path = offer(one, data, "claim")
    assert one.close(30)
    digest = hashlib.sha256(data).hexdigest()
    expected = {"artifact": "aid", "size": len(data), "sha256": digest, "run": RUN, "workspace": "default"}
    assert expected.items() <= claims.asked.items()
    assert claims.received == {"/put?all=1": data}
    assert claims.finished == {"etags": []}
    assert not path.exists()


def test_a_large_one_goes_in_parts_with_their_etags(tmp_path: Path, server: Server) -> None:
    claims = Claims(server, parts=3)
    one = session(tmp_path, MemoryTransport(), url=server.url, token="t0ken")
    data = content(1_000_000)
    offer(one, data, "claim")
    assert one.close(30)
    assert b"".join(claims.received[f"/put?part={n}"] for n in range(3)) == data
    assert claims.finished == {"etags": ["333334", "333334", "333332"]}


def test_a_store_that_is_away_is_tried_again(tmp_path: Path, server: Server) -> None:
    claims = Claims(server)
    claims.breaks = 1
    one = session(tmp_path, MemoryTransport(), url=server.url, token="t0ken")
    offer(one, b"x" * 100, "claim")
    assert one.close(30)
    assert claims.received == {"/put?all=1": b"x" * 100}


def test_what_the_server_refuses_is_said_as_failed(tmp_path: Path, server: Server) -> None:
    Claims(server, failed="its sha256 is another")
    way = MemoryTransport()
    one = session(tmp_path, way, url=server.url, token="t0ken")
    path = offer(one, b"x" * 100, "claim")
    assert one.close(30)
    (stored,) = [codec.payload(event) for event in way.events(events.ARTIFACT_STORED)]
    assert stored == events.ArtifactStored(id="aid", failed="its sha256 is another")
    assert not path.exists()
    unique(event.message for event in way.sent)


def test_a_copy_that_is_gone_is_said_as_failed(tmp_path: Path, server: Server) -> None:
    way = MemoryTransport()
    one = session(tmp_path, way, url=server.url)
    one.upload("aid", one.files() / "gone", "claim", size=1, sha256="0" * 64, name="model")
    assert one.close(30)
    (stored,) = [codec.payload(event) for event in way.events(events.ARTIFACT_STORED)]
    assert "is gone" in (stored.failed or "")


def test_events_are_not_held_back_by_an_upload(tmp_path: Path, server: Server) -> None:
    going = threading.Event()
    claims = Claims(server)

    def answer(request: Request) -> Reply:
        if request[0] == "PUT":
            going.wait(30)
        return claims.answer(request)

    server.answer = answer
    way = MemoryTransport()
    one = session(tmp_path, way, url=server.url, token="t0ken")
    offer(one, b"x" * 100, "claim")
    wait_for(lambda: any(request[0] == "PUT" for request in server.requests))
    one.say(events.TAGS, {"while": "it goes"})
    wait_for(lambda: way.events(events.TAGS))
    assert not one.flush(0.2)
    going.set()
    assert one.close(30)


def test_heartbeats_tell_how_far_an_upload_is_even_after_the_session_has_said_its_last(
    tmp_path: Path, server: Server
) -> None:
    going, claims = threading.Event(), Claims(server)

    def answer(request: Request) -> Reply:
        if request[0] == "PUT":
            going.wait(30)
        return claims.answer(request)

    server.answer = answer
    way = MemoryTransport()
    one = session(tmp_path, way, url=server.url, token="t0ken", heartbeat=0.05)
    offer(one, content(3_000_000), "claim")

    def told() -> list[dict[str, int]]:
        return [codec.payload(codec.decode(beat.message)).uploads for beat in list(way.heartbeats)]

    wait_for(lambda: {"aid": 3_000_000} in told())
    closing = threading.Thread(target=one.close, args=(30,))
    closing.start()
    wait_for(lambda: way.events(events.SESSION_CLOSED))
    said = len(told())
    wait_for(lambda: len(told()) > said)
    assert told()[-1] == {"aid": 3_000_000}
    going.set()
    closing.join(30)
    assert not closing.is_alive()


def test_memory_stays_small_whatever_the_size(tmp_path: Path, server: Server) -> None:
    """A file of 300 MB, sparse; the process may grow by a tenth of that."""
    put = 0

    def answer(request: Request) -> Reply:
        nonlocal put
        put += len(request[3]) if request[0] == "PUT" else 0
        body = msgspec.json.encode({"url": f"{server.url}/put", "headers": {}})
        return 200, {}, b"{}" if request[1].endswith("finish") or request[0] == "PUT" else body

    server.answer = answer
    process = child(
        tmp_path,
        f"""
import resource
one = session(folder, Wire(folder / "wire"), url={server.url!r})
path = one.files() / "aid"
with path.open("wb") as file:
    file.truncate(300_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
one.upload("aid", path, "claim", size=300_000_000, sha256="0" * 64, name="model")
assert one.close(60)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""",
    )
    assert int(process.stdout_text) < 30_000  # type: ignore[attr-defined]  # KiB
    assert put == 300_000_000


def test_files_lie_in_the_sessions_own_folder(tmp_path: Path) -> None:
    one = session(tmp_path, MemoryTransport())
    assert one.files().is_dir()
    assert os.path.commonpath([one.files(), tmp_path / "spool" / one.id]) == str(tmp_path / "spool" / one.id)
    assert one.close(10)
