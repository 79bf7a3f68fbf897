"""Settings: declared once, read from flags, then the environment, then `runreel.toml`, then defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from runreel.errors import SettingError
from runreel.parsers import (
    age,
    count,
    endpoint,
    name,
    one_of,
    pairs,
    port,
    seconds,
    size,
    span,
    spans,
    split_login,
    switch,
)

FILE: Final = "runreel.toml"
PREFIX: Final = "RUNREEL_"


class Setting(msgspec.Struct, frozen=True):
    """One setting: its name (without `RUNREEL_`, lower case; so it stands in `runreel.toml`), default, help."""

    name: str
    default: Any
    help: str
    parse: Callable[[str], Any] = str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that holds it."""
        return PREFIX + self.name.upper()


SETTINGS: Final = (
    Setting("kafka", "", "Bootstrap servers of Kafka. Empty: the `runreel up` of this machine."),
    Setting(
        "kafka_config",
        {},
        "librdkafka keys as they are, key=value parted by commas: SASL, TLS, tuning.",
        pairs,
        secret=True,
    ),
    Setting("store", "", "Where the archive lies: `dir:PATH` or `s3://bucket/prefix`. Empty: that of `runreel up`."),
    Setting(
        "s3_endpoint",
        "",
        "Address of the S3 service, such as http://127.0.0.1:9000. Keys come from AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER and MINIO_ROOT_PASSWORD.",
        endpoint,
    ),
    Setting("s3_region", "us-east-1", "Region of the S3 service."),
    Setting(
        "url",
        "",
        "Address of the runreel server, for links, uploads, and steps that cannot reach Kafka. A user and password in "
        "it (https://me:secret@host) go along as HTTP Basic, and are never shown.",
    ),
    Setting(
        "transport",
        "",
        "How events travel: kafka, http, console or null. Empty: Kafka if its setting is there, else HTTP if "
        "RUNREEL_URL is, else this machine's `runreel up`.",
        one_of("", "kafka", "http", "console", "null"),
    ),
    Setting("workspace", "default", "The workspace that runs belong to.", name),
    Setting(
        "state_dir",
        "",
        "Folder of this machine's state: the hub file, acknowledgements. Empty: $XDG_STATE_HOME/runreel.",
    ),
    Setting("spool_dir", "", "Folder of what was said and not yet delivered. Empty: `spool` in the state folder."),
    Setting(
        "spool_limit",
        None,
        "Most bytes that the spool may take. Empty: the lesser of 2 GiB and a tenth of the free disk.",
        size,
    ),
    Setting(
        "on_full",
        "drop",
        "What a call does when the spool is full: drop (and count), block or raise.",
        one_of("drop", "block", "raise"),
    ),
    Setting(
        "claim_above",
        256 << 20,
        "Artifacts above this size are uploaded to the store directly rather than through Kafka.",
        size,
    ),
    Setting(
        "exit_wait",
        10.0,
        "Seconds that a process waits at its end for its events to be delivered; what is left stays in the spool.",
        seconds,
    ),
    Setting("heartbeat", 5.0, "Seconds between two signs of life of a session.", seconds),
    Setting("signals", True, "Whether a step says CANCELED when SIGTERM comes.", switch),
    Setting("disabled", False, "Whether runreel does nothing at all.", switch),
    Setting("environment", True, "Whether a run tells its command, host, Python, commit and packages.", switch),
    Setting("topic_events", "runreel.events", "Topics of events, parted by commas; emitters use the first."),
    Setting(
        "topic_workspaces",
        {},
        "Which workspaces a topic of events may carry, TOPIC=WORKSPACE WORKSPACE, parted by commas; one that is not "
        "named carries all. Events that a topic may not carry are dead letters.",
        pairs,
    ),
    Setting("topic_blobs", "runreel.blobs", "Topic of artifact bytes."),
    Setting("topic_runs", "runreel.runs", "Topic of run summaries (compacted)."),
    Setting("topic_views", "runreel.views", "Topic of visualization requests."),
    Setting("topic_dead", "runreel.dead", "Topic of what could not be taken."),
    Setting("partitions", 8, "Partitions of topics that `runreel topics create` makes.", count),
    Setting("replication", 1, "Replication factor of topics that `runreel topics create` makes.", count),
    Setting(
        "retention",
        7 * 86_400.0,
        "How long `runreel topics create` has Kafka keep events, artifact bytes and view requests; then the archive "
        "alone has them.",
        span,
    ),
    Setting("retention_dead", 30 * 86_400.0, "How long Kafka and the store keep what could not be taken.", span),
    Setting(
        "archive_retention",
        None,
        "How long the archive keeps a run after its last event. Empty: for ever.",
        age,
    ),
    Setting(
        "archive_retention_of",
        {},
        "The same for some workspaces, WORKSPACE=SPAN parted by commas; `ever` keeps one's runs for ever.",
        spans,
    ),
    Setting("group", "runreel", "Prefix of the consumer groups' names."),
    Setting("flush_bytes", 16 << 20, "A consumer flushes after this many bytes.", size),
    Setting("flush_seconds", 2.0, "A consumer flushes after this many seconds.", seconds),
    Setting("host", "127.0.0.1", "Address that the server binds."),
    Setting("port", 8765, "Port that the server binds; where it is taken, the next one is used and said.", port),
    Setting("token", "", "Where set, writing over HTTP needs it as a bearer token.", secret=True),
    Setting("max_streams", 10_000, "Live streams that one server takes at the same time.", count),
)
"""Every setting there is. `docs/settings.md` is generated from it."""

_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


class Settings:
    """The settings in force; each is an attribute of its name. Immutable.

    Args:
        flags: values that win over all else, by name; None ones are passed over.
        environ: the environment; by default the process's own.
        folder: where `runreel.toml` is looked for; by default the working directory.

    Raises:
        SettingError: a value cannot be used, or `runreel.toml` has a key that is none.
        TypeError: a flag is no setting.
    """

    kafka: str
    kafka_config: dict[str, str]
    store: str
    s3_endpoint: str
    s3_region: str
    s3_keys: tuple[str, str, str | None] | None
    """Access key, secret key, session token: from the variables that AWS, or else MinIO, reads. Secret."""
    url: str
    url_login: str | None
    """What RUNREEL_URL holds before its `@`, percent-encoded as it was written. Secret."""
    transport: str
    workspace: str
    state_dir: Path
    spool_dir: Path
    spool_limit: int | None
    on_full: str
    claim_above: int
    exit_wait: float
    heartbeat: float
    signals: bool
    disabled: bool
    environment: bool
    topic_events: str
    topic_workspaces: dict[str, str]
    topic_blobs: str
    topic_runs: str
    topic_views: str
    topic_dead: str
    partitions: int
    replication: int
    retention: float
    retention_dead: float
    archive_retention: float | None
    archive_retention_of: dict[str, float | None]
    group: str
    flush_bytes: int
    flush_seconds: float
    host: str
    port: int
    token: str
    max_streams: int

    def __init__(
        self,
        flags: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
        for setting, said, value in _given(environ, Path(folder or ".") / FILE, _raise):
            values[setting.name] = _parsed(setting, said, value)
        for flag, value in (flags or {}).items():
            if flag not in _BY_NAME:
                raise TypeError(f"{flag!r} is no setting")
            if value is not None:
                values[flag] = _parsed(_BY_NAME[flag], "--" + flag.replace("_", "-"), value)
        values["s3_keys"] = _s3_keys(environ)
        values["url"], values["url_login"] = split_login(values["url"])
        values["state_dir"] = Path(values["state_dir"] or _state_home(environ)).expanduser()
        values["spool_dir"] = Path(values["spool_dir"] or values["state_dir"] / "spool").expanduser()
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"settings do not change: make new ones with replace({name}=...)")

    def replace(self, **changes: Any) -> Settings:
        """These settings with some changed; the values are taken as they are.

        Raises:
            TypeError: a name is no setting.
        """
        for key in changes:
            if key not in _BY_NAME:
                raise TypeError(f"{key!r} is no setting")
        other = object.__new__(Settings)
        other.__dict__.update({**self.__dict__, **changes})
        return other

    @property
    def event_topics(self) -> list[str]:
        """The topics of events; emitters use the first."""
        return [topic.strip() for topic in self.topic_events.split(",") if topic.strip()]


def mistakes(environ: Mapping[str, str] | None = None, folder: str | Path | None = None) -> list[SettingError]:
    """All that is wrong in the environment and in `runreel.toml`; `Settings` stops at the first."""
    found: list[SettingError] = []
    given = _given(os.environ if environ is None else environ, Path(folder or ".") / FILE, found.append)
    for setting, said, value in given:
        try:
            _parsed(setting, said, value)
        except SettingError as error:
            found.append(error)
    return found


def _raise(error: SettingError) -> None:
    raise error from None


def _given(
    environ: Mapping[str, str], file: Path, wrong: Callable[[SettingError], None]
) -> Iterator[tuple[Setting, str, Any]]:
    """Each value that somebody gave, the weaker one first: its setting, what an error calls it, and itself."""
    for key, value in _file(file, wrong).items():
        if key in _BY_NAME:
            yield _BY_NAME[key], f"{key} in {FILE}", value
        else:
            import difflib  # only a mistake needs it

            close = difflib.get_close_matches(key, _BY_NAME, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            wrong(SettingError(FILE, key, f"is no setting; there are: {', '.join(sorted(_BY_NAME))}{meant}"))
    for setting in SETTINGS:
        # An empty variable says "none" where a text may be empty; elsewhere it is as if it were not there.
        if environ.get(setting.variable) or (setting.variable in environ and setting.parse in (str, endpoint, pairs)):
            yield setting, setting.variable, environ[setting.variable]


def _s3_keys(environ: Mapping[str, str]) -> tuple[str, str, str | None] | None:
    for access, secret, token in (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", ""),
    ):
        if environ.get(access) and environ.get(secret):
            return environ[access], environ[secret], environ.get(token) or None
    return None


def _state_home(environ: Mapping[str, str]) -> Path:
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "runreel"
    home = environ.get("HOME") or os.path.expanduser("~")
    if home and home != "~" and os.access(home, os.W_OK):
        return Path(home) / ".local" / "state" / "runreel"
    import tempfile  # slow to import, and seldom needed

    return Path(tempfile.gettempdir()) / f"runreel-{os.getuid()}"


def _file(path: Path, wrong: Callable[[SettingError], None]) -> dict[str, Any]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        wrong(SettingError(FILE, str(path), f"cannot be read ({error}): mend its permissions or remove it"))
        return {}
    import tomllib  # only who has a runreel.toml pays for it

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        wrong(SettingError(FILE, str(path), f"is no TOML ({error})"))
        return {}


def _parsed(setting: Setting, said: str, value: Any) -> Any:
    try:
        if setting.parse is pairs and isinstance(value, Mapping):
            return {str(key): str(item) for key, item in value.items()}
        if setting.parse is spans and isinstance(value, Mapping):
            return spans("\n".join(f"{key}={item}" for key, item in value.items()))
        if isinstance(value, (Mapping, list)) or (isinstance(value, bool) and setting.parse is not switch):
            raise ValueError("write it as a text or a number")
        return setting.parse(("1" if value else "0") if isinstance(value, bool) else str(value))
    except ValueError as error:
        raise SettingError(said, None if setting.secret else str(value), str(error)) from None
