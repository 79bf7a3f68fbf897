"""The one shape of errors under `/api`: problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec

MEDIA_TYPE: Final = "application/problem+json"


class Problem(Exception):
    """An answer that is an error; raised by whatever serves a request.

    Args:
        status: the HTTP status.
        detail: one sentence that names the field, the value and the way out.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail

    def body(self) -> bytes:
        """The answer's body."""
        return msgspec.json.encode(shape(self.status, self.detail))


def shape(status: int, detail: str) -> dict[str, Any]:
    """`type, title, status, detail` of a problem."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
