"""The server's HTTP surface, as commands read it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from runreel.errors import NotFound, NotReachable, SettingError
from runreel.servers import server
from runreel.settings import Settings
from runreel.web import authorization, opened

PATIENCE: Final = 30.0

Json = dict[str, Any]


class Api:
    """The server that the settings name, or that of this machine's `runreel up`.

    Raises:
        SettingError: there is none.
    """

    def __init__(self, settings: Settings) -> None:
        url = server(settings)
        if not url:
            raise SettingError(
                "RUNREEL_URL", "", "is empty and no `runreel up` runs here: set it, or start `runreel up`"
            )
        self.url = url
        self._who = authorization(settings)

    def get(self, path: str, **query: Any) -> Json:
        """A JSON answer.

        Raises:
            NotFound: the server says so; the message is its own.
            UsageError: the server says that a value is none.
            NotReachable: no answer, or one that is an error.
        """
        with self._open(path, query, PATIENCE) as answer:
            found: Json = msgspec.json.decode(answer.read())
            return found

    def run(self, ending: str) -> Json:
        """The state of the run whose id ends so; `last`: of the newest one.

        Raises:
            NotFound: there is none, or several runs' ids end so.
        """
        if ending != "last":
            return self.get(f"/api/v1/runs/{urllib.parse.quote(ending)}")
        found = self.get("/api/v1/runs", limit=1)["runs"]
        if not found:
            raise NotFound("there is no run yet")
        return self.get(f"/api/v1/runs/{found[0]['id']}")

    def stream(self, path: str, after: str = "") -> Iterator[tuple[str, Json, str]]:
        """The frames of a live stream: name, data, id. Ends when the server does.

        Raises:
            NotReachable: no answer.
        """
        with self._open(path, {"after": after} if after else {}, PATIENCE) as answer:
            fields: dict[str, str] = {}
            try:
                for raw in answer:
                    line = raw.decode().rstrip("\n")
                    if line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                    elif fields:
                        yield (
                            fields.get("event", ""),
                            msgspec.json.decode(fields.get("data", "{}")),
                            fields.get("id", ""),
                        )
                        fields = {}
            except (OSError, http.client.HTTPException):
                return  # the caller comes again, from the last id

    def _open(self, path: str, query: Json, timeout: float) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        address = self.url + path + ("?" + urllib.parse.urlencode(given, doseq=True) if given else "")
        try:
            return opened(address, timeout, self._who)
        except urllib.error.HTTPError as error:
            with error:
                detail = _detail(error.read()) or f"{error.code} {error.reason}"
            if error.code == 404:
                raise NotFound(detail) from None
            if error.code == 400:
                raise click.UsageError(detail) from None
            raise NotReachable(f"{self.url}: {detail}") from None
        except (urllib.error.URLError, OSError) as error:
            raise NotReachable(f"no answer from {self.url} ({getattr(error, 'reason', error)})") from None


def _detail(body: bytes) -> str:
    try:
        problem: Json = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return str(problem.get("detail", "")) if isinstance(problem, dict) else ""
