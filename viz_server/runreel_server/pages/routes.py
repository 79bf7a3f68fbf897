"""The addresses of the pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from runreel.errors import NotFound
from runreel_server.pages import text
from runreel_server.pages.artifact_page import artifact_context
from runreel_server.pages.assets import Assets
from runreel_server.pages.home_page import ended_row, experiment_row, failed_row, headline, running_row
from runreel_server.pages.markdown import render
from runreel_server.pages.run_page import run_context
from runreel_server.pages.security import secure
from runreel_server.pages.source import Source

FILTERS = ("workspace", "experiment", "pipeline", "state", "tag", "q", "sort", "cursor")
PAGE = "50"  # runs a page of the list
_DAY = 86_400 * text.MICRO
_ROWS = 100


Clock = Callable[[], int]


def now_micros() -> int:
    """The present, in microseconds since 1970."""
    return time.time_ns() // 1_000


def register(app: Flask, source: Source, clock: Clock = now_micros) -> None:
    """Put the pages, their static files and their headers on `app`.

    Args:
        app: needs no static folder of its own (`Flask(name, static_folder=None)`).
        source: where the pages get their data from.
        clock: the present in microseconds since 1970.
    """
    assets = Assets()
    app.register_blueprint(assets.blueprint())
    app.register_blueprint(_pages(source, assets, clock))
    secure(app, assets.style_hashes)


def _pages(source: Source, assets: Assets, clock: Clock) -> Blueprint:
    pages = Blueprint("pages", __name__, template_folder="../templates")
    pages.add_app_template_filter(text.name, "name")
    pages.add_app_template_filter(text.cell, "cell")
    pages.add_app_template_filter(embedded, "embedded")

    @pages.app_context_processor
    def helpers() -> dict[str, Any]:
        return {"static": assets.url, "plotly": assets.plotly_url, "modules": ()}

    @pages.errorhandler(NotFound)
    def not_found(error: NotFound) -> Response:
        return error_page(404, str(error) or "There is no such page")

    @pages.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return error_page(error.code or 500, error.description or "")

    @pages.get("/")
    def home() -> Response:
        now = clock()
        running = source.summaries({"state": "RUNNING", "limit": PAGE}).get("runs") or []
        failed = source.summaries({"state": "FAILED", "limit": "20"})
        listed = source.summaries(_query())
        recent = [one for one in failed.get("runs") or [] if now - (text.micros(one.get("finished")) or 0) < _DAY]
        runs = listed.get("runs") or []
        rows = [running_row(one, now) for one in running]
        rows.sort(key=lambda row: not row["wrong"])
        return _page(
            "home.html",
            modules=assets.modules("home.js"),
            now=headline(running, recent, listed),
            empty=not (runs or running or recent),
            running=rows,
            failed=[failed_row(one, now) for one in recent],
            ended=[ended_row(one, now) for one in runs if one.get("state") not in {"RUNNING", "PENDING"}],
            total=text.count(listed.get("total")) if listed.get("total") is not None else "",
            next=_next(listed),
            experiments=[experiment_row(one) for one in source.experiments().get("experiments") or []],
            health=source.health(),
        )

    @pages.get("/runs")
    def runs() -> Response:
        now = clock()
        listed = source.summaries(_query())
        return _page(
            "runs.html",
            modules=assets.modules("home.js"),
            query={key: request.args.get(key, "") for key in FILTERS},
            runs=[ended_row(one, now) for one in listed.get("runs") or []],
            total=text.count(listed["total"]) if listed.get("total") is not None else "",
            next=_next(listed),
        )

    @pages.get("/runs/<run>")
    def run(run: str) -> Response:
        at = _moment(request.args.get("at"))
        if isinstance(at, str):
            return error_page(400, at)
        now = clock()
        present = source.state(run)
        shown = present if at is None else source.state(run, at)
        graph = source.graph(run)
        context = run_context(present, shown, graph, at, now)
        data = {
            "run": present.get("id") or run,
            "at": None if at is None else text.iso(at),
            "now": now,
            "state": present,
            "past": None if at is None else shown,
            "graph": graph,
        }
        return _page("run.html", modules=assets.modules("run.js"), data=data, **context)

    @pages.get("/artifacts/<artifact>")
    def artifact(artifact: str) -> Response:
        given = source.artifact(artifact)
        shown = source.preview(artifact, max(0, request.args.get("row", 1, type=int) - 1), _ROWS, profile=True)
        context = artifact_context(given, shown, clock())
        if shown.get("kind") == "markdown":
            context["markdown"] = render(shown["text"])
        return _page("artifact.html", modules=assets.modules("artifact.js"), **context)

    @pages.get("/artifacts/<artifact>/preview")
    def preview(artifact: str) -> Response:
        try:
            row = max(0, request.args.get("row", 0, type=int))
            rows = min(1_000, max(1, request.args.get("rows", _ROWS, type=int)))
            return jsonify(source.preview(artifact, row, rows))
        except NotFound as error:
            answer = jsonify(type="about:blank", title="Not found", status=404, detail=str(error))
            answer.status_code, answer.content_type = 404, "application/problem+json"
            return answer

    return pages


def error_page(status: int, message: str) -> Response:
    """A page with one line that says what is wrong, and a way back."""
    response = _page("error.html", status=status, message=message)
    response.status_code = status
    return response


def embedded(data: Any) -> Markup:
    """JSON that may stand in a script element: what could end it is escaped, and the order of keys is kept."""
    return htmlsafe_json_dumps(data, dumps=json.dumps, ensure_ascii=False, separators=(",", ":"))


def _page(template: str, **context: Any) -> Response:
    response = make_response(render_template(template, **context))
    response.headers["Cache-Control"] = "no-store"
    return response


def _query() -> dict[str, str]:
    given = {key: request.args[key] for key in FILTERS if request.args.get(key)}
    return {"limit": PAGE, **given}


def _next(listed: dict[str, Any]) -> dict[str, str] | None:
    """The query of the page that follows, or None at the end."""
    if not listed.get("next"):
        return None
    return {**{key: value for key, value in _query().items() if key != "limit"}, "cursor": str(listed["next"])}


def _moment(given: str | None) -> int | str | None:
    """`?at=` in microseconds; None where it is absent; a message where it is no time."""
    if not given:
        return None
    moment = text.micros(given.replace(" ", "+"))  # a "+" of an offset that was not encoded
    return moment if moment is not None else f"at={given!r} is no time: give one as 2026-11-22T09:14:32Z"
