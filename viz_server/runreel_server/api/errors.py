"""Errors as answers: problem details under `/api`, a page elsewhere."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from runreel.errors import NotFound, NotReachable, RunreelError
from runreel_server import problems
from runreel_server.pages.routes import error_page
from runreel_server.problems import Problem
from runreel_server.queries.posting import MOST_BYTES, Refused

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2


def install(app: Flask) -> None:
    """Have `app` answer every error in the one shape of where it happens."""

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        status, detail = told(error)
        if not request.path.startswith("/api/"):
            return error_page(status, detail)
        shape = problems.shape(status, detail)
        if isinstance(error, Refused):
            shape["errors"] = error.errors
        response = Response(msgspec.json.encode(shape), status, content_type=problems.MEDIA_TYPE)
        if isinstance(error, HTTPException):
            for name, value in error.get_headers():
                if name in ("Allow", "WWW-Authenticate"):
                    response.headers[name] = value
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if status == 503:
            response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response


_STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (NotFound, 404),
    (NotReachable, 503),
    (ValueError, 400),
    (RunreelError, 500),
)


def told(error: Exception) -> tuple[int, str]:
    """The status and the sentence that tell of an error."""
    if isinstance(error, Problem):
        return error.status, error.detail
    if isinstance(error, Refused):
        return 413 if error.too_large else 400, str(error)
    if isinstance(error, HTTPException):
        return error.code or 500, _http(error)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status, str(error)
    log.exception("%s %s", request.method, request.path, exc_info=error)
    return 500, "an error of the server's own; its log has it"


def _http(error: HTTPException) -> str:
    if error.code == 404:
        return f"there is nothing at {request.path}: /api/v1/openapi.json lists what is"
    if error.code == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return f"{request.method} is nothing for {request.path}: use {allowed}"
    if error.code == 413:
        return f"the body is larger than {MOST_BYTES} bytes: send several smaller ones"
    return error.description or error.name
