"""`/artifacts`: what is known of them, and the claim check by which large ones come."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from flask import request

from runreel.ids import SAFE
from runreel_consumers.blobs import Claims
from runreel_server.api.parameters import TIME, Parameter
from runreel_server.api.routes import Route
from runreel_server.problems import Problem
from runreel_server.queries.source import Source

T = TypeVar("T")

_JSON = "application/json"
_AT = Parameter("at", "the moment to look at; absent: now", TIME)
_SAFE = re.compile(SAFE)


class ClaimBody(msgspec.Struct):
    """Which artifact is to be uploaded: its id, its bytes, its run, and the SHA-256 (hex) that they shall have."""

    artifact: str
    size: int
    run: str
    workspace: str = "default"
    sha256: str | None = None


class FinishBody(msgspec.Struct):
    """The ETags that the parts of an upload answered, in order; none where it went in one piece."""

    etags: list[str] = msgspec.field(default_factory=list)


def routes(source: Source, claims: Claims) -> list[Route]:
    """The routes of artifacts."""

    def artifact(query: dict[str, Any], artifact: str) -> Any:
        return source.artifact(artifact, query["at"])

    def claim(query: dict[str, Any]) -> Any:
        asked = _body(ClaimBody)
        for name in ("artifact", "run", "workspace"):
            given = getattr(asked, name)
            if _SAFE.search(given) is None:  # they name objects in the store, and the event that will be said
                raise Problem(400, f"{name} is {given[:200]!r}: give letters, digits, . _ - (128 at most)")
        return claims.claim(asked.artifact, asked.size, run=asked.run, workspace=asked.workspace, sha256=asked.sha256)

    def finish(query: dict[str, Any], artifact: str) -> Any:
        etags = _body(FinishBody).etags if request.get_data() else []
        return claims.finish(artifact, etags)

    return [
        Route("GET", "/artifacts/{artifact}", "What is known of an artifact.", "ArtifactPage", artifact, (_AT,)),
        Route(
            "POST",
            "/artifacts",
            "Claim check: where to upload an artifact's bytes.",
            "Claim",
            claim,
            body={_JSON: "ClaimBody"},
            statuses=(401, 413, 415),
            guarded=True,
        ),
        Route(
            "POST",
            "/artifacts/{artifact}/finish",
            "Verify what was uploaded, and keep it.",
            "ArtifactStored",
            finish,
            body={_JSON: "FinishBody"},
            statuses=(401, 413, 415),
            guarded=True,
        ),
    ]


def _body(kind: type[T]) -> T:
    """The request's body.

    Raises:
        Problem: 415 where it is no JSON, 400 where it is not of that kind; names the field.
    """
    if request.mimetype != _JSON:
        raise Problem(415, f"content-type {request.mimetype or 'absent'}: send {_JSON}")
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body: {error}") from None
