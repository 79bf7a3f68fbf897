"""Routes of the API: declared once, for Flask and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from flask import Response

from runreel_server.api.parameters import Parameter

PREFIX = "/api/v1"

Json = dict[str, Any]


class Route(msgspec.Struct, frozen=True):
    """One address and method.

    Attributes:
        method: GET or POST.
        path: below `/api/v1`, with its parts in braces.
        summary: what it gives, in one line.
        answer: the name of its answer's schema in the document.
        handle: called with the query's values, and with the path's parts by name; answers what becomes JSON.
        parameters: of its query.
        body: media types that it takes, each with the name of its schema.
        statuses: what else than 200 it may answer, beside 400, 404 and 503, which all may.
        guarded: whether it writes, so that it needs the token where one is set.
    """

    method: str
    path: str
    summary: str
    answer: str
    handle: Callable[..., Any]
    parameters: Sequence[Parameter] = ()
    body: Mapping[str, str] = {}
    statuses: Sequence[int] = ()
    guarded: bool = False

    @property
    def rule(self) -> str:
        """Its rule for Flask."""
        return PREFIX + self.path.replace("{", "<").replace("}", ">")


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    response = Response(msgspec.json.encode(value), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
