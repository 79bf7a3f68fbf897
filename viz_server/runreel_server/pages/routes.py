"""The addresses of the pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from runreel.errors import NotFound
from runreel.ids import made_at
from runreel_server.pages import text
from runreel_server.pages.artifact_page import artifact_context
from runreel_server.pages.assets import Assets
from runreel_server.pages.home_page import FAILED_SHOWN, experiment_row, failed_row, headline, running_rows
from runreel_server.pages.list_page import ListAddress, list_context
from runreel_server.pages.markdown import render
from runreel_server.pages.readings import ENDED
from runreel_server.pages.run_page import run_context, short_labels
from runreel_server.pages.security import secure
from runreel_server.pages.source import Source
from runreel_server.stream import token

_RUNNING, _FAILED = "50", "50"  # rows of each that home has at most
SECTIONS = frozenset({"steps", "series", "artifacts", "sessions", "views"})
"""Parts of a state that are as large as the graph: a page of the past has those of then, the stream brings the rest."""
_DAY = 86_400 * text.MICRO
_YOUNG = 600 * text.MICRO  # a run whose id is no older may only be on its way here
_AGAIN = 2  # seconds until its page is asked for anew
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
    pages.add_app_template_filter(text.param, "param")
    pages.add_app_template_filter(text.cell, "cell")
    pages.add_app_template_filter(embedded, "embedded")

    @pages.app_context_processor
    def helpers() -> dict[str, Any]:
        return {"static": assets.url, "plotly": assets.plotly_url, "script": ""}

    @pages.errorhandler(NotFound)
    def not_found(error: NotFound) -> Response:
        return _missing(str(error), (request.view_args or {}).get("run", ""), clock())

    @pages.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return error_page(error.code or 500, error.description or "")

    @pages.get("/")
    def home() -> Response:
        now = clock()
        address = ListAddress("/", request.args.to_dict(flat=False))
        stalled = source.summaries({"state": ["STALLED"], "limit": [_RUNNING]})
        running = source.summaries({"state": ["RUNNING"], "sort": ["-failed"], "limit": [_RUNNING]})
        failed = source.summaries({"state": ["FAILED"], "sort": ["-finished"], "limit": [_FAILED]})
        listed = source.summaries(address.query(state=sorted(ENDED)))
        going = sum(one.get("total") or len(one.get("runs") or ()) for one in (stalled, running))
        rows = running_rows([*(stalled.get("runs") or ()), *(running.get("runs") or ())], now)
        recent = [one for one in failed.get("runs") or [] if now - (text.micros(one.get("finished")) or 0) < _DAY]
        headed = headline(going, listed.get("today") or {})
        shown = list_context(address, listed, now)
        return _page(
            "home.html",
            script=assets.url("js/home.js"),
            now=headed,
            tab_icon="icon/wrong.svg" if any(row["wrong"] for row in rows) else "icon/running.svg" if going else None,
            empty=not (rows or recent or shown["rows"] or shown["filtered"] or address.given["cursor"]),
            running=rows,
            more_running=text.count(going - len(rows)) if going > len(rows) else "",
            failed=[failed_row(one, now) for one in recent],
            failed_shown=FAILED_SHOWN,
            experiments=[experiment_row(one) for one in source.experiments().get("experiments") or []],
            health=source.health(),
            **shown,
        )

    @pages.get("/runs")
    def runs() -> Response:
        address = ListAddress("/runs", request.args.to_dict(flat=False))
        listed = source.summaries(address.query())
        return _page("runs.html", script=assets.url("js/home.js"), **list_context(address, listed, clock()))

    @pages.get("/runs/<run>")
    def run(run: str) -> Response:
        at = _moment(request.args.get("at"))
        if isinstance(at, str):
            return error_page(400, at)
        now = clock()
        present, position = source.here(run)
        shown = present if at is None else source.state(run, at)
        graph = source.graph(run)  # the newest layout; what its nodes say follows from the state that is shown
        context = run_context(present, shown, graph, at, now)
        data = {
            "run": present.get("id") or run,
            "at": None if at is None else text.iso(at),
            "now": now,
            "state": present if at is None else {key: one for key, one in present.items() if key not in SECTIONS},
            "past": None if at is None else shown,
            "graph": short_labels(graph),
        }
        if at is None and position:  # the stream need not say again what is here
            name = f"run:{data['run']}"
            data["here"] = {"position": position, "token": token({name: position})}
        return _page("run.html", script=assets.url("js/run.js"), data=data, **context)

    @pages.get("/artifacts/<artifact>")
    def artifact(artifact: str) -> Response:
        at = _moment(request.args.get("at"))
        if isinstance(at, str):
            return error_page(400, at)
        given = source.artifact(artifact, at)
        shown = source.preview(artifact, max(0, request.args.get("row", 1, type=int) - 1), _ROWS, profile=True, at=at)
        context = artifact_context(given, shown, clock(), at)
        if shown.get("kind") == "markdown":
            context["markdown"] = render(shown["text"])
        return _page("artifact.html", script=assets.url("js/artifact.js"), **context)

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


def error_page(status: int, message: str, *, coming: bool = False) -> Response:
    """A page with one line that says what is wrong, and a way back; `coming`: what is wanted may be on its way."""
    response = _page("error.html", status=status, message=message, coming=coming)
    response.status_code = status
    return response


def _missing(message: str, run: str, now: int) -> Response:
    """What is not here; a run that has only just begun may be on its way, and its page looks again."""
    if abs(now - made_at(run)) > _YOUNG:
        return error_page(404, message or "There is no such page")
    said = f"Nothing of run {run} has arrived so far. Its page opens by itself when something has."
    response = error_page(404, said, coming=True)
    response.headers["Refresh"] = str(_AGAIN)
    return response


def embedded(data: Any) -> Markup:
    """JSON that may stand in a script element: what could end it is escaped, and the order of keys is kept."""
    text = msgspec.json.encode(data).decode()
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _page(template: str, **context: Any) -> Response:
    response = make_response(render_template(template, **context))
    response.headers["Cache-Control"] = "no-store"
    return response


def _moment(given: str | None) -> int | str | None:
    """`?at=` in microseconds; None where it is absent; a message where it is no time."""
    if not given:
        return None
    moment = text.micros(given.replace(" ", "+"))  # a "+" of an offset that was not encoded
    return moment if moment is not None else f"at={given!r} is no time: give one as 2026-11-22T09:14:32Z"
