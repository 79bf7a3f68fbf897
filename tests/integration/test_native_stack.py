"""The real parts themselves: that they start, keep their data, and are found again."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import minio as s3
import pytest
from confluent_kafka import Consumer, Producer
from native_stack import Minio, NativeError, Stack

from native import TOOL, Native, pytest_runtest_setup
from support import wait_for


def run(command: str, data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """One command of the tool, as a user calls it."""
    line = [sys.executable, str(TOOL / "stack.py"), command, "--data", str(data), *more]
    return subprocess.run(line, capture_output=True, text=True, timeout=110, check=False)


def evaluated(exports: str, name: str) -> str:
    """What a shell has in variable `name` after `eval` of the lines."""
    shell = ["sh", "-c", f'eval "$1"; printf %s "${name}"', "sh", exports]
    return subprocess.run(shell, capture_output=True, text=True, check=True, env={}).stdout


def store_of(service: Minio) -> s3.Minio:
    """A client of the service."""
    address = urlsplit(service.endpoint).netloc
    return s3.Minio(address, service.access_key, service.secret_key, secure=False)


def put(store: s3.Minio, key: str, data: bytes) -> None:
    store.put_object("runreel", key, io.BytesIO(data), len(data))


def get(store: s3.Minio, key: str) -> bytes:
    answer = store.get_object("runreel", key)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def produce(address: str, topic: str, *values: bytes) -> None:
    """Send, and wait for every acknowledgement."""
    refused: list[object] = []
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "log_level": 0})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: refused.append(error) if error else None)
    assert producer.flush(60) == 0
    assert refused == []


def consume(address: str, topic: str, count: int) -> list[bytes]:
    """The first `count` values of a topic."""
    settings = {"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    values: list[bytes] = []

    def enough() -> bool:
        values.extend(message.value() or b"" for message in consumer.consume(100, 0.1) if message.error() is None)
        return len(values) >= count

    try:
        wait_for(enough, 60, what=f"{count} messages")
    finally:
        consumer.close()
    return values


@pytest.fixture
def up(tmp_path: Path, minio: Minio) -> Iterator[Path]:
    """A folder in which `up` started a MinIO of its own, the quicker of the two. Session's `minio`: it is installed."""
    data = tmp_path / "stack"
    done = run("up", data, "--only", "minio")
    assert done.returncode == 0, done.stderr
    yield data
    Stack(data).purge()


def test_a_message_goes_through_kafka_and_back(native: Native, topic: str) -> None:
    produce(native.kafka, topic, b"one", b"two")
    assert consume(native.kafka, topic, 2) == [b"one", b"two"]


def test_an_object_goes_into_minio_and_back(native: Native, prefix: str) -> None:
    store = store_of(native.stack.minio)
    put(store, f"{prefix}/object", b"\0" * 100_000)
    assert get(store, f"{prefix}/object") == b"\0" * 100_000


def test_a_topic_that_was_not_made_is_not_made_by_a_producer(native: Native, prefix: str) -> None:
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": native.kafka, "message.timeout.ms": 3000, "log_level": 0})
    producer.produce(prefix, b"lost", on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    assert len(errors) == 1
    assert errors[0] is not None
    assert prefix not in producer.list_topics(timeout=10).topics


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_kafka_comes_back_on_its_port_with_its_messages(native: Native, topic: str, end: str) -> None:
    broker = native.stack.kafka
    produce(native.kafka, topic, b"before")
    first = broker.pid
    if end == "restart":
        broker.restart()
    else:
        assert broker.kill()
        assert not broker.answers()
        broker.start()
    assert broker.address == native.kafka
    assert broker.pid != first
    produce(native.kafka, topic, b"after")
    assert consume(native.kafka, topic, 2) == [b"before", b"after"]


def test_minio_killed_and_brought_back_has_its_objects_port_and_keys(native: Native, prefix: str) -> None:
    service = native.stack.minio
    put(store_of(service), prefix, b"kept")
    assert service.kill()
    assert not service.running()
    assert not service.answers()
    service.start()
    assert service.endpoint == native.s3_endpoint
    assert get(store_of(service), prefix) == b"kept"


def test_minio_answers_once_it_knows_its_users(tmp_path: Path) -> None:
    """Ready is said before; a client that comes in between is told to wait for a minute, and does."""
    statuses = {"/minio/health/ready": 200, "/runreel/": 503}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response(statuses[self.path])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            service = Minio(tmp_path)
            service.remember(port=server.server_port)
            assert not service.answers()
            statuses["/runreel/"] = 403
            assert service.answers()
        finally:
            server.shutdown()


def test_what_a_test_left_stopped_runs_in_the_next_one(native: Native, request: pytest.FixtureRequest) -> None:
    assert native.stack.minio.stop()
    pytest_runtest_setup(request.node)
    assert native.stack.minio.answers()
    assert native.stack.minio.endpoint == native.s3_endpoint


def test_both_listen_on_loopback_only(native: Native) -> None:
    sockets = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    listening = [local.split(":") for _, local, _, state, *_ in sockets if state == "0A"]
    loopback = {"0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"}  # 127.0.0.1, ::1, ::ffff:127.0.0.1
    controller = native.stack.kafka.record()["controller_port"]
    for port in (native.stack.kafka.port, controller, native.stack.minio.port):
        addresses = {address for address, number in listening if int(number, 16) == port}
        assert addresses
        assert addresses <= loopback


@pytest.mark.slow
def test_up_starts_both_and_prints_what_a_shell_evaluates(tmp_path: Path, native: Native) -> None:
    data = tmp_path / "with a 'quote' and space"
    try:
        done = run("up", data)
        assert done.returncode == 0, done.stderr
        stack = Stack(data)
        assert evaluated(done.stdout, "RUNREEL_KAFKA") == stack.kafka.address != native.kafka
        assert evaluated(done.stdout, "RUNREEL_STORE") == "s3://runreel/"
        assert evaluated(done.stdout, "RUNREEL_S3_ENDPOINT") == stack.minio.endpoint
        assert evaluated(done.stdout, "AWS_SECRET_ACCESS_KEY") == stack.minio.secret_key
        assert store_of(stack.minio).bucket_exists("runreel")
        assert stack.kafka.answers()
        assert stack.minio.secret_key not in done.stderr
        assert run("down", data, "--purge").returncode == 0
        assert not data.exists()
        assert stack.services[0].pid is stack.services[1].pid is None
    finally:
        Stack(data).purge()


def test_a_second_up_starts_nothing_and_prints_the_same(up: Path) -> None:
    pid = Stack(up).minio.pid
    assert run("env", up).stdout == run("up", up, "--only", "minio").stdout != ""
    assert Stack(up).minio.pid == pid is not None


def test_down_stops_and_up_finds_data_keys_and_port_again(up: Path) -> None:
    before = Stack(up).minio
    put(store_of(before), "key", b"kept")
    address, pid = before.address, before.pid
    assert run("down", up).returncode == 0
    assert not before.running()
    assert run("up", up, "--only", "minio").returncode == 0
    after = Stack(up).minio
    assert (after.address, get(store_of(after), "key")) == (address, b"kept")
    assert after.pid != pid


def test_status_tells_by_its_exit_code(up: Path) -> None:
    said = run("status", up)
    assert (said.returncode, said.stdout) == (0, "")
    assert Stack(up).minio.address in said.stderr
    Stack(up).minio.kill()
    said = run("status", up)
    assert said.returncode == 3
    assert "stopped" in said.stderr
    assert run("env", up).returncode == 3


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path, native: Native) -> None:
    taken = native.stack.minio.port
    for part in ("kafka", "minio"):
        done = run("up", tmp_path / part, "--only", part, f"--{part}-port", str(taken))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"error: {part}: port {taken} on 127.0.0.1 is in use; "
            f"give another with --{part}-port, or none for a free one\n"
        )


def test_another_port_for_what_runs_already_is_refused(up: Path) -> None:
    done = run("up", up, "--only", "minio", "--minio-port", "20000")
    assert done.returncode == 1
    assert f"runs on port {Stack(up).minio.port} already, not on 20000" in done.stderr


def test_the_servers_of_a_test_session_that_is_killed_end_and_leave_no_data(tmp_path: Path, minio: Minio) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    native:\n    browser:\n")
    (tmp_path / "test_it.py").write_text(
        "import pathlib, threading\n"
        "def test_that_hangs(minio):\n"
        "    pathlib.Path('folder').write_text(str(minio.folder))\n"
        "    threading.Event().wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(TOOL.parents[1] / "tests")}
    command = [sys.executable, "-m", "pytest", "-p", "native", "-p", "no:cacheprovider", "--basetemp", "temp"]
    told = tmp_path / "folder"
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as session:
        try:
            wait_for(lambda: told.exists() and told.read_text(), 60, what="the session's MinIO")
            service = Minio(Path(told.read_text()))
            assert service.answers()
        finally:
            session.kill()
    wait_for(lambda: not service.folder.parent.exists(), 30, what="the end of its data")
    assert not service.running()


def test_up_starts_what_can_be_had_and_says_what_cannot(
    tmp_path: Path, minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = minio.part().folder
    cache = tmp_path / "cache" / "runreel" / "native"
    cache.mkdir(parents=True)
    (cache / installed.name).symlink_to(installed)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    data = tmp_path / "stack"
    try:
        done = run("up", data)
        assert done.returncode == 1
        assert "error: kafka: 'java' is not on the PATH" in done.stderr
        assert "RUNREEL_KAFKA" not in done.stdout
        assert f"RUNREEL_S3_ENDPOINT={Stack(data).minio.endpoint}" in done.stdout
        assert Stack(data).minio.answers()
    finally:
        Stack(data).purge()


def test_a_server_that_ends_at_its_start_is_an_error_with_its_last_words(tmp_path: Path, minio: Minio) -> None:
    stack = Stack(tmp_path)
    (tmp_path / "minio" / "data").mkdir(parents=True)
    (tmp_path / "minio" / "data" / "runreel").write_text("a file where the bucket goes")
    with pytest.raises(NativeError, match=r"minio: cannot start in .*File exists.*give another --data folder"):
        stack.minio.start()
    assert not stack.minio.running()
