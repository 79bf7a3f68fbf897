"""`doctor` and `topics` beside a real Kafka: what is wrong with topics, and how far the archive is behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from native_stack import Kafka

from archiving import Speaker, produce
from commands import run, start
from native import Native
from support import wait_for


@pytest.fixture
def deployment(tmp_path: Path, kafka: Kafka) -> Iterator[dict[str, str]]:
    """Settings of a deployment with topics of its own, which are not made yet."""
    prefix = f"d{secrets.token_hex(4)}."
    variables = {
        "RUNREEL_KAFKA": kafka.address,
        "RUNREEL_STORE": f"dir:{tmp_path}/store",
        "RUNREEL_PARTITIONS": "2",
        "RUNREEL_GROUP": prefix + "group",
        **{f"RUNREEL_{name}": prefix + name.lower() for name in names()},
    }
    yield variables
    client = AdminClient({"bootstrap.servers": kafka.address})
    made = [topic for topic in client.list_topics(timeout=10).topics if topic.startswith(prefix)]
    for answer in (client.delete_topics(made) if made else {}).values():
        answer.result(30)


def names() -> list[str]:
    """The topics' settings."""
    return ["TOPIC_EVENTS", "TOPIC_BLOBS", "TOPIC_RUNS", "TOPIC_VIEWS", "TOPIC_DEAD"]


def test_topics_are_made_once_and_are_right(tmp_path: Path, deployment: dict[str, str]) -> None:
    first = run(tmp_path, "topics", "create", **deployment)
    assert (first.returncode, first.stdout.count(b": made\n")) == (0, 5)
    again = run(tmp_path, "topics", "create", **deployment)
    assert (again.returncode, again.stdout.count(b": is there\n")) == (0, 5)
    compared = run(tmp_path, "topics", "compare", **deployment)
    assert (compared.returncode, compared.stdout) == (0, b"all topics are there and right\n")
    looked = run(tmp_path, "doctor", **deployment)
    assert looked.returncode == 0, looked.stdout.decode()
    assert b"topics: all there and right" in looked.stdout


def test_a_topic_that_keeps_the_emitters_time_is_told(tmp_path: Path, deployment: dict[str, str], kafka: Kafka) -> None:
    """Retention and the archive's `received` rest on the broker's own time."""
    topic = deployment["RUNREEL_TOPIC_EVENTS"]
    client = AdminClient({"bootstrap.servers": kafka.address})
    from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

    client.create_topics([NewTopic(topic, num_partitions=2)])[topic].result(30)
    run(tmp_path, "topics", "create", **deployment)
    compared = run(tmp_path, "topics", "compare", **deployment)
    assert compared.returncode == 1
    assert f"{topic} message.timestamp.type is CreateTime, should be LogAppendTime" in compared.stdout.decode()
    looked = run(tmp_path, "doctor", **deployment)
    assert looked.returncode == 2
    assert "--add-config message.timestamp.type=LogAppendTime" in looked.stdout.decode()


@pytest.mark.slow
def test_how_far_the_archive_is_behind_is_told(tmp_path: Path, deployment: dict[str, str]) -> None:
    assert run(tmp_path, "topics", "create", **deployment).returncode == 0
    produce(deployment["RUNREEL_KAFKA"], deployment["RUNREEL_TOPIC_EVENTS"], Speaker().mixture(30))
    behind = run(tmp_path, "doctor", **deployment)
    assert behind.returncode == 0
    assert b"lags by 30 messages" in behind.stdout
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 1.2, what="half of a retention of two seconds")
    late = run(tmp_path, "doctor", **deployment, RUNREEL_RETENTION="2 s")
    assert b"more than half of the retention" in late.stdout
    assert b"runreel consume archive" in late.stdout

    consumer = start(tmp_path, "consume", "archive", **deployment)
    try:
        wait_for(lambda: b"has all that the topics hold" in run(tmp_path, "doctor", **deployment).stdout, 60, every=0.5)
    finally:
        consumer.terminate()
        out, err = consumer.communicate(timeout=30)
    assert consumer.returncode == 0, err.decode()
    assert b"consuming archive from " in out


@pytest.mark.slow
def test_partitions_that_were_added_are_told(tmp_path: Path, deployment: dict[str, str], kafka: Kafka) -> None:
    """Keys have moved: a run's events lie in two partitions."""
    assert run(tmp_path, "topics", "create", **deployment).returncode == 0
    topic = deployment["RUNREEL_TOPIC_EVENTS"]
    produce(kafka.address, topic, Speaker().mixture(3))
    consumer = start(tmp_path, "consume", "all", **deployment)
    try:
        wait_for(lambda: b"has all that the topics hold" in run(tmp_path, "doctor", **deployment).stdout, 60, every=0.5)
    finally:
        consumer.terminate()
        consumer.communicate(timeout=30)
    client = AdminClient({"bootstrap.servers": kafka.address})
    client.create_partitions([NewPartitions(topic, 4)])[topic].result(30)
    looked = run(tmp_path, "doctor", **deployment)
    assert looked.returncode == 2
    assert "had 2 partitions when its archive began and has 4 now" in looked.stdout.decode()


@pytest.mark.slow
def test_the_parts_run_as_processes_of_their_own(tmp_path: Path, deployment: dict[str, str], native: Native) -> None:
    """exec -> Kafka -> consume -> MinIO -> serve, all by settings; SIGTERM ends each quietly."""
    stack = {
        **deployment,
        "RUNREEL_STORE": f"s3://{native.bucket}/{secrets.token_hex(4)}",
        "RUNREEL_S3_ENDPOINT": native.s3_endpoint,
        "AWS_ACCESS_KEY_ID": native.access_key,
        "AWS_SECRET_ACCESS_KEY": native.secret_key,
    }
    assert run(tmp_path, "topics", "create", **stack).returncode == 0
    assert run(tmp_path, "exec", "--pipeline", "nightly", "--", "echo", "hello", **stack).returncode == 0
    processes = [start(tmp_path, "consume", "all", **stack), start(tmp_path, "serve", "--port", "0", **stack)]
    try:
        out = processes[1].stdout
        assert out is not None
        url = out.readline().decode().split()[-1]
        shown = {**stack, "RUNREEL_URL": url, "RUNREEL_TRANSPORT": "kafka"}
        wait_for(lambda: b"nightly" in run(tmp_path, "runs", **shown).stdout, 60, every=0.5)
        wait_for(lambda: b"SUCCEEDED" in run(tmp_path, "tail", "last", **shown).stdout, 30, every=0.5)
        looked = run(tmp_path, "doctor", **shown)
        assert looked.returncode == 0, looked.stdout.decode()
        wait_for(lambda: run(tmp_path, "export", "last", **shown).stdout.count(b"\n") == 8, 30, every=0.5)
        replayed = run(tmp_path, "replay", "last", "--speed", "max", "--to", "kafka", **shown)
        assert replayed.returncode == 0
        number = replayed.stdout.decode().split()[-1]
        wait_for(lambda: number[-8:] in run(tmp_path, "runs", **shown).stdout.decode(), 30, every=0.5)
        assert run(tmp_path, "archive", "prune", number, "--yes", **shown).returncode == 0
        assert run(tmp_path, "export", number, **shown).returncode == 1
    finally:
        for process in processes:
            process.terminate()
        said = [process.communicate(timeout=30)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert not any(native.secret_key.encode() in text for text in said)
