"""Getting the parts from registries: once, by version, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from native_stack.errors import NativeError
from native_stack.machine import cache_folder, locked, say

KAFKA_VERSION = "4.1.0"
SCALA_VERSION = "2.13"
LOG4J_VERSION = "2.25.1"
MINIO_VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The last one of the Go module `github.com/minio/minio`: the project makes no more of them."""

CHROMIUM = Path("/usr/bin/chromium")
"""Where Debian's package puts it."""

HEADLESS = Path("/usr/lib/chromium/chromium-headless-shell")
"""The same without windows, a package of its own: it takes little more than half the processor time."""

_DEBIAN = ("chromium", "chromium-headless-shell")

BUILD_SECONDS = 1800.0
"""The longest that one step of an installation may take."""

MINIO_BUILD_BYTES = 4 << 30
"""What the module cache, the build cache and the binary need together while MinIO is built."""


@dataclass(frozen=True)
class Part:
    """One thing that can be installed.

    Attributes:
        name: what the command line calls it.
        folder: where it lies once installed; there as a whole or not at all.
        build: fills the empty folder that it is given, or raises `NativeError`.
    """

    name: str
    folder: Path
    build: Callable[[Path], None]

    def installed(self) -> bool:
        """Whether it is there."""
        return self.folder.is_dir()

    def install(self) -> bool:
        """Install it unless it is there; answer whether that was needed. Safe when several processes do so at once.

        Raises:
            NativeError: a tool is missing, a registry does not answer, or the folder cannot be written.
        """
        if self.installed():
            return False
        cache = self.folder.parent
        with locked(
            cache / f"{self.folder.name}.lock",
            waiting=lambda: say(f"{self.name}: another process is installing it; waiting for that"),
        ):
            if self.installed():
                return False
            prefix = f".{self.folder.name}."
            for leftover in cache.glob(f"{prefix}*"):  # of an installation that was killed: ours alone, by the lock
                shutil.rmtree(leftover)
            building = Path(tempfile.mkdtemp(prefix=prefix, dir=cache))
            try:
                building.chmod(0o755)
                self.build(building)
                building.rename(self.folder)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        return True


def kafka_part() -> Part:
    """Apache Kafka: a folder `libs` of jars."""
    return Part("kafka", cache_folder() / f"kafka-{KAFKA_VERSION}", _build_kafka)


def minio_part() -> Part:
    """MinIO: one binary, `minio`."""
    return Part("minio", cache_folder() / f"minio-{MINIO_VERSION}", _build_minio)


def install_chromium() -> bool:
    """Install Debian's Chromium, with and without windows, unless it is there; answer whether that was needed.

    Raises:
        NativeError: not root, no apt, or apt failed.
    """
    able = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if CHROMIUM.exists() and (HEADLESS.exists() or not able):  # with windows alone the tests only take longer
        return False
    if shutil.which("apt-get") is None:
        raise NativeError(
            f"chromium: {CHROMIUM} is not there and there is no apt-get; install Chromium and link it there"
        )
    if os.geteuid() != 0:
        raise NativeError(
            "chromium: only root may install it; "
            f"run: sudo apt-get update && sudo apt-get install -y {' '.join(_DEBIAN)}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    way_out = "see whether this machine reaches its Debian mirror"
    _run("chromium", ["apt-get", "update"], way_out, env=environment)
    _run("chromium", ["apt-get", "install", "-y", "--no-install-recommends", *_DEBIAN], way_out, env=environment)
    if not CHROMIUM.exists():
        raise NativeError(f"chromium: apt-get installed it, yet {CHROMIUM} is not there; link it there")
    return True


def java() -> str:
    """The path of a Java that runs Kafka.

    Raises:
        NativeError: there is none, or it is older than 17.
    """
    path = _tool("kafka", "java", "a Java 17 runtime (Debian: apt-get install -y openjdk-17-jre-headless)")
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version[1]) < 17:
        found = shown.splitlines()[0] if shown else "no version"
        raise NativeError(
            f"kafka: {path} says {found!r}, but Kafka {KAFKA_VERSION} needs Java 17 or later; install that"
        )
    return path


def _build_kafka(folder: Path) -> None:
    java()
    maven = _tool("kafka", "mvn", "Maven (Debian: apt-get install -y maven)")
    wanted = {
        ("org.apache.kafka", f"kafka_{SCALA_VERSION}"): KAFKA_VERSION,
        ("org.apache.logging.log4j", "log4j-slf4j-impl"): LOG4J_VERSION,
        ("org.apache.logging.log4j", "log4j-core"): LOG4J_VERSION,
    }
    with tempfile.TemporaryDirectory(prefix="runreel-kafka-") as project:
        (Path(project) / "pom.xml").write_text(_pom(wanted))
        command = [
            maven, "--batch-mode", "--quiet", "--file", f"{project}/pom.xml", "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'libs'}",
        ]  # fmt: skip
        _run("kafka", command, "see whether this machine reaches Maven Central (or your mirror in ~/.m2/settings.xml)")
    if not (folder / "libs" / f"kafka_{SCALA_VERSION}-{KAFKA_VERSION}.jar").exists():
        raise NativeError(
            f"kafka: Maven ended without an error, yet kafka_{SCALA_VERSION}-{KAFKA_VERSION}.jar is missing"
        )


def _pom(dependencies: Mapping[tuple[str, str], str]) -> str:
    listed = "".join(
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version></dependency>"
        for (group, artifact), version in dependencies.items()
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>runreel</groupId><artifactId>native-kafka</artifactId><version>1</version>"
        f"<dependencies>{listed}</dependencies></project>"
    )


def _build_minio(folder: Path) -> None:
    go = _tool("minio", "go", "Go 1.24 or later (https://go.dev/dl)")
    room = shutil.disk_usage(folder).free
    if room < MINIO_BUILD_BYTES:
        raise NativeError(
            f"minio: its build needs {MINIO_BUILD_BYTES >> 30} GiB for a while, {folder.parent} has {room >> 20} MiB; "
            "make room, or set XDG_CACHE_HOME to a larger disk"
        )
    # Two gigabytes of modules and objects serve this one build: they lie inside the folder being built and go with it.
    work = folder / "work"
    environment = {
        **os.environ,
        "GOPATH": str(work / "path"),
        "GOMODCACHE": str(work / "path" / "mod"),
        "GOCACHE": str(work / "cache"),
        "GOBIN": str(folder),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),  # a read-only cache could not be removed
        "CGO_ENABLED": "0",
    }
    command = [go, "install", "-trimpath", "-ldflags=-s -w", f"github.com/minio/minio@{MINIO_VERSION}"]
    _run("minio", command, "see whether this machine reaches the Go module proxy (go env GOPROXY)", env=environment)
    shutil.rmtree(work)
    _run("minio", [str(folder / "minio"), "--version"], "this machine cannot run what it built")


def _tool(part: str, name: str, what: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise NativeError(f"{part}: {name!r} is not on the PATH; install {what}")
    return path


def _run(part: str, command: Sequence[str], way_out: str, env: Mapping[str, str] | None = None) -> None:
    """Run one step; what it printed becomes one line if it fails."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        text=True,
        errors="replace",
        start_new_session=True,  # so that a step that hangs ends with its children
    )
    shown = Path(command[0]).name
    try:
        output, _ = process.communicate(timeout=BUILD_SECONDS)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise NativeError(f"{part}: {shown} did not end within {BUILD_SECONDS:.0f} s; {way_out}") from error
        raise
    if process.returncode != 0:
        raise NativeError(f"{part}: {shown} failed: {_reason(output)}; {way_out}")


def _reason(output: str) -> str:
    """The line of a tool's output that says most: the first that names an error, else the last."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if re.search(r"error|fail|cannot|unable", line, re.IGNORECASE)]
    return (telling or lines[-1:] or ["it said nothing"])[0][:400]
