"""The real parts as fixtures for all test folders, and what is said where one is missing.

A test that asks for a part that is not installed is skipped, and one line at the end says what to install. Under
`CI=true` it fails: there a suite that was not run must not look like one that passed.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TOOL = Path(__file__).parent.parent / "deploy" / "native"
sys.path.insert(0, str(TOOL))

from native_stack import Kafka, Minio, Service, Stack  # noqa: E402
from native_stack.minio import BUCKET  # noqa: E402

INSTALL = "python deploy/native/stack.py install --chromium"
PARTS = ("kafka", "minio", "chromium")

_started: pytest.StashKey[list[Service]] = pytest.StashKey()


@dataclass(frozen=True)
class Native:
    """The running stack.

    Attributes:
        kafka: the bootstrap servers, `HOST:PORT`.
        s3_endpoint: MinIO's address as a URL.
        access_key: MinIO's key id.
        secret_key: MinIO's secret.
        bucket: a bucket that is there.
        stack: to stop, kill and restart its parts; what a test leaves stopped runs again in the next one.
    """

    kafka: str
    s3_endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    stack: Stack


def pytest_configure(config: pytest.Config) -> None:
    """Note that nothing runs yet."""
    config.stash[_started] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a real part, and run the browser's tests last.

    From its first use Playwright's synchronous interface keeps an event loop on the main thread, in which no other
    test could call `asyncio.run`.
    """
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & {"kafka", "minio"}:
            item.add_marker(pytest.mark.native)
        if asked & {"browser", "windows"}:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Bring back what the test before stopped or killed."""
    if item.get_closest_marker("native"):
        for service in item.config.stash[_started]:
            service.start()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was not tested and how to mend that."""
    counts = Counter(
        part
        for outcome in ("skipped", "error")
        for report in terminalreporter.stats.get(outcome, ())
        for part in PARTS
        if _reason(part) in str(report.longrepr)
    )
    if counts:
        missing = ", ".join(f"{count} for want of {part}" for part, count in counts.items())
        terminalreporter.write_line(
            f"NOT TESTED on real parts: {missing}; install them: {INSTALL}", red=True, bold=True
        )


def require(part: str, installed: bool) -> None:
    """Skip the test, or fail it under `CI=true`, unless the part (one of `PARTS`) is `installed`."""
    if installed:
        return
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(_reason(part), pytrace=False)
    pytest.skip(_reason(part))


def _reason(part: str) -> str:
    return f"{part} is not installed: {INSTALL}"


@pytest.fixture(scope="session")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("native"))
    # Servers outlive whoever starts them. This child sees our end of its pipe close, whatever ended us, and clears up.
    command = [sys.executable, str(TOOL / "stack.py"), "down", "--purge", "--after-stdin", "--data", str(stack.data)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ):
        yield stack
        stack.purge()


def _start(service: Service, config: pytest.Config) -> None:
    require(service.name, service.part().installed())
    service.start()
    config.stash[_started].append(service)


@pytest.fixture(scope="session")
def kafka(_stack: Stack, pytestconfig: pytest.Config) -> Kafka:
    """A real Kafka, shared by the session; `kafka.address` is its bootstrap servers."""
    _start(_stack.kafka, pytestconfig)
    return _stack.kafka


@pytest.fixture(scope="session")
def minio(_stack: Stack, pytestconfig: pytest.Config) -> Minio:
    """A real MinIO, shared by the session; `minio.endpoint` is its URL."""
    _start(_stack.minio, pytestconfig)
    return _stack.minio


@pytest.fixture(scope="session")
def native(kafka: Kafka, minio: Minio, _stack: Stack) -> Native:
    """Both."""
    return Native(kafka.address, minio.endpoint, minio.access_key, minio.secret_key, BUCKET, _stack)


@pytest.fixture
def prefix() -> str:
    """Letters that no other test has: to begin topic and group names and object keys with."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def make_topic(kafka: Kafka, prefix: str) -> Iterator[Callable[..., str]]:
    """`make_topic(name="events", partitions=1, config={...})` makes a fresh topic and answers its full name."""
    admin = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
    made: list[str] = []

    def make(name: str = "events", partitions: int = 1, config: dict[str, str] | None = None) -> str:
        topic = f"{prefix}.{name}"
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config or {})
        admin.create_topics([wanted])[topic].result(30)
        made.append(topic)
        return topic

    yield make
    if made and kafka.running():
        for deleted in admin.delete_topics(made).values():
            deleted.exception(30)  # one that the test deleted itself is no error


@pytest.fixture
def topic(make_topic: Callable[..., str]) -> str:
    """A fresh topic of one partition."""
    return make_topic()
