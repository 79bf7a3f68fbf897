"""A wrong setting is one clear line, wherever it is met: its name, its value, the way out; exit code 2."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from native_stack import Kafka, Minio
from native_stack.minio import BUCKET

from commands import run

SECRET = "hunter2-hunter2"
COMMANDS = {
    "up": ("up", "--port", "0"),
    "serve": ("serve", "--port", "0"),
    "consume": ("consume", "archive"),
    "exec": ("exec", "--", "true"),
    "topics": ("topics", "create"),
    "doctor": ("doctor",),
    "emit": ("emit", "start", "p"),
    "sync": ("sync",),
}


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of this machine where nobody answers."""
    with socket.socket() as taken:  # bound and not listening: refused, and given to nobody else meanwhile
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def refused(folder: Path, command: str, name: str, value: str | None, way_out: str, **variables: str) -> None:
    """See that a command ends with code 2 and says the setting, its value and the way out."""
    done = run(folder, *COMMANDS[command], **variables)
    said = (done.stdout if command == "doctor" else done.stderr).decode()
    everything = (done.stdout + done.stderr).decode()
    assert done.returncode == 2, everything
    assert "Traceback" not in everything
    assert SECRET not in everything
    if command == "doctor":
        told = [line for line in said.splitlines() if line.startswith("WRONG")]
        ways = [line for line in said.splitlines() if line.startswith("         ->")]
        assert any(name in line and (value is None or value in line) for line in told), said
        assert any(way_out in line for line in ways), said
        return
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("runreel: ")
    assert name in lines[0]
    assert value is None or value in lines[0]
    assert way_out in lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_key_in_the_file(tmp_path: Path, command: str) -> None:
    (tmp_path / "runreel.toml").write_text('stoer = "dir:x"\n')
    refused(tmp_path, command, "runreel.toml", "stoer", "did you mean store?")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_toml(tmp_path: Path, command: str) -> None:
    (tmp_path / "runreel.toml").write_text("store = \n")
    refused(tmp_path, command, "runreel.toml", None, "is no TOML")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_read(tmp_path: Path, command: str) -> None:
    """A folder in its place: root may read everything else."""
    (tmp_path / "runreel.toml").mkdir()
    refused(tmp_path, command, "runreel.toml", None, "mend its permissions or remove it")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_value_that_is_none(tmp_path: Path, command: str) -> None:
    refused(tmp_path, command, "RUNREEL_HEARTBEAT", "often", "write a number of seconds", RUNREEL_HEARTBEAT="often")


@pytest.mark.parametrize("command", ["serve", "consume", "topics", "doctor"])
def test_a_broker_that_does_not_answer(tmp_path: Path, command: str, nobody: str) -> None:
    variables = {"RUNREEL_KAFKA": nobody, "RUNREEL_STORE": f"dir:{tmp_path}/store"}
    refused(tmp_path, command, "RUNREEL_KAFKA", nobody, "check the address", **variables)


@pytest.mark.parametrize("command", ["serve", "consume", "topics", "doctor", "exec", "emit"])
def test_a_librdkafka_key_that_is_none(tmp_path: Path, command: str, nobody: str) -> None:
    variables = {
        "RUNREEL_KAFKA": nobody,
        "RUNREEL_KAFKA_CONFIG": f"sasl.passwort={SECRET}",
        "RUNREEL_STORE": f"dir:{tmp_path}/store",
    }
    refused(tmp_path, command, "RUNREEL_KAFKA_CONFIG", None, "sasl.passwort", **variables)


@pytest.mark.parametrize("command", ["consume", "topics"])
def test_no_kafka_where_one_is_needed(tmp_path: Path, command: str) -> None:
    variables = {"RUNREEL_STORE": f"dir:{tmp_path}/store"}
    refused(tmp_path, command, "RUNREEL_KAFKA", "is empty", "name the bootstrap servers", **variables)


def test_a_kafka_where_up_brings_its_own(tmp_path: Path, nobody: str) -> None:
    refused(tmp_path, "up", "RUNREEL_KAFKA", nobody, "unset it", RUNREEL_KAFKA=nobody)


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_a_store_that_is_none(tmp_path: Path, command: str) -> None:
    refused(tmp_path, command, "RUNREEL_STORE", "ftp://x", "write dir:PATH", RUNREEL_STORE="ftp://x")


def test_no_store_where_one_is_needed(tmp_path: Path) -> None:
    refused(tmp_path, "serve", "RUNREEL_STORE", "is empty", "write dir:PATH")


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_a_store_folder_that_cannot_be_written(tmp_path: Path, command: str) -> None:
    """Below a file: root may write everywhere else."""
    (tmp_path / "file").touch()
    store = f"dir:{tmp_path}/file/store"
    refused(tmp_path, command, "RUNREEL_STORE", store, "name another folder", RUNREEL_STORE=store)


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_a_store_that_does_not_answer(tmp_path: Path, command: str, nobody: str) -> None:
    variables = {
        "RUNREEL_STORE": "s3://bucket/x",
        "RUNREEL_S3_ENDPOINT": f"http://{nobody}",
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    refused(tmp_path, command, "RUNREEL_S3_ENDPOINT", nobody, "check the address", **variables)


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_a_store_without_keys(tmp_path: Path, command: str, nobody: str) -> None:
    variables = {"RUNREEL_STORE": "s3://bucket/x", "RUNREEL_S3_ENDPOINT": f"http://{nobody}"}
    refused(tmp_path, command, "AWS_ACCESS_KEY_ID", None, "AWS_SECRET_ACCESS_KEY", **variables)


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_keys_that_the_store_refuses(tmp_path: Path, command: str, minio: Minio) -> None:
    variables = {
        "RUNREEL_STORE": f"s3://{BUCKET}/x",
        "RUNREEL_S3_ENDPOINT": minio.endpoint,
        "AWS_ACCESS_KEY_ID": minio.access_key,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    refused(tmp_path, command, "AWS_ACCESS_KEY_ID", None, "refuses these keys", **variables)


@pytest.mark.parametrize("command", ["up", "serve", "doctor"])
def test_a_bucket_that_is_not_there(tmp_path: Path, command: str, minio: Minio) -> None:
    variables = {
        "RUNREEL_STORE": "s3://no-such-bucket/x",
        "RUNREEL_S3_ENDPOINT": minio.endpoint,
        "AWS_ACCESS_KEY_ID": minio.access_key,
        "AWS_SECRET_ACCESS_KEY": minio.secret_key,
    }
    refused(tmp_path, command, "RUNREEL_STORE", "s3://no-such-bucket", "there is no such bucket", **variables)


@pytest.mark.parametrize("command", ["consume", "serve", "doctor"])
def test_topics_that_are_not_there(tmp_path: Path, command: str, kafka: Kafka) -> None:
    variables = {
        "RUNREEL_KAFKA": kafka.address,
        "RUNREEL_STORE": f"dir:{tmp_path}/store",
        "RUNREEL_TOPIC_EVENTS": "no-such-topic",
    }
    refused(tmp_path, command, "no-such-topic", None, "runreel topics create", **variables)


def test_more_replicas_than_brokers(tmp_path: Path, kafka: Kafka) -> None:
    variables = {"RUNREEL_KAFKA": kafka.address, "RUNREEL_TOPIC_EVENTS": "replicated", "RUNREEL_REPLICATION": "3"}
    refused(tmp_path, "topics", "RUNREEL_REPLICATION", "3", "broker", **variables)


@pytest.mark.parametrize("command", ["exec", "emit", "doctor", "up"])
@pytest.mark.parametrize("folder", ["file/state", "/proc/nothing"])
def test_a_state_folder_that_cannot_be_written(tmp_path: Path, command: str, folder: str) -> None:
    (tmp_path / "file").touch()
    state = str(tmp_path / folder)
    name = "RUNREEL_STATE_DIR" if command in ("up", "doctor") else "RUNREEL_SPOOL_DIR"
    refused(tmp_path, command, name, state, "name a folder", RUNREEL_STATE_DIR=state)


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, "up", "--data", "file/data")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"--data=" in done.stderr
    assert b"name a folder that this user may write" in done.stderr


@pytest.mark.parametrize("command", ["up", "serve"])
def test_an_address_that_is_not_of_this_machine(tmp_path: Path, command: str) -> None:
    variables = {"RUNREEL_HOST": "192.0.2.1", "RUNREEL_STORE": f"dir:{tmp_path}/store"}
    refused(tmp_path, command, "RUNREEL_HOST", "192.0.2.1", "use 127.0.0.1", **variables)


@pytest.mark.parametrize("command", ["exec", "emit", "doctor"])
def test_a_server_address_that_is_none(tmp_path: Path, command: str) -> None:
    refused(tmp_path, command, "RUNREEL_URL", "example:1", "give the server's address", RUNREEL_URL="example:1")
