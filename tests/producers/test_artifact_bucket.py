"""Artifacts by reference: `s3://bucket/key` on real MinIO, files, and what cannot be read."""

from __future__ import annotations

import hashlib
import io
import sys
import uuid
from pathlib import Path

import pytest
from minio import Minio as Client
from native_stack import Minio

from runreel.artifacts import Artifact
from runreel.errors import NotFound, NotReachable
from runreel.settings import Settings

ROWS = b"a,b\n1,2\n" * 300_000


def settings(**environ: str) -> Settings:
    return Settings({"state_dir": "/nonexistent"}, environ=environ, folder="/nonexistent")


@pytest.fixture
def ours(minio: Minio) -> Settings:
    keys = {"AWS_ACCESS_KEY_ID": minio.access_key, "AWS_SECRET_ACCESS_KEY": minio.secret_key}
    return settings(RUNREEL_S3_ENDPOINT=minio.endpoint, **keys)


@pytest.fixture
def bucket(minio: Minio) -> str:
    """A bucket that is not the archive's, with an object in it."""
    client = Client(minio.endpoint.partition("://")[2], minio.access_key, minio.secret_key, secure=False)
    name = f"raw-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name)
    client.put_object(name, "2013/all flights.csv", io.BytesIO(ROWS), len(ROWS))
    return name


@pytest.mark.parametrize("key", ["2013/all flights.csv", "2013/all%20flights.csv"])
def test_an_object_of_another_bucket_is_fetched(ours: Settings, bucket: str, key: str) -> None:
    artifact = Artifact(run="r", name="flights", uri=f"s3://{bucket}/{key}", sha256=hashlib.sha256(ROWS).hexdigest())
    assert artifact.path(settings=ours).read_bytes() == ROWS
    with artifact.open(settings=ours) as file:
        assert file.read(4) == b"a,b\n"


@pytest.mark.parametrize("place", ["{bucket}/nothing.csv", "no-such-bucket-here/x.csv"])
def test_one_that_is_not_there_is_not_found(ours: Settings, bucket: str, place: str) -> None:
    artifact = Artifact(run="r", name="flights", uri=f"s3://{place.format(bucket=bucket)}")
    with pytest.raises(NotFound, match="'flights' is not in the store"):
        artifact.path(settings=ours, timeout=0)


def test_other_bytes_than_those_that_were_said_are_refused(ours: Settings, bucket: str) -> None:
    artifact = Artifact(run="r", name="flights", uri=f"s3://{bucket}/2013/all flights.csv", sha256="0" * 64)
    with pytest.raises(NotReachable, match="sha256 differs"):
        artifact.path(settings=ours, timeout=0)


def test_refused_keys_are_told_at_once_without_the_secret(minio: Minio, bucket: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "hunter2hunter2"}
    artifact = Artifact(run="r", name="flights", uri=f"s3://{bucket}/2013/all flights.csv")
    with pytest.raises(NotReachable, match="InvalidAccessKeyId") as caught:
        artifact.path(settings=settings(RUNREEL_S3_ENDPOINT=minio.endpoint, **keys))
    assert "hunter2" not in str(caught.value)


def test_without_keys_it_says_which_to_set() -> None:
    with pytest.raises(NotReachable, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and RUNREEL_S3_ENDPOINT"):
        Artifact(run="r", name="flights", uri="s3://raw/x.csv").path(settings=settings())


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minio", None)
    with pytest.raises(NotReachable, match=r"s3://raw/x\.csv needs the package minio: pip install minio"):
        Artifact(run="r", name="flights", uri="s3://raw/x.csv").path(settings=settings())


@pytest.mark.parametrize("uri", ["s3://raw", "s3:///x", "s3://.../x", "gs://raw/x.csv", "hdfs://host/x"])
def test_what_cannot_be_read_is_told_at_once(uri: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "RUNREEL_S3_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(NotReachable, match=uri.partition("/")[0]):
        Artifact(run="r", name="flights", uri=uri).path(settings=settings(**keys))


def test_a_service_that_is_away_is_asked_until_the_time_is_over() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "RUNREEL_S3_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(NotReachable, match=r"http://127\.0\.0\.1:1 does not answer"):
        Artifact(run="r", name="flights", uri="s3://raw/x.csv").path(settings=settings(**keys), timeout=0)


def test_files_are_read_where_they_lie(tmp_path: Path) -> None:
    file = tmp_path / "a b.csv"
    file.write_bytes(b"x")
    for uri in (str(file), file.as_uri(), f"file://localhost{file}"):
        assert Artifact(run="r", name="a", uri=uri).path(settings=settings()) == file
