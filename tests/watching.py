"""A client of the live stream that keeps to the rules of docs/stream.md, and notes whatever breaks them."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, as its section 2 has it."""
    if not isinstance(patch, dict):
        return patch
    into = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        else:
            into[name] = merge(into.get(name), value)
    return into


def bare(value: Any) -> Any:
    """Without nulls: absent and null mean the same."""
    if isinstance(value, dict):
        return {name: bare(one) for name, one in value.items() if one is not None}
    return [bare(one) for one in value] if isinstance(value, list) else value


class Watch:
    """Watches one run, on a thread of its own, and comes back with its token whenever the wire is cut.

    Args:
        url: the server's address.
        run: the run's id.
        query: further parameters.

    Attributes:
        kinds: what the frames were, in order, pings aside.
        state: what they say, merged.
        lines: how many log lines they told of since the last snapshot.
        wrong: the rules that the server broke.
        comings: how often it has come.
        reason: what its last `bye` said; "end" is the end of a play.
    """

    def __init__(self, url: str, run: str, **query: str) -> None:
        self._where = urlsplit(url)
        self._path = f"/api/v1/runs/{run}/stream"
        self._query = query
        self._stopped = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self.kinds: list[str] = []
        self.state: Json = {}
        self.position = ""
        self.token = ""
        self.lines = 0
        self.wrong: list[str] = []
        self.reason = ""
        self.comings = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def cut(self) -> None:
        """Cut the wire, once."""
        assert self._connection is not None
        assert self._connection.sock is not None
        self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            query = {**self._query, **({"after": self.token} if self.token else {})}
            connection = http.client.HTTPConnection(self._where.hostname or "", self._where.port, timeout=10)
            self._connection = connection
            self.comings += 1
            try:
                connection.request("GET", f"{self._path}?{urlencode(query)}")
                answer = connection.getresponse()
                if answer.status == 200:
                    for fields in _events(answer):
                        self._take(fields)
                        if self._stopped.is_set():
                            return
            except (OSError, http.client.HTTPException):
                pass  # it comes again
            finally:
                connection.close()
            self._stopped.wait(0.1)

    def _take(self, fields: dict[str, str]) -> None:
        kind, data = fields["event"], json.loads(fields["data"])
        if kind == "bye":
            self.reason = data["reason"]
            if self.reason == "end":
                self._stopped.set()
            return
        if kind == "ping":
            if data["position"] != self.position:
                self._broke(f"a ping at {data['position']}, after a frame at {self.position}")
            return
        if kind == "snapshot":
            self.state, self.lines = data["state"], 0
        elif data["from"] != self.position:
            self._broke(f"a delta from {data['from']}, after a frame at {self.position}")
            return
        else:
            self.state = merge(self.state, data["patch"])
            self.lines += data.get("lines", {}).get("count", 0)
        self.position, self.token = data["position"], fields["id"]
        self.kinds.append(kind)

    def _broke(self, how: str) -> None:
        self.wrong.append(f"{time.strftime('%X')} {how}; before it {self.kinds[-3:]}")


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    while True:
        fields: dict[str, str] = {}
        while line := answer.readline().decode():
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        else:
            return
        if "event" in fields:
            yield fields
