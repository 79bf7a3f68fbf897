"""What can be wrong with a setup, and how to mend it: the checks behind `runreel doctor`.

Each package adds its own by the entry-point group `runreel.checks`: a callable that takes the settings and yields
findings.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Literal

import msgspec

from runreel.errors import RunreelError
from runreel.hub import Hub
from runreel.settings import Settings

GROUP: Final = "runreel.checks"
PATIENCE: Final = 5.0  # seconds that a check waits for an answer from outside

_VOLATILE = {"tmpfs", "ramfs", "overlay"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: fine, a warning or wrong; `way_out` says what to do about it."""

    level: Literal["ok", "warning", "wrong"]
    about: str
    text: str
    way_out: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def findings(settings: Settings) -> Iterator[Finding]:
    """What all checks of all installed packages find, in the order of their names."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            check: Check = point.load()
        except ModuleNotFoundError:
            continue  # a part that is not installed has nothing to check
        try:
            yield from check(settings)
        except RunreelError as error:
            yield Finding("wrong", point.name, str(error))


def spool(settings: Settings) -> Iterator[Finding]:
    """Whether what is said can be kept on disk until it is delivered."""
    folder = settings.spool_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        way_out = "set RUNREEL_SPOOL_DIR to a folder that this user may write"
        yield Finding("wrong", "spool", f"{folder} cannot be written ({error.strerror})", way_out)
        return
    waiting = sum(size(path) for path in folder.rglob("*") if path.is_file())
    kind = file_system(folder)
    if kind in _VOLATILE:
        yield Finding(
            "warning",
            "spool",
            f"{folder} lies on {kind}: it goes when the machine or the container goes",
            "set RUNREEL_SPOOL_DIR to a volume or a path of the node",
        )
    yield Finding("ok", "spool", f"{folder}, {waiting / 1e6:,.1f} MB there")


def size(path: Path) -> int:
    """A file's bytes; 0 where it has just gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def file_system(folder: Path, mounts: str = "/proc/mounts") -> str:
    """The kind of file system that a folder lies on, `""` where that cannot be told."""
    try:
        lines = [line.split() for line in Path(mounts).read_text().splitlines()]
    except OSError:
        return ""
    real = folder.resolve()
    over = [(len(line[1]), line[2]) for line in lines if real.is_relative_to(line[1])]
    return max(over, default=(0, ""))[1]


def broker(settings: Settings) -> Iterator[Finding]:
    """Whether events can leave this machine."""
    if settings.disabled:
        yield Finding("warning", "transport", "RUNREEL_DISABLED is set: steps say nothing", "unset it")
        return
    if settings.kafka:
        yield from _kafka(settings, settings.kafka, "RUNREEL_KAFKA")
    elif settings.url:
        yield Finding("ok", "transport", "events go over HTTP to RUNREEL_URL")
    elif hub := Hub.find(settings):
        yield from _kafka(settings, hub.kafka, "runreel up")
    else:
        yield Finding(
            "wrong",
            "transport",
            "nothing is set and no `runreel up` runs here: events wait in the spool",
            "start `runreel up`, or set RUNREEL_KAFKA or RUNREEL_URL",
        )


def _kafka(settings: Settings, servers: str, name: str) -> Iterator[Finding]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    said: list[str] = []
    config = {
        **settings.kafka_config,
        "bootstrap.servers": servers,
        "error_cb": lambda error: said.append(error.str()),
        "socket.connection.setup.timeout.ms": int(PATIENCE * 1000),
    }
    try:
        metadata = AdminClient({**config, "log_level": 0}).list_topics(timeout=PATIENCE)
    except KafkaException as error:
        reason = next(iter(said), error.args[0].str())
        if "configuration property" in error.args[0].str():
            yield Finding(
                "wrong", "kafka", error.args[0].str(), "mend RUNREEL_KAFKA_CONFIG: librdkafka's keys, key=value"
            )
            return
        way_out = f"check {name}={servers!r}, the network, and RUNREEL_KAFKA_CONFIG for SASL and TLS"
        yield Finding("wrong", "kafka", f"no answer from {servers} ({reason})", way_out)
        return
    yield Finding("ok", "kafka", f"{servers} answers, {len(metadata.brokers)} broker(s)")


def server(settings: Settings) -> Iterator[Finding]:
    """Whether the web server answers."""
    hub = Hub.find(settings)
    url = settings.url or (hub.url if hub else "")
    if not url:
        yield Finding("ok", "server", "RUNREEL_URL is not set: runs have no link")
        return
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/healthz", timeout=PATIENCE) as answer:
            yield Finding("ok", "server", f"{url} answers ({answer.status})")
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield Finding(
            "wrong", "server", f"no answer from {url} ({reason})", "check RUNREEL_URL, or start `runreel serve`"
        )
