"""The short part of the HTTP API, below `/api/v1`; what lasts (streams, content, uploads) is in `asgi`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from runreel_server.api import artifacts, events, runs, streams
from runreel_server.api.errors import install
from runreel_server.api.parameters import read
from runreel_server.api.routes import Route, answer
from runreel_server.problems import Problem
from runreel_server.queries.posting import Post
from runreel_server.queries.source import Source

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["blueprint", "install", "routes_of", "with_chunks"]


def routes_of(source: Source, post: Post, claims: Any) -> list[Route]:
    """All routes of the short API."""
    return [
        *runs.routes(source),
        *streams.routes(source),
        *artifacts.routes(source, claims),
        *events.routes(post),
    ]


def blueprint(routes: Sequence[Route], token: str, document: Callable[[], dict[str, Any]]) -> Blueprint:
    """The routes on a blueprint.

    Args:
        routes: what there is.
        token: what writing needs as a bearer token; `""`: nothing.
        document: makes the OpenAPI document, served at `/api/v1/openapi.json`.
    """
    api = Blueprint("api", __name__)
    for route in routes:
        name = route.path.strip("/").replace("/", "_").translate({ord("{"): None, ord("}"): None})
        api.add_url_rule(route.rule, f"{route.method.lower()}_{name}", _serve(route, token), methods=[route.method])

    @api.get("/api/v1/openapi.json")
    def openapi() -> Response:
        read((), request.args)
        return answer(document())

    return api


def _serve(route: Route, token: str) -> Callable[..., Response]:
    def serve(**parts: str) -> Response:
        if route.guarded and token:
            _authorize(token)
        return answer(route.handle(read(route.parameters, request.args), **parts))

    return serve


def _authorize(token: str) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise Problem(401, "writing needs the server's token: send `Authorization: Bearer` and RUNREEL_TOKEN's value")


def with_chunks(application: WSGIApplication) -> WSGIApplication:
    """An application that takes bodies whose length nobody said: the server in front of it ends them."""

    def serve(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            environ["wsgi.input_terminated"] = True
        return application(environ, start)

    return serve
