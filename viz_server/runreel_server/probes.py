"""`/healthz` and `/readyz`, and short addresses of runs."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from runreel_server.api.routes import answer
from runreel_server.health import Health
from runreel_server.queries.names import Names


def blueprint(health: Health) -> Blueprint:
    """The two probes: alive whenever it answers, ready unless there is a reason not to be."""
    probes = Blueprint("probes", __name__)

    @probes.get("/healthz")
    def alive() -> Response:
        return answer({"alive": True})

    @probes.get("/readyz")
    def ready() -> Response:
        reasons = health.reasons()
        return answer({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    return probes


def shorten(app: Flask, names: Names) -> None:
    """Send who asks for a run's page by an end of its id to the run's own address."""

    @app.before_request
    def whole() -> Redirect | None:
        parts = request.view_args or {}
        if request.endpoint != "pages.run":
            return None
        run = names.resolve(parts["run"])
        if run == parts["run"]:
            return None
        query = request.query_string.decode("latin-1")
        return redirect(url_for("pages.run", run=run) + (f"?{query}" if query else ""))
