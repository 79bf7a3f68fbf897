"""What `runreel doctor` finds on this machine, one by one."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from commands import environ, run, settings_of
from runreel import checks
from runreel.checks import Finding, kind_of_file_system
from runreel.errors import SettingError


def found(folder: Path, level: str, **variables: str) -> list[Finding]:
    """The findings of a level."""
    return [one for one in checks.all_findings(environ(folder, **variables)) if one.level == level]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    variables = {"RUNREEL_PORT": "x", "RUNREEL_SIGNALS": "maybe", "RUNREEL_TOKEN": "hunter2"}
    wrong = found(tmp_path, "wrong", **variables)
    assert {one.text for one in wrong} == {"RUNREEL_PORT='x'", "RUNREEL_SIGNALS='maybe'"}


def test_a_variable_that_is_no_setting_is_told_with_what_was_meant(tmp_path: Path) -> None:
    (warning,) = [
        one for one in found(tmp_path, "warning", RUNREEL_KAFAK="a:1", RUNREEL_RUN_ID="r") if "KAF" in one.text
    ]
    assert (warning.text, warning.way_out) == ("RUNREEL_KAFAK is no setting", "did you mean RUNREEL_KAFKA?")


def test_nothing_that_runs_is_told(tmp_path: Path) -> None:
    (wrong,) = found(tmp_path, "wrong")
    assert "no `runreel up` runs" in wrong.text
    assert wrong.way_out == "start `runreel up`, or set RUNREEL_KAFKA or RUNREEL_URL"
    assert run(tmp_path, "doctor").returncode == 2


@pytest.mark.skipif(kind_of_file_system(Path("/dev/shm")) != "tmpfs", reason="there is no tmpfs at /dev/shm")
def test_a_spool_that_goes_with_the_machine_is_told(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        warnings = found(tmp_path, "warning", RUNREEL_SPOOL_DIR=folder)
        assert any(f"RUNREEL_SPOOL_DIR={folder!r} lies on tmpfs" in one.text for one in warnings)
        assert any("set RUNREEL_SPOOL_DIR to a volume" in one.way_out for one in warnings)


def test_what_waits_in_the_spool_is_told(tmp_path: Path) -> None:
    run(tmp_path, "emit", "log", "x", RUNREEL_RUN_ID="r", RUNREEL_EXIT_WAIT="0")
    warnings = found(tmp_path, "warning")
    assert any("1 ended processes left" in one.text and "runreel sync" in one.way_out for one in warnings)


def test_what_waits_for_another_address_is_told_with_how_it_is_shipped_here(tmp_path: Path) -> None:
    run(tmp_path, "emit", "log", "--run", "r", "hello", RUNREEL_KAFKA="127.0.0.1:1", RUNREEL_EXIT_WAIT="0.1")
    (told,) = [one for one in found(tmp_path, "warning") if "ended processes left" in one.text]
    assert "1 of them meant for 127.0.0.1:1: `runreel sync --all` ships those here too" in told.way_out
    (told,) = [one for one in found(tmp_path, "warning", RUNREEL_KAFKA="127.0.0.1:1") if "left" in one.text]
    assert "--all" not in told.way_out


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    wrong = found(tmp_path, "wrong", RUNREEL_URL="http://127.0.0.1:1")
    assert [one.text for one in wrong] == ["RUNREEL_URL='http://127.0.0.1:1'"]
    assert "start `runreel serve`" in wrong[0].way_out


@pytest.mark.parametrize(
    ("variables", "text"),
    [({"RUNREEL_DISABLED": "1"}, "steps say nothing"), ({"RUNREEL_TRANSPORT": "null"}, "events do not leave")],
)
def test_a_step_that_is_silent_on_purpose_is_a_warning(tmp_path: Path, variables: dict[str, str], text: str) -> None:
    assert any(text in one.text for one in found(tmp_path, "warning", **variables))
    assert found(tmp_path, "wrong", **variables) == []


def test_the_same_trouble_is_told_once(tmp_path: Path) -> None:
    """Transport and topics both need the broker."""
    wrong = found(tmp_path, "wrong", RUNREEL_KAFKA="127.0.0.1:1")
    assert [one.text for one in wrong] == ["RUNREEL_KAFKA='127.0.0.1:1'"]


@pytest.mark.timeout(40)
def test_brokers_that_all_refuse_are_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no broker answers"):
        checks.reach(settings_of(tmp_path), "127.0.0.1:1,PLAINTEXT://127.0.0.1:2", timeout=120, starting=False)


def test_who_starts_beside_a_broker_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_FIRST", 0.1)
    began = time.monotonic()
    with pytest.raises(SettingError, match="no broker answers"):
        checks.reach(settings_of(tmp_path), "127.0.0.1:1", timeout=1)
    assert time.monotonic() - began > 0.9


def test_a_broker_that_listens_and_is_silent_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_FIRST", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = f"127.0.0.1:1,127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(SettingError, match="no broker answers"):
            checks.reach(settings_of(tmp_path), servers, timeout=1, starting=False)
    assert time.monotonic() - began > 0.9


def test_the_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a / ext4 rw 0 0\nb {tmp_path} tmpfs rw 0 0\nc {tmp_path}/a\\040b nfs4 rw 0 0\n")
    assert kind_of_file_system(tmp_path / "x", str(mounts)) == "tmpfs"
    assert kind_of_file_system(tmp_path / "a b" / "x", str(mounts)) == "nfs4"
    assert kind_of_file_system(Path(os.sep), str(mounts)) == "ext4"
    assert kind_of_file_system(tmp_path, str(tmp_path / "none")) == ""


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    run(tmp_path, "doctor")
    assert [path for path in settings_of(tmp_path).state_dir.rglob("*") if path.is_file()] == []
