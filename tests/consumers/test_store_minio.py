"""What is the S3 store's own: bounded memory, broken connections, forks, addresses to upload to."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from minio.error import S3Error
from native_stack import Minio

from runreel.errors import NotReachable
from runreel_consumers.store import minio as module
from runreel_consumers.store.minio import MinioStore

MIB = 1 << 20


@pytest.fixture
def store(minio: Minio, prefix: str) -> MinioStore:
    return MinioStore("runreel", prefix, endpoint=minio.endpoint, keys=(minio.access_key, minio.secret_key, None))


class Cutting:
    """A proxy that cuts each connection after so many bytes of the answer."""

    def __init__(self, endpoint: str, after: int) -> None:
        address = urlsplit(endpoint)
        self._target, self.after, self.cuts = (address.hostname, address.port), after, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, suppress(OSError):
            server.settimeout(0.5)  # one answer a connection: then it is idle, and closed
            server.sendall(client.recv(65_536))
            left = self.after
            while left > 0 and (data := server.recv(min(left, 65_536))):
                client.sendall(data)
                left -= len(data)
            self.cuts += 1


@pytest.fixture
def cutting(minio: Minio) -> Iterator[Cutting]:
    proxy = Cutting(minio.endpoint, 2 * MIB)
    yield proxy
    proxy.close()


def through(proxy: Cutting, store: MinioStore, minio: Minio) -> MinioStore:
    """The same objects, by way of the proxy; requests are signed for the address that is asked."""
    keys = (minio.access_key, minio.secret_key, None)
    return MinioStore(store.bucket, store.prefix, endpoint=f"http://127.0.0.1:{proxy.port}", keys=keys)


def test_a_stream_goes_on_where_the_connection_broke(store: MinioStore, cutting: Cutting, minio: Minio) -> None:
    content = os.urandom(7 * MIB)
    store.put("a", content)
    cut = through(cutting, store, minio)
    assert b"".join(cut.stream("a", chunk=100_000)) == content
    assert b"".join(cut.stream("a", 5, 6 * MIB, chunk=100_000)) == content[5 : 6 * MIB + 5]
    assert cutting.cuts >= 6


def test_a_stream_that_gets_nowhere_ends_in_time(store: MinioStore, cutting: Cutting, minio: Minio) -> None:
    store.put("a", os.urandom(3 * MIB))
    cutting.after = 1500  # the head and not one whole chunk
    with pytest.raises(NotReachable):
        list(through(cutting, store, minio).stream("a"))


def test_a_stream_that_is_left_gives_its_connection_back(store: MinioStore) -> None:
    store.put("a", os.urandom(3 * MIB))
    for _ in range(30):
        stream = store.stream("a", chunk=1000)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert store.get("a")


def test_the_part_size_grows_with_the_object(store: MinioStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GROWS_EACH", 2)
    monkeypatch.setattr(module, "_PART", 5 * MIB)
    sizes = [len(part) for part in module._parts(b"x" * MIB for _ in range(52))]
    assert sizes == [5 * MIB, 5 * MIB, 10 * MIB, 10 * MIB, 20 * MIB, 2 * MIB]
    assert store.put_stream("a", (b"x" * MIB for _ in range(52))) == 52 * MIB == store.info("a").size


def test_an_upload_that_fails_leaves_no_parts_behind(store: MinioStore) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 20 * MIB
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        store.put_stream("a", failing())
    name = f"{store.prefix}/a"
    assert store._minio._list_multipart_uploads(store.bucket, prefix=name).uploads == []


def test_a_forked_child_has_connections_of_its_own(store: MinioStore) -> None:
    store.put("a", b"parent")
    ours = store._minio
    child = os.fork()
    if child == 0:
        code = 0 if store._minio is not ours and store.get("a") == b"parent" else 1
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store._minio is ours


def test_an_upload_address_takes_one_put(store: MinioStore) -> None:
    url = store.upload_url("some key/ü", 60)
    assert url is not None
    assert urllib3.request("PUT", url, body=b"sent").status == 200
    assert store.get("some key/ü") == b"sent"


def test_a_write_that_minio_denies_because_a_folder_went_is_tried_again(
    store: MinioStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MinIO answers 403 to a write into a folder that a delete has emptied at the same moment."""
    client, denials = store._minio, 2
    complete = client._complete_multipart_upload

    def denied(*args: Any) -> Any:
        nonlocal denials
        if denials:
            denials -= 1
            raise S3Error(None, "AccessDenied", "Access Denied.", "/", "", "")
        return complete(*args)

    monkeypatch.setattr(client, "_complete_multipart_upload", denied)
    assert store.put_stream("a", (b"x" * MIB for _ in range(20))) == 20 * MIB == store.info("a").size
    assert denials == 0


class Denying(http.server.BaseHTTPRequestHandler):
    """Denies the first two writes, as MinIO does."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_PUT(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"" if self.asked > 2 else b"<Error><Code>AccessDenied</Code></Error>"
        self.send_response(403 if body else 200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_put_that_is_denied_for_a_moment_is_tried_again() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Denying) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            endpoint = f"http://127.0.0.1:{server.server_port}"
            MinioStore("bucket", endpoint=endpoint, keys=("a", "b", None)).put("a", b"x")
        finally:
            server.shutdown()
            thread.join()
    assert Denying.asked == 3
