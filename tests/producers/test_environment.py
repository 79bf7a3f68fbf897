"""Where a run runs, and what is never told of it."""

from __future__ import annotations

import socket
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

import runreel
from runreel import checks, environment
from runreel.testing import capture


def test_a_run_tells_where_it_runs() -> None:
    with capture({"RUNREEL_ENVIRONMENT": "1"}) as said:
        with runreel.start("p"):
            pass
        told = said.state["environment"]
    assert told["host"] == socket.gethostname()
    assert told["packages"]["msgspec"] == metadata.version("msgspec")
    assert {"command", "python", "platform", "folder"} <= set(told)


def test_it_can_be_turned_off() -> None:
    with capture({"RUNREEL_ENVIRONMENT": "0"}) as said:
        with runreel.start("p"):
            pass
        state = said.state
    assert (state["environment"], state["owner"]) == ({}, "")


def test_who_runs_it_is_the_owner_unless_one_is_given() -> None:
    with capture({"RUNREEL_ENVIRONMENT": "1"}) as said:
        with runreel.start("p") as run:
            pass
        with runreel.start("p", owner="ada") as other:
            pass
        assert said.state_of(run.id)["owner"] == environment.user()
        assert said.state_of(other.id)["owner"] == "ada"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_read_from_the_repositorys_files(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    deep = repository / "src" / "deep"
    deep.mkdir(parents=True)
    assert environment.commit(deep) == head
    git(repository, "pack-refs", "--all")
    assert environment.commit(deep) == head
    git(repository, "checkout", "-q", "--detach")
    assert environment.commit(repository) == head


def test_the_commit_of_a_worktree_is_its_own(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "tree"
    git(repository, "worktree", "add", "-q", "-b", "side", str(other))
    git(other, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "y")
    assert environment.commit(other) == git(other, "rev-parse", "HEAD") != environment.commit(repository)


def test_without_a_repository_or_with_a_broken_one_there_is_no_commit(tmp_path: Path) -> None:
    assert environment.commit(None) is None
    (tmp_path / ".git").mkdir()
    assert environment.commit(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_text("nonsense")
    assert environment.commit(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/unborn\n")
    assert environment.commit(tmp_path) is None


def test_packages_are_those_that_importlib_finds() -> None:
    import sys

    ours = environment.packages(sys.path)
    theirs = {one.name.replace("_", "-").lower(): one.version for one in reversed(list(metadata.distributions()))}
    assert {name: version for name, version in ours.items() if name in theirs} == theirs


def test_in_a_pod_a_spool_that_goes_with_it_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checks, "kind_of_file_system", lambda folder: "overlay")
    with capture({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}):
        for _ in range(2):
            with runreel.start("p"):
                pass
    (record,) = caplog.records
    assert "lies on overlay" in record.message
    assert "RUNREEL_SPOOL_DIR" in record.message


def test_outside_pods_and_on_a_volume_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checks, "kind_of_file_system", lambda folder: "overlay")
    with capture(), runreel.start("p"):
        pass
    monkeypatch.setattr(checks, "kind_of_file_system", lambda folder: "ext4")
    with capture({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}), runreel.start("p"):
        pass
    assert caplog.records == []


def test_a_folder_on_the_path_that_is_gone_does_no_harm() -> None:
    assert environment.packages(["/no/such/folder"]) == {}
