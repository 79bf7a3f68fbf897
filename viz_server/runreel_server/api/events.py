"""`POST /events`: CloudEvents over HTTP, for steps that cannot reach Kafka."""

from __future__ import annotations

from typing import Any, Final

from flask import request

from runreel.codec import BATCH_CONTENT_TYPE, CONTENT_TYPE
from runreel_server.api.routes import Route
from runreel_server.problems import Problem
from runreel_server.queries.posting import Post, read

_JSON: Final = "application/json"
MEDIA_TYPES: Final = {CONTENT_TYPE: "Event", BATCH_CONTENT_TYPE: "Events", _JSON: "EventOrEvents"}


def routes(post: Post) -> list[Route]:
    """The route of events."""

    def events(query: dict[str, Any]) -> Any:
        if request.mimetype not in MEDIA_TYPES:
            said = request.mimetype or "absent"
            raise Problem(415, f"content-type {said}: send {CONTENT_TYPE}, {BATCH_CONTENT_TYPE} or {_JSON}")
        body = request.get_data(cache=False)
        batch = request.mimetype == BATCH_CONTENT_TYPE or (request.mimetype == _JSON and body.lstrip()[:1] == b"[")
        found = read(body, batch=batch)
        post.send(found)
        return {"acknowledged": [{"session": one.session, "seq": one.seq} for one in found]}

    return [
        Route(
            "POST",
            "/events",
            "Say events, one or many; answers when they are safe.",
            "Acknowledged",
            events,
            body=MEDIA_TYPES,
            statuses=(401, 413, 415),
            guarded=True,
        )
    ]
