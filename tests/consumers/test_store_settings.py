"""Wrong settings of the store: one clear line that names the setting and the way out, never a secret."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from native_stack import Minio

from runreel.errors import NotReachable, RunreelError, SettingError
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers.store import DATA, DirectoryStore, open_store
from runreel_consumers.store.minio import MinioStore

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "very-secret"}


def opened(tmp_path: Path, **environ: str) -> Any:
    return open_store(Settings(environ={"HOME": str(tmp_path), **environ}, folder=tmp_path))


@pytest.fixture(params=["minio", "weed"])
def server(request: pytest.FixtureRequest) -> tuple[str, str, tuple[str, str, str | None]]:
    """Endpoint, bucket and keys of a real server."""
    if request.param == "minio":
        minio: Minio = request.getfixturevalue("minio")
        return minio.endpoint, "runreel", (minio.access_key, minio.secret_key, None)
    weed: Any = request.getfixturevalue("weed")
    return weed.endpoint, weed.bucket, weed.keys


def test_a_folder_and_a_bucket_by_their_address(tmp_path: Path) -> None:
    folder = opened(tmp_path, RUNREEL_STORE=f"dir:{tmp_path}/x")
    assert isinstance(folder, DirectoryStore)
    assert folder.folder == tmp_path / "x"
    bucket = opened(tmp_path, RUNREEL_STORE="s3://b-1/some/prefix/", RUNREEL_S3_ENDPOINT="http://h:9000", **KEYS)
    assert isinstance(bucket, MinioStore)
    assert (bucket.bucket, bucket.prefix, bucket.endpoint) == ("b-1", "some/prefix", "http://h:9000")
    assert "very-secret" not in repr(bucket)


def test_keys_may_be_minios_own(tmp_path: Path) -> None:
    opened(tmp_path, RUNREEL_STORE="s3://bucket", MINIO_ROOT_USER="me", MINIO_ROOT_PASSWORD="secret")


def test_without_the_setting_it_is_that_of_this_machines_up(tmp_path: Path) -> None:
    settings = Settings(environ={"HOME": str(tmp_path)}, folder=tmp_path)
    lock = Hub.hold(settings)
    assert lock is not None
    Hub(id=Hub.new_id(), kafka="", url="", store=f"dir:{tmp_path}/up", acks=str(tmp_path / "acks")).write(settings)
    store = open_store(settings)
    assert isinstance(store, DirectoryStore)
    assert store.folder == tmp_path / "up"


def test_what_up_has_kept_is_read_after_it_has_ended(tmp_path: Path) -> None:
    """`runreel replay`, as the demo advises at its end; not where a Kafka is named, whose store was forgotten."""
    settings = Settings(environ={"HOME": str(tmp_path)}, folder=tmp_path)
    kept = settings.state_dir / DATA
    kept.mkdir(parents=True)
    store = open_store(settings)
    assert isinstance(store, DirectoryStore)
    assert store.folder == kept
    with pytest.raises(SettingError, match=r"RUNREEL_STORE.*is empty"):
        open_store(settings.replace(kafka="127.0.0.1:9092"))


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["RUNREEL_STORE", "is empty", "runreel up"]),
        ({"RUNREEL_STORE": "/some/folder"}, ["RUNREEL_STORE='/some/folder'", "dir:PATH"]),
        ({"RUNREEL_STORE": "dir:"}, ["RUNREEL_STORE='dir:'", "dir:PATH"]),
        ({"RUNREEL_STORE": "s3://", **KEYS}, ["RUNREEL_STORE='s3://'", "s3://bucket/prefix"]),
        ({"RUNREEL_STORE": "s3://b/a/../b", **KEYS}, ["RUNREEL_STORE='s3://b/a/../b'", "`..`"]),
        ({"RUNREEL_STORE": "s3://b"}, ["AWS_ACCESS_KEY_ID", "is not set", "MINIO_ROOT_USER"]),
        (
            {"RUNREEL_STORE": "s3://b", "RUNREEL_S3_ENDPOINT": "localhost:9000", **KEYS},
            ["RUNREEL_S3_ENDPOINT='localhost:9000'", "http://"],
        ),
        (
            {"RUNREEL_STORE": "s3://b", "RUNREEL_S3_ENDPOINT": "http://h/path", **KEYS},
            ["RUNREEL_S3_ENDPOINT='http://h/path'", "http://"],
        ),
    ],
)
def test_what_is_no_address_is_told_at_once(tmp_path: Path, environ: dict[str, str], names: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        opened(tmp_path, **environ)
    assert all(name in str(caught.value) for name in names), str(caught.value)
    assert "very-secret" not in str(caught.value)


def refused(check: Callable[[], None], *names: str, kind: type[RunreelError] = SettingError) -> None:
    with pytest.raises(kind) as caught:
        check()
    said = str(caught.value)
    assert all(name in said for name in names), said
    assert "\n" not in said
    assert "secret" not in said.replace("AWS_SECRET", "")


def test_wrong_keys(server: tuple[str, str, tuple[str, str, str | None]]) -> None:
    endpoint, bucket, (access, _, _) = server
    for keys in ((access, "wrong-secret", None), ("nobody-at-all", "wrong-secret", None)):
        refused(MinioStore(bucket, endpoint=endpoint, keys=keys).check, "AWS_ACCESS_KEY_ID", endpoint)


def test_no_such_bucket_says_how_to_make_it_and_makes_none(server: tuple[str, str, Any]) -> None:
    endpoint, _, keys = server
    store = MinioStore("no-such-bucket", endpoint=endpoint, keys=keys)
    refused(store.check, "RUNREEL_STORE='s3://no-such-bucket'", "mc mb")
    refused(store.check, "RUNREEL_STORE='s3://no-such-bucket'", "mc mb")
    refused(lambda: store.put("a", b"x"), "RUNREEL_STORE='s3://no-such-bucket'")


def test_no_server_there_is_told_in_time() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        store = MinioStore("bucket", endpoint=endpoint, keys=("a", "b", None))
        refused(store.check, endpoint, "does not answer", kind=NotReachable)


@pytest.fixture
def web() -> Iterator[str]:
    """Something at the address that is no S3 service."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>hello</h1>")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_what_answers_and_is_no_s3_service(web: str) -> None:
    refused(MinioStore("bucket", endpoint=web, keys=("a", "b", None)).check, "no S3 service", web, kind=NotReachable)


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/nothing/here"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    store = DirectoryStore(tmp_path / name)
    refused(store.check, f"RUNREEL_STORE='dir:{tmp_path / name}'", "name another folder")
    refused(lambda: store.put("a", b"x"), "RUNREEL_STORE")


@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["read-only", "unreadable"])
def test_a_folder_without_the_permissions(tmp_path: Path, mode: int) -> None:
    """In a child that is not root, which may do anything."""
    folder = tmp_path / "store"
    folder.mkdir()
    for above in (folder, *list(folder.parents)[:3]):
        above.chmod(0o755)
    folder.chmod(mode)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            DirectoryStore(folder).check()
            said = "passed"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as told:
        said = told.read().decode()
    os.waitpid(child, 0)
    folder.chmod(0o755)
    assert said.startswith(f"SettingError: RUNREEL_STORE='dir:{folder}'")
    assert "permissions" in said
