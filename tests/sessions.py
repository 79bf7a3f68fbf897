"""Sessions for tests: settings of a folder, a transport that many processes can write to, checks of what was said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runreel import codec
from runreel.events import HEARTBEAT, LOGS, METRICS, Event
from runreel.session import Session
from runreel.settings import Settings
from runreel.transports.base import Answer, Sealed, Transport
from support import ended

RUN = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"


def settings(folder: Path, **changes: Any) -> Settings:
    """Settings of an empty environment whose state lies in `folder`."""
    return Settings(environ={"RUNREEL_STATE_DIR": str(folder)}, folder=folder).replace(**changes)


def session(folder: Path, way: Transport | None = None, **changes: Any) -> Session:
    """A session in `folder`; `changes` are settings, or `one_shot`, `parent`, `role`."""
    own = {name: changes.pop(name) for name in ("one_shot", "parent") if name in changes}
    role = changes.pop("role", "owner")
    return Session(
        settings(folder, **changes),
        run=RUN,
        workspace="default",
        source="/default/tests",
        role=role,
        transport=way,
        **own,
    )


class Wire:
    """A transport into a file, which outlives its process; `wired` reads it. `acknowledging` False: never answers."""

    name = "wire"
    configured = True
    reachable: bool | None = True

    def __init__(self, path: Path, *, acknowledging: bool = True) -> None:
        self.path, self.acknowledging = path, acknowledging
        self._answers: dict[str, int] = {}

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def send(self, events: Sequence[Sealed]) -> int:
        """One write, so that processes do not mix their lines."""
        kept = [event for event in events if event.seq >= 0]
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, b"".join(b"\n%b\t" % event.message for event in kept))
        finally:
            os.close(fd)
        self._answers.update((event.session, event.seq) for event in kept)
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Acknowledge all, if it does."""
        answers = [Answer(*item) for item in self._answers.items()] if self.acknowledging else []
        self._answers.clear()
        if not answers:
            time.sleep(timeout)  # as a client waits for its server
        return answers

    def reset(self) -> None:
        """Forget what is under way."""
        self._answers.clear()

    def close(self, timeout: float) -> None:
        """Nothing is held."""

    def messages(self) -> list[bytes]:
        """All that was sent, in order."""
        return wired(self.path)


def wired(path: Path) -> list[bytes]:
    """What came over a wire, in order. What a process was killed in the middle of, or is at, is not there yet."""
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    return [line[:-1] for line in lines if line.endswith(b"\t")]


def unique(messages: Iterable[bytes]) -> list[Event]:
    """The events of `messages`, each once, by session and seq; heartbeats left out.

    Raises:
        AssertionError: a conflict: one (session, seq) with two contents; or a gap in a session's seqs.
    """
    found: dict[tuple[str | None, int | None], bytes] = {}
    for message in messages:
        event = codec.decode(message)
        if event.type == HEARTBEAT:
            continue
        key = (event.session, event.seq)
        assert found.setdefault(key, message) == message, f"conflict: {found[key]!r} and {message!r}"
    seqs = defaultdict(list)
    for name, seq in found:
        seqs[name].append(seq)
    for name, there in seqs.items():
        assert sorted(there) == list(range(len(there))), f"gap in {name}: {sorted(there)}"
    return [codec.decode(found[key]) for key in sorted(found, key=str)]


def values(events: Iterable[Event], name: str = "loss") -> list[Any]:
    """All values of a series, in order of session and seq."""
    ordered = sorted((e for e in events if e.type == METRICS), key=lambda e: (e.session or "", e.seq or 0))
    columns = [codec.payload(event) for event in ordered]
    return [value for column in columns if column.name == name for value in codec.read(column.value)]


def texts(events: Iterable[Event]) -> list[str]:
    """All lines, in order of session and seq; split ones joined."""
    ordered = sorted((e for e in events if e.type == LOGS), key=lambda e: (e.session or "", e.seq or 0))
    found: list[str] = []
    more = False
    for event in ordered:
        lines = codec.payload(event)
        for text in lines.text:
            if more:
                found[-1] += text
            else:
                found.append(text)
            more = False
        more = lines.more
    return found


PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from sessions import Wire, session
folder = Path({folder!r})
"""


def child(folder: Path, code: str, *, wait: bool = True) -> subprocess.Popen[str]:
    """A Python process with `folder`, `Wire` and `session` at hand; `wait`: until it ends."""
    text = PRELUDE.format(tests=str(Path(__file__).parent), folder=str(folder)) + code
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if wait:
        process.stdout_text, process.stderr_text = ended(process)  # type: ignore[attr-defined]
    return process


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The one line of JSON that a child printed."""
    answer: dict[str, Any] = json.loads(process.stdout_text)  # type: ignore[attr-defined]
    return answer
