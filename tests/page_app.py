"""The pages on a small server of their own: the nyc-flights run as source, and a stream that a test scripts."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

import flights
from page_stream import PageStream
from runreel.codec import iso
from runreel.errors import NotFound
from runreel_server.graph import Step, layout
from runreel_server.pages import register
from runreel_server.pages.preview import preview
from runreel_server.pages.text import micros
from runreel_server.queries.patches import difference

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
        self.later = 0.0  # seconds that have passed since, for who reads
        self.present = flights.state(t)
        self.runs: list[Json] | None = None
        self.parquet = table()

    def state(self, run: str, at: int | None = None) -> Json:
        if run != flights.RUN:
            raise NotFound(f"There is no run {run}")
        return self.present if at is None else flights.state((at - flights.BEGAN) / 1e6)

    def here(self, run: str) -> tuple[Json, str]:
        return self.state(run), ""

    def summaries(self, query: Mapping[str, Sequence[str]]) -> Json:
        runs = self.listed() if self.runs is None else self.runs
        if query.get("state"):
            runs = [one for one in runs if one["state"] in query["state"]]
        if query.get("id"):
            runs = [one for one in runs if one["id"] in query["id"]]
        if query.get("q"):
            runs = [one for one in runs if query["q"][0] in one["pipeline"]]
        if query.get("sort") in (["pipeline"], ["-pipeline"]):
            runs = sorted(runs, key=lambda one: str(one["pipeline"]), reverse=query["sort"] == ["-pipeline"])
        more = "20" if len(runs) > 16 and "cursor" not in query else None
        return {
            "runs": runs[:17] if "cursor" not in query else runs[17:],
            "next": more,
            "total": len(runs),
            "first": 18 if "cursor" in query else 1,
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
            "metrics": {"train:auc": 0.87 - n / 1000} if pipeline == "nyc-flights" else {},
            "params": {"rows": 336_776 + n},
            "tags": {"kind": "nightly"},
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

    def artifact(self, artifact: str, at: int | None = None) -> Json:
        found = self.present["artifacts"].get(artifact)
        if found is None:
            raise NotFound(f"There is no artifact {artifact}")
        lineage = [
            {
                "depth": 0,
                "away": 2,
                "kind": "artifact",
                "id": "a-joined",
                "name": "joined.parquet",
                "type": "Dataset",
                "size": 61_000_000,
            },
            {
                "depth": 1,
                "away": 1,
                "kind": "step",
                "path": found["step"] or "features",
                "state": "SUCCEEDED",
                "duration": 143.0,
            },
            {
                "depth": 2,
                "kind": "artifact",
                "id": artifact,
                "name": found["name"],
                "type": found["type"],
                "size": found["size"],
            },
            {"depth": 3, "away": 1, "kind": "step", "path": "report", "state": "PENDING", "duration": None},
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

    def preview(
        self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False, at: int | None = None
    ) -> Json:
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
    """The app: `source` is what it shows, `stream` what it says to the pages that are open."""

    def __init__(self, source: FlightsSource) -> None:
        self.source = source
        self.stream = PageStream(
            lambda name: {"runs": {}} if name == "runs" else source.state(name.partition(":")[2]),
            lambda: iso(self.now()),
        )
        self.flask = Flask("page_app", static_folder=None)
        register(self.flask, source, self.now)
        self._routes(self.flask)

    def now(self) -> int:
        """The present, in microseconds since 1970."""
        return flights.moment(self.source.t + self.source.later)

    def send(self, event: str, data: Json) -> None:
        """One frame to all pages that are open."""
        self.stream.send(event, data)

    def _routes(self, app: Flask) -> None:
        @app.get("/api/v1/stream")
        def stream() -> Response:
            return self.stream.serve(request.args.getlist("watch"), request.args.get("after", ""))

        @app.get("/api/v1/runs/<run>")
        def state(run: str) -> Response:
            return jsonify(self.source.state(run, micros(request.args.get("at"))))

        @app.get("/api/v1/runs/<run>/delta")
        def delta(run: str) -> Response:
            old, new = (self.source.state(run, micros(request.args[key])) for key in ("from", "at"))
            return jsonify(difference(old, new))

        @app.get("/api/v1/runs/<run>/marks")
        def marks(run: str) -> Response:
            failed = [
                {"time": one["finished"], "kind": "error", "step": path, "text": "failed"}
                for path, step in self.source.present["steps"].items()
                for one in step["attempts"]
                if one["state"] == "FAILED"
            ]
            counts = {
                "error": len(failed),
                "artifact": len(self.source.present.get("artifacts", {})),
                "state": 0,
                "gap": 0,
            }
            failed = failed if request.args["kind"] == "error" else []
            after, before = micros(request.args.get("after")) or 0, micros(request.args.get("before")) or 2**63
            found = sorted(
                (mark for mark in failed if after < micros(mark["time"]) < before), key=lambda one: one["time"]
            )
            return jsonify({"marks": found, "counts": counts})

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
            levels, under, text = request.args.getlist("level"), request.args.get("under"), request.args.get("q", "")
            found = [
                line
                for line in flights.lines(t)
                if (not levels or line["level"] in levels)
                and text.lower() in line["text"].lower()
                and (not under or f"{line['step']}/".startswith(f"{under}/"))
            ]
            places = [line["cursor"] for line in found]
            limit, end = int(request.args.get("limit", 200)), len(found)
            if "after" in request.args:
                begin = places.index(request.args["after"]) + 1 if request.args["after"] in places else end
                end = min(end, begin + limit)
            else:
                end = places.index(request.args["before"]) if "before" in request.args else end
                begin = max(0, end - limit)
            return jsonify(
                lines=found[begin:end],
                before=places[begin] if 0 < begin < len(places) else None,
                after=places[end - 1] if end else None,
                more=end < len(found) if "after" in request.args else bool(begin),
                scanned=end - begin,
                total=round(flights.LINES * t / flights.NOW),
                hits=end - begin,
            )

        @app.get("/api/v1/runs/<run>/hits")
        def hits(run: str) -> Response:
            return jsonify(times=[], before=None, scanned=flights.LINES, total=flights.LINES, hits=0)

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
        app.stream.drop()
        server.shutdown()
        thread.join()
        server.server_close()
