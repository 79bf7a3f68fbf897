"""The pages on a small server of their own: the nyc-flights run as source, and a stream that a test scripts."""

from __future__ import annotations

import io
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

import flights
from runreel.codec import iso
from runreel.errors import NotFound
from runreel_server.graph import Step, layout
from runreel_server.pages import register
from runreel_server.pages.preview import preview
from runreel_server.pages.text import micros

Json = dict[str, Any]

HTML = (
    "<title>x</title><h1>Flights 2013</h1>"
    "<script>document.title = 'ran'; try { top.document.title = 'escaped' } catch {}</script>"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 62">'
    + "".join(f'<rect x="{4 + n * 6}" y="{58 - 2.4 * n}" width="5" height="{2.4 * n}" fill="#555"/>' for n in range(20))
    + "</svg>"
)
MARKDOWN = (
    "# Flights 2013\n\n336,776 departures from **EWR**, JFK, LGA.\n\n<script>alert(1)</script>\n\n"
    "[bad](javascript:alert(1)) [good](https://example.org)\n\n| carrier | n |\n|---|---|\n| UA | 58,665 |\n"
)
ROC = [
    {"confidenceThreshold": 1 - n / 20, "falsePositiveRate": (n / 20) ** 2.2, "recall": (n / 20) ** 0.5}
    for n in range(21)
]
MATRIX = {
    "annotationSpecs": [{"displayName": name} for name in ("early", "on time", "late")],
    "rows": [{"row": row} for row in ([92, 6, 2], [12, 79, 9], [5, 19, 76])],
}


def table() -> bytes:
    """A Parquet file of 1,000 flights in four row groups."""
    rows = 1_000
    made = pa.table(
        {
            "month": pa.array([1 + n % 12 for n in range(rows)], pa.int8()),
            "dep_delay": pa.array([None if n % 41 == 0 else (n * 7) % 60 - 10 for n in range(rows)], pa.float64()),
            "carrier": pa.array([("UA", "B6", "EV", "DL")[n * n % 4] for n in range(rows)]),
            "tailnum": pa.array([f"N{n:05d}" for n in range(rows)]),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(made, buffer, row_group_size=250)
    return buffer.getvalue()


CONTENT: dict[str, tuple[str, bytes]] = {
    "a-profile": ("text/html", HTML.encode()),
    "a-hours": ("image/svg+xml", SVG.encode()),
    "a-card": ("text/markdown", MARKDOWN.encode()),
    "a-notes": ("text/plain", b"12 months read\n<b>not bold</b>\n" * 40),
    "a-figure": (
        "application/json",
        json.dumps({"data": [{"type": "bar", "x": ["EWR", "JFK"], "y": [3, 2]}], "layout": {}}).encode(),
    ),
}
METADATA: dict[str, Json] = {
    "a-roc": {"confidenceMetrics": ROC},
    "a-confusion": {"confusionMatrix": MATRIX},
    "a-clean": {"rows": 336_776, "dropped": 0, "null share": "1.1 %"},
}


class FlightsSource:
    """The pages' source: one run at a moment that a test sets, and a list of runs."""

    def __init__(self, t: float = flights.NOW) -> None:
        self.t = t
        self.present = flights.state(t)
        self.runs: list[Json] | None = None
        self.parquet = table()

    def state(self, run: str, at: int | None = None) -> Json:
        if run != flights.RUN:
            raise NotFound(f"There is no run {run}")
        return self.present if at is None else flights.state((at - flights.BEGAN) / 1e6)

    def summaries(self, query: Mapping[str, str]) -> Json:
        runs = self.listed() if self.runs is None else self.runs
        if query.get("state"):
            runs = [one for one in runs if one["state"] == query["state"]]
        if query.get("q"):
            runs = [one for one in runs if query["q"] in one["pipeline"]]
        more = "20" if len(runs) > 16 and "cursor" not in query else None
        return {
            "runs": runs[:17],
            "next": more,
            "total": 214_806 if more else len(runs),
            "today": {"SUCCEEDED": 142, "FAILED": 2},
        }

    def listed(self) -> list[Json]:
        found = [
            self._summary(0, "nyc-flights", "RUNNING", -819, 1185 - 819),
            self._summary(1, "taxi-demand", "RUNNING", -906, 4300),
            self._summary(2, "flights-hourly", "RUNNING", -215, 16),
        ]
        names = ["flights-hourly", "weather-sync", "nyc-flights", "flights-hourly", "weather-sync", "churn-weekly"]
        for n in range(18):
            state = "FAILED" if n in {2, 8} else "CANCELED" if n == 13 else "SUCCEEDED"
            found.append(self._summary(10 + n, names[n % 6], state, -1000 - 1300 * n, None))
        found[8] |= {"missing": 3, "complete": False}
        return found

    def _summary(self, n: int, pipeline: str, state: str, began: float, left: float | None) -> Json:
        now = flights.moment(flights.NOW)
        began_at = now + round(began * 1e6)
        over = None if left is not None else iso(began_at + 227_000_000 + n * 11_000_000)
        scale = -began / flights.NOW * 1e6
        bars = []
        for path, (_, start, end, last) in flights.STEPS.items():
            if start <= self.t and last != "SKIPPED":
                running = start <= self.t < end
                finished = None if running else iso(began_at + round(end * scale))
                bar = {"step": path, "started": iso(began_at + round(start * scale)), "finished": finished}
                bars.append({**bar, "state": "RUNNING" if running else last})
        line = "KeyError: 'wind_gust' not in weather.columns (12 months read)"
        recent = [(n + m, 200 + (n * 31 + m * 17) % 90) for m in range(18)]
        return {
            "id": flights.RUN if n == 0 else f"{flights.RUN[:-12]}{n:012x}",
            "pipeline": pipeline,
            "workspace": "default",
            "experiment": "delays" if n % 3 else "ingest",
            "owner": "cron" if n % 2 else "etl",
            "state": state,
            "started": iso(began_at),
            "finished": over,
            "eta": None if left is None else iso(now + round(left * 1e6)),
            "events": 13_764 - 300 * n,
            "complete": left is None,
            "missing": 0,
            "artifacts": n % 5,
            "steps": {"total": 14, "SUCCEEDED": 9, "FAILED": 3 if n == 0 else 0},
            "bars": bars,
            "metrics": {},
            "failing": {"step": "join-weather", "line": line} if state == "FAILED" else None,
            "recent": [{"state": "FAILED" if m % 11 == 0 else "SUCCEEDED", "duration": took} for m, took in recent],
        }

    def experiments(self) -> Json:
        names = ("delays", "demand", "ingest", "growth", "sandbox") if self.runs is None else ()
        recent = [{"state": "FAILED" if m % 9 == 4 else "SUCCEEDED", "duration": 50 + m * 13 % 40} for m in range(24)]
        return {"experiments": [{"name": name, "runs": 1_204, "recent": recent} for name in names]}

    def graph(self, run: str, at: int | None = None, fold: str | None = None) -> Json:
        steps = self.present["steps"]
        return layout(Step(path, tuple(one["parents"]), one["state"], None) for path, one in steps.items())

    def artifact(self, artifact: str) -> Json:
        found = self.present["artifacts"].get(artifact)
        if found is None:
            raise NotFound(f"There is no artifact {artifact}")
        lineage = [
            {
                "depth": 0,
                "kind": "artifact",
                "id": "a-joined",
                "name": "joined.parquet",
                "type": "Dataset",
                "size": 61_000_000,
            },
            {"depth": 1, "kind": "step", "path": found["step"] or "features", "state": "SUCCEEDED", "duration": 143.0},
            {
                "depth": 2,
                "kind": "artifact",
                "id": artifact,
                "name": found["name"],
                "type": found["type"],
                "size": found["size"],
            },
            {"depth": 3, "kind": "step", "path": "report", "state": "PENDING", "duration": None},
        ]
        versions = [
            {
                "id": artifact if n == 31 else f"{artifact}-{n}",
                "version": n,
                "created": iso(flights.moment(231 - 90_000 * (31 - n))),
                "size": 41_200_000,
            }
            for n in (31, 30, 29)
        ]
        return {
            **found, "run": flights.RUN, "pipeline": "nyc-flights", "workspace": "default", "experiment": "delays",
            "metadata": METADATA.get(artifact, found["metadata"]), "lineage": lineage, "versions": versions,
        }  # fmt: skip

    def preview(self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False) -> Json:
        return preview(self.artifact(artifact), lambda: io.BytesIO(self.bytes(artifact)), row, rows, profile)

    def bytes(self, artifact: str) -> bytes:
        return CONTENT[artifact][1] if artifact in CONTENT else self.parquet

    def health(self) -> Json:
        parts = [
            {"name": "Kafka", "ok": True, "detail": "ok, 1,840 events a second"},
            {"name": "Archive", "ok": True, "detail": "ok, 2.1 s behind"},
            {"name": "Spools", "ok": False, "detail": "1 waits on etl-04, 12 MB"},
        ]
        return {"listening": "127.0.0.1:9092", "parts": parts if self.runs is None else []}


class PageApp:
    """The app: `source` is what it shows, `send` speaks to all streams that are open."""

    def __init__(self, source: FlightsSource) -> None:
        self.source = source
        self.streams: list[queue.Queue[bytes | None]] = []
        self.asked: list[str] = []
        self.position = 0
        self.refuse_streams = False
        self.flask = Flask("page_app", static_folder=None)
        register(self.flask, source, lambda: flights.moment(source.t))
        self._routes(self.flask)

    def send(self, event: str, data: Json) -> None:
        """One frame to all open streams; a delta's positions are filled in."""
        if event == "delta":
            data = {"watch": "run", "from": str(self.position), "position": str(self.position + 1), **data}
            self.position += 1
        if event == "ping":
            data = {"now": iso(flights.moment(self.source.t)), "position": str(self.position), **data}
        for one in self.streams:
            one.put(self._frame(event, data))

    def drop(self) -> None:
        """End all open streams."""
        streams, self.streams = self.streams, []
        for one in streams:
            one.put(None)

    def _frame(self, event: str, data: Json) -> bytes:
        return f"event: {event}\ndata: {json.dumps(data)}\nid: t{self.position}\n\n".encode()

    def _routes(self, app: Flask) -> None:
        @app.get("/api/v1/stream")
        @app.get("/api/v1/runs/<run>/stream")
        def stream(run: str | None = None) -> Response:
            self.asked.append(f"{request.full_path} {request.headers.get('Last-Event-ID', '')}")
            if self.refuse_streams:
                return Response(
                    'event: bye\ndata: {"retry_ms": 300, "reason": "full"}\n\n', content_type="text/event-stream"
                )
            frames: queue.Queue[bytes | None] = queue.Queue()
            state = {"runs": {}} if run is None else self.source.present
            frames.put(self._frame("snapshot", {"watch": "run", "position": str(self.position), "state": state}))
            self.streams.append(frames)

            def answer() -> Iterator[bytes]:
                while True:
                    try:
                        frame = frames.get(timeout=1.0)
                    except queue.Empty:
                        now = iso(flights.moment(self.source.t))
                        frame = self._frame("ping", {"now": now, "position": str(self.position)})
                    if frame is None:
                        return
                    yield frame

            return Response(answer(), content_type="text/event-stream")

        @app.get("/api/v1/runs/<run>")
        def state(run: str) -> Response:
            return jsonify(self.source.state(run, micros(request.args.get("at"))))

        @app.get("/api/v1/runs/<run>/graph")
        def graph(run: str) -> Response:
            return jsonify(self.source.graph(run))

        @app.get("/api/v1/runs/<run>/series")
        def series(run: str) -> Response:
            found = {}
            for key in request.args.getlist("key"):
                path, name = (unquote(part) for part in key.split(":"))
                if (path, name) in flights.SERIES:
                    found[key] = flights.points(path, name, self.source.t)
            return jsonify(found)

        @app.get("/api/v1/runs/<run>/logs")
        def logs(run: str) -> Response:
            until = micros(request.args.get("until"))
            t = self.source.t if until is None else (until - flights.BEGAN) / 1e6
            found = flights.lines(t)
            level, step, text = (request.args.get(key, "") for key in ("level", "step", "q"))
            ranks = {"": 0, "DEBUG": 0, "INFO": 1, "WARNING": 2, "ERROR": 3}
            found = [
                one for one in found if ranks[one["level"]] >= ranks[level] and text.lower() in one["text"].lower()
            ]
            found = [one for one in found if not step or one["step"] == step or one["step"].startswith(step + "/")]
            end = int(request.args.get("before", len(found)))
            begin = max(0, end - int(request.args.get("limit", 200)))
            total = round(flights.LINES * t / flights.NOW)
            return jsonify(
                lines=found[begin:end],
                before=str(begin) if begin else None,
                after=None,
                total=total,
                hits=len(found) if text else None,
            )

        @app.get("/api/v1/runs/<run>/density")
        def density(run: str) -> Response:
            width = int(request.args["width"])
            errors = request.args["of"] == "errors"
            total = [
                (1 if n in {width // 12, width * 2 // 3} else 0)
                if errors
                else 5 + (n * 37) % 9 + (12 if n > width * 0.55 else 0)
                for n in range(width)
            ]
            return jsonify(total=total)

        @app.get("/api/v1/artifacts/<artifact>/content")
        def content(artifact: str) -> Response:
            response = Response(
                self.source.bytes(artifact), content_type=CONTENT.get(artifact, ("application/octet-stream", b""))[0]
            )
            if artifact == "a-profile":
                response.headers["Content-Security-Policy"] = (
                    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'"
                )
            elif artifact == "a-hours":
                response.headers["Content-Security-Policy"] = "sandbox"
            return response


class Quiet(WSGIRequestHandler):
    """Answers without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def serve(source: FlightsSource) -> Iterator[tuple[str, PageApp]]:
    """The app on a free port of this machine: its address, and itself."""
    app = PageApp(source)
    server = make_server("127.0.0.1", 0, app.flask, threaded=True, request_handler=Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", app
    finally:
        app.drop()
        server.shutdown()
        thread.join()
        server.server_close()
