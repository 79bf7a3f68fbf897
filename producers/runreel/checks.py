"""What can be wrong with a setup, and how to mend it: the checks behind `runreel doctor`.

Each package adds its own by the entry-point group `runreel.checks`: a callable that takes the settings and yields
findings.
"""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from runreel.errors import RunreelError, SettingError
from runreel.hub import Hub
from runreel.settings import PREFIX, SETTINGS, Settings, mistakes
from runreel.spool import elsewhere, waiting
from runreel.surroundings import EXECUTION, PARENT_SESSION, RUN, STEP
from runreel.transports.choice import choose, kind
from runreel.web import authorization, opened

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

GROUP: Final = "runreel.checks"
PATIENCE: Final = 5.0
"""Seconds that a check waits for an answer from outside."""

_FIRST: Final = 1.0
"""Seconds after which doctor looks whether any broker listens at all."""

VOLATILE: Final = frozenset({"tmpfs", "ramfs", "overlay"})
"""File systems that go with the machine or the container."""

_OWN: Final = frozenset({RUN, STEP, EXECUTION, PARENT_SESSION, "RUNREEL_OUTER"})  # said by runreel itself


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: fine, a warning or wrong; `way_out` says what to do about it."""

    level: Literal["ok", "warning", "wrong"]
    about: str
    text: str
    way_out: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def wrong(about: str, error: RunreelError) -> Finding:
    """An error as a finding."""
    if isinstance(error, SettingError):
        said = error.name if error.value is None else f"{error.name}={error.value!r}"
        return Finding("wrong", about, said, error.way_out)
    return Finding("wrong", about, str(error))


def all_findings(environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """What is wrong with the settings themselves; where nothing is, what all checks find."""
    environ = os.environ if environ is None else environ
    yield from _unknown(environ)
    found = mistakes(environ)
    yield from (wrong("settings", error) for error in found)
    if not found:
        yield from findings(Settings(environ=environ))


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    known = {setting.variable for setting in SETTINGS} | _OWN
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            way_out = f"did you mean {close[0]}?" if close else "unset it; docs/settings.md has all that there are"
            yield Finding("warning", "settings", f"{variable} is no setting", way_out)


def findings(settings: Settings) -> Iterator[Finding]:
    """What all checks of all installed packages find, in the order of their names."""
    told: set[str] = set()
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        about = point.name.partition("-")[2] or point.name
        try:
            check: Check = point.load()
            for finding in check(settings):
                told.add(finding.text)
                yield finding
        except ModuleNotFoundError as error:
            yield Finding("ok", about, f"not looked at: {error.name} is not installed")
        except RunreelError as error:
            finding = wrong(about, error)
            if finding.text not in told:  # two checks may need what is not there, and be told of it in other words
                told.add(finding.text)
                yield finding


def spool(settings: Settings) -> Iterator[Finding]:
    """Whether what is said can be kept on disk until it is delivered."""
    for folder, name in ((settings.state_dir, "RUNREEL_STATE_DIR"), (settings.spool_dir, "RUNREEL_SPOOL_DIR")):
        if (reason := unusable(folder)) is not None:
            yield Finding("wrong", "spool", f"{name}={str(folder)!r} cannot be used ({reason})", WRITABLE)
            return
    file_system = kind_of_file_system(settings.spool_dir)
    if file_system in VOLATILE:
        yield Finding(
            "warning",
            "spool",
            f"RUNREEL_SPOOL_DIR={str(settings.spool_dir)!r} lies on {file_system}: "
            "what waits there goes when the machine or the container does",
            "set RUNREEL_SPOOL_DIR to a volume or a path of the node",
        )
    left = waiting(settings)
    if left.sessions:
        text = f"{left.sessions} ended processes left {left.bytes:,} bytes in {settings.spool_dir}"
        others = elsewhere(settings)
        way_out = "the next process ships them, or `runreel sync` does now"
        if others:
            count, named = sum(others.values()), ", ".join(others)
            way_out += f"; {count} of them meant for {named}: `runreel sync --all` ships those here too"
        yield Finding("warning", "spool", text, way_out)
    else:
        yield Finding("ok", "spool", f"{settings.spool_dir}, nothing waits of ended processes")


WRITABLE: Final = "name a folder that this user may write"


def unusable(folder: Path) -> str | None:
    """Why a folder cannot be made, written and listed; None: it can. Makes it."""
    probe = folder / f".runreel-probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
        os.listdir(folder)
    except OSError as error:
        return error.strerror or str(error)
    return None


def kind_of_file_system(folder: Path, mounts: str = "/proc/mounts") -> str:
    """The kind of file system that a folder lies on, `""` where that cannot be told."""
    try:
        lines = [line.split() for line in Path(mounts).read_text().splitlines()]
    except OSError:
        return ""
    real = folder.resolve()
    over = [(len(line[1]), line[2]) for line in lines if real.is_relative_to(line[1].replace("\\040", " "))]
    return max(over, default=(0, ""))[1]


def broker(settings: Settings) -> Iterator[Finding]:
    """Whether events can leave this machine."""
    if settings.disabled:
        yield Finding("warning", "transport", "RUNREEL_DISABLED is set: steps say nothing", "unset it")
        return
    way = kind(settings)
    if way == "kafka":
        yield from _answers(settings, settings.kafka, "RUNREEL_KAFKA")
    elif way == "http":
        choose(settings)  # refuses what is no address
        yield Finding("ok", "transport", f"events go over HTTP to {settings.url}")
    elif way != "up":
        yield Finding(
            "warning", "transport", f"RUNREEL_TRANSPORT={way!r}: events do not leave this process", "unset it"
        )
    elif hub := Hub.find(settings):
        yield from _answers(settings, hub.kafka, "runreel up")
    else:
        yield Finding(
            "wrong",
            "transport",
            f"no Kafka is set and no `runreel up` runs with {settings.state_dir}: events wait in the spool",
            "start `runreel up`, or set RUNREEL_KAFKA or RUNREEL_URL",
        )


def _answers(settings: Settings, servers: str, name: str) -> Iterator[Finding]:
    _, brokers = reach(settings, servers, name, starting=False)
    yield Finding("ok", "kafka", f"{servers} answers, {brokers} broker(s)")


def reach(
    settings: Settings,
    servers: str,
    name: str = "RUNREEL_KAFKA",
    timeout: float = PATIENCE,
    *,
    starting: bool = True,
) -> tuple[AdminClient, int]:
    """A client of the Kafka at `servers`, which has answered, and how many brokers it has.

    Args:
        settings: librdkafka keys.
        servers: bootstrap servers.
        name: where these come from, for the error.
        timeout: seconds.
        starting: whether one that does not listen yet is waited for, because it may be starting, too.

    Raises:
        SettingError: librdkafka does not take the keys, or nobody answers; says why.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    said: list[Any] = []
    config: dict[str, Any] = {
        **settings.kafka_config,
        "bootstrap.servers": servers,
        "error_cb": said.append,
        "log_level": 0,
    }
    try:
        client = AdminClient(config)
    except (KafkaException, TypeError, ValueError) as error:
        raise SettingError(
            "RUNREEL_KAFKA_CONFIG", None, f"librdkafka does not take it: {_reason(settings, error)}"
        ) from None
    try:
        first = timeout if starting else min(timeout, _FIRST)
        try:
            found = client.list_topics(timeout=first)
        except KafkaException:
            if timeout <= first or _nobody_listens(servers):
                raise
            found = client.list_topics(timeout=timeout - first)
        return client, len(found.brokers)
    except KafkaException as error:
        client.poll(0)
        telling = [one for one in said if one.code() != KafkaError._ALL_BROKERS_DOWN] or [error.args[0]]
        way_out = "check the address, the network, and RUNREEL_KAFKA_CONFIG for SASL and TLS"
        raise SettingError(name, servers, f"no broker answers ({telling[0].str()}): {way_out}") from None


def _nobody_listens(servers: str) -> bool:
    """Whether every one of the bootstrap servers refuses the connection, so that waiting longer is of no use."""
    for one in servers.split(","):
        parts = urlsplit(one.strip() if "://" in one else f"//{one.strip()}")
        try:
            socket.create_connection((parts.hostname or "", parts.port or 9092), _FIRST).close()
        except ConnectionRefusedError:
            continue
        except (OSError, ValueError):
            return False
        return False
    return True


def _reason(settings: Settings, error: Exception) -> str:
    """What a client says of its configuration, without any value of it."""
    first = error.args[0] if error.args else error
    reason = first.str() if hasattr(first, "str") else str(first)
    for value in settings.kafka_config.values():
        if len(value) > 3:
            reason = reason.replace(value, "…")
    return reason


def server(settings: Settings) -> Iterator[Finding]:
    """Whether the web server answers."""
    hub = Hub.find(settings)
    url = settings.url or (hub.url if hub else "")
    if not url:
        yield Finding("ok", "server", "RUNREEL_URL is not set: runs have no link")
        return
    try:
        with opened(url.rstrip("/") + "/healthz", PATIENCE, authorization(settings)) as answer:
            yield Finding("ok", "server", f"{url} answers ({answer.status})")
    except OSError as error:
        reason = getattr(error, "reason", error)
        way_out = f"no answer ({reason}): mend the address, or start `runreel serve`"
        raise SettingError("RUNREEL_URL", url, way_out) from None
