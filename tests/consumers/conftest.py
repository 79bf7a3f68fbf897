"""A SeaweedFS for the session: the other S3 server that people run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from minio import Minio

from runreel.errors import RunreelError
from runreel_consumers.store.minio import MinioStore
from support import wait_for

#: Becomes the command, and is killed with its parent (PR_SET_PDEATHSIG): no server outlives killed tests. Done in a
#: process of its own, as what runs between fork and exec of a process with threads may crash.
DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"


@dataclass(frozen=True)
class Weed:
    """The running SeaweedFS: the address of its S3 service as a URL, keys, and a bucket that is there."""

    endpoint: str
    keys: tuple[str, str, str | None]
    bucket: str


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(store: MinioStore) -> bool:
    try:
        store.check()
    except RunreelError:
        return False
    return True


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """A SeaweedFS S3 server on free ports of 127.0.0.1, stopped at the end of the session."""
    folder = tmp_path_factory.mktemp("weed")
    access, secret = "runreel-tests", "runreel-tests-secret"
    identity = {"name": "tests", "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    credentials = [{"accessKey": access, "secretKey": secret}]
    (folder / "s3.json").write_text(json.dumps({"identities": [{**identity, "credentials": credentials}]}))
    (folder / "data").mkdir()
    names = ("master.port", "volume.port", "filer.port", "s3.port")
    ports = dict(zip([*names, *(f"{name}.grpc" for name in names)], _free_ports(8), strict=True))
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 20,
        **ports,
    }
    weed = [str(Path(sysconfig.get_path("scripts")) / "weed"), "-logtostderr=true", "server", "-filer", "-s3"]
    command = [sys.executable, "-c", DIE_WITH_PARENT, *weed]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(
            [*command, *(f"-{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            host = f"127.0.0.1:{ports['s3.port']}"
            found = Weed(f"http://{host}", (access, secret, None), "runreel")
            wait_for(lambda: _make_bucket(host, found) or process.poll() is not None, 60, every=0.2, what="SeaweedFS")
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            yield found
        finally:
            process.kill()


def _make_bucket(host: str, found: Weed) -> bool:
    store = MinioStore(found.bucket, endpoint=found.endpoint, keys=found.keys)
    client = Minio(host, found.keys[0], found.keys[1], secure=False, region="us-east-1")
    try:
        if not client.bucket_exists(found.bucket):
            client.make_bucket(found.bucket)
    except Exception:  # not up yet, in one of many ways
        return False
    return _answers(store)
