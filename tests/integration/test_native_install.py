"""Installing the real parts, with stand-ins for Maven and Go: whole or not at all, and in one line why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from native_stack import Kafka, NativeError
from native_stack.install import KAFKA_VERSION, MINIO_VERSION, SCALA_VERSION, Part, install_chromium
from native_stack.machine import PORTS, command_line, free_port

from native import INSTALL, TOOL
from support import wait_for

JAR = f"kafka_{SCALA_VERSION}-{KAFKA_VERSION}.jar"
JAVA = """\
#!/bin/sh
echo 'openjdk version "17.0.15" 2025-04-15' >&2
"""
MAVEN = f"""\
#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) folder=${{argument#*=}};; esac; done
/bin/mkdir -p "$folder" && : > "$folder/{JAR}"
"""
GO = """\
#!/bin/sh
printf '#!/bin/sh\\n' > "$GOBIN/minio" && /bin/chmod 755 "$GOBIN/minio"
/bin/mkdir -p "$GOMODCACHE" "$GOCACHE"
"""
BROKEN = """\
#!/bin/sh
echo 'resolving'
echo '[ERROR] Could not transfer artifact: Connection refused'
echo '[ERROR] more of it'
exit 1
"""


def install(tmp_path: Path, *parts: str, **tools: str) -> subprocess.CompletedProcess[str]:
    """`install` where only the given tools are on the PATH."""
    folder = tmp_path / "tools"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, script in tools.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    environment = {"PATH": str(folder), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    command = [sys.executable, str(TOOL / "stack.py"), "install", *parts]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def installed(tmp_path: Path) -> set[str]:
    """What lies in the cache but the lock files."""
    return {path.name for path in (tmp_path / "cache/runreel/native").glob("*") if path.suffix != ".lock"}


def test_all_is_installed_by_version_and_once(tmp_path: Path) -> None:
    tools = {"java": JAVA, "mvn": MAVEN, "go": GO}
    first = install(tmp_path, **tools)
    assert first.returncode == 0, first.stderr
    assert installed(tmp_path) == {f"kafka-{KAFKA_VERSION}", f"minio-{MINIO_VERSION}"}
    again = install(tmp_path, java=BROKEN, mvn=BROKEN, go=BROKEN)
    assert again.returncode == 0
    assert again.stderr.count("is there") == 2


def test_the_caches_of_the_go_build_are_gone_afterwards(tmp_path: Path) -> None:
    assert install(tmp_path, "minio", go=GO).returncode == 0
    assert [path.name for path in (tmp_path / f"cache/runreel/native/minio-{MINIO_VERSION}").iterdir()] == ["minio"]


def test_missing_tools_are_named_with_what_to_install(tmp_path: Path) -> None:
    done = install(tmp_path)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert errors == [
        "error: kafka: 'java' is not on the PATH; "
        "install a Java 17 runtime (Debian: apt-get install -y openjdk-17-jre-headless)",
        "error: minio: 'go' is not on the PATH; install Go 1.24 or later (https://go.dev/dl)",
    ]
    assert "Traceback" not in done.stderr
    assert installed(tmp_path) == set()


@pytest.mark.parametrize(
    ("tools", "said", "left"),
    [
        ({"java": JAVA, "mvn": MAVEN}, "minio: 'go' is not", {f"kafka-{KAFKA_VERSION}"}),
        ({"java": JAVA, "go": GO}, "kafka: 'mvn' is not", {f"minio-{MINIO_VERSION}"}),
        (
            {"java": JAVA.replace("17.", "11."), "mvn": MAVEN, "go": GO},
            "needs Java 17 or later",
            {f"minio-{MINIO_VERSION}"},
        ),
    ],
)
def test_a_part_that_cannot_be_had_does_not_stop_the_other(
    tmp_path: Path, tools: dict[str, str], said: str, left: set[str]
) -> None:
    done = install(tmp_path, **tools)
    assert done.returncode == 1
    assert said in done.stderr
    assert installed(tmp_path) == left


@pytest.mark.parametrize(("part", "tool"), [("kafka", "mvn"), ("minio", "go")])
def test_a_registry_that_does_not_answer_is_one_line_and_leaves_nothing(tmp_path: Path, part: str, tool: str) -> None:
    done = install(tmp_path, part, **{"java": JAVA, tool: BROKEN})
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert f"{part}: {tool} failed: [ERROR] Could not transfer artifact: Connection refused; see whether" in error
    assert installed(tmp_path) == set()


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_the_real_go_without_a_proxy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GOPROXY", f"http://127.0.0.1:{free_port()}")
    command = [sys.executable, str(TOOL / "stack.py"), "install", "minio"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "connection refused" in done.stderr
    assert "go env GOPROXY" in done.stderr
    assert installed(tmp_path) == set()


def test_two_that_install_at_once_build_once(tmp_path: Path) -> None:
    building, go_on = threading.Event(), threading.Event()
    builds: list[Path] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "half").write_text("")
        building.set()
        assert go_on.wait(30)

    part = Part("thing", tmp_path / "thing-1", build)
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(part.install())) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert building.wait(30)
    assert not part.installed()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [False, True]
    assert len(builds) == 1
    assert part.installed()


def test_what_a_killed_installation_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".thing-1.abc").mkdir()
    (tmp_path / ".thing-1.abc" / "half").write_text("")
    part = Part("thing", tmp_path / "thing-1", lambda folder: (folder / "whole").touch())
    assert part.install()
    assert {path.name for path in tmp_path.iterdir()} == {"thing-1", "thing-1.lock"}


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NativeError, match=r"cannot write .*file/native.*give a folder that you may write to"):
        Part("thing", tmp_path / "file" / "native" / "thing-1", lambda folder: None).install()


def test_chromium_without_root_says_what_root_should_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("native_stack.install.CHROMIUM", tmp_path / "chromium")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        NativeError, match="sudo apt-get update && sudo apt-get install -y chromium chromium-headless-shell"
    ):
        install_chromium()


def test_a_chromium_with_windows_is_enough_where_no_other_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chromium").touch()
    monkeypatch.setattr("native_stack.install.CHROMIUM", tmp_path / "chromium")
    monkeypatch.setattr("native_stack.install.HEADLESS", tmp_path / "headless")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not install_chromium()


def test_a_server_that_is_not_installed_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NativeError, match=r"is not installed; run: python deploy/native/stack.py install kafka"):
        Kafka(tmp_path / "kafka").start()


def test_a_stranger_with_the_recorded_pid_is_neither_ours_nor_stopped(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        broker = Kafka(tmp_path / "kafka")
        broker.folder.mkdir()
        broker.remember(pid=stranger.pid, port=20000)
        wait_for(lambda: "input()" in command_line(stranger.pid))
        assert not broker.running()
        assert not broker.stop()
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_the_record_with_its_keys_is_for_its_owner_alone(tmp_path: Path) -> None:
    broker = Kafka(tmp_path)
    broker.remember(secret_key="s")
    assert (tmp_path / "service.json").stat().st_mode & 0o777 == 0o600


def test_a_folder_in_which_no_server_was_started_is_not_purged(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    Kafka(tmp_path).purge()
    assert (tmp_path / "precious").exists()


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert free_port() in PORTS
    assert PORTS.stop <= lowest


@pytest.mark.parametrize("workers", [[], ["--numprocesses", "2", "--dist", "loadfile"]], ids=["alone", "two"])
@pytest.mark.parametrize(("ci", "code", "outcome"), [("", 0, "2 skipped"), ("true", 1, "2 errors")])
def test_a_suite_without_its_real_parts_says_so_and_fails_under_ci(
    tmp_path: Path, ci: str, code: int, outcome: str, workers: list[str]
) -> None:
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
        def test_first(kafka): raise AssertionError("must not run")
        def test_second(make_topic): raise AssertionError("must not run")
        """)
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    native:\n    browser:\n")
    environment = {
        **os.environ,
        "CI": ci,
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": str(TOOL.parents[1] / "tests"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "native", "-p", "no:cacheprovider", *workers, str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout
    assert outcome in done.stdout
    assert done.stdout.count(f"NOT TESTED on real parts: 2 for want of kafka; install them: {INSTALL}") == 1
