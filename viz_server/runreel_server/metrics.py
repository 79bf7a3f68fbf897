"""What Prometheus is told, at `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from runreel_server.health import Health

if TYPE_CHECKING:
    from runreel_server.services import Services

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Metrics:
    """The measurements of one server. Safe for threads.

    Args:
        services: the parts of this server.
        health: tells how they are.

    Attributes:
        streams: answers how many live streams are open; the asynchronous side, which has them, sets it.
    """

    def __init__(self, services: Services, health: Health) -> None:
        self._services, self._health = services, health
        self.streams: Callable[[], int] = lambda: 0
        self.registry = CollectorRegistry()
        self.registry.register(self)
        labels = ("method", "route", "status")
        self._requests = Counter("runreel_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "runreel_request_seconds", "How long they took.", labels[:2], registry=self.registry, buckets=_BUCKETS
        )

    def collect(self) -> Iterator[Metric]:
        """What is read when it is asked for."""
        feed = self._services.feed
        last = feed.pulse.last_heard
        yield CounterMetricFamily("runreel_events_heard", "Messages that the tail has brought.", feed.pulse.heard)
        if last is not None:
            yield GaugeMetricFamily("runreel_silence_seconds", "Since the last message.", time.monotonic() - last)
        yield GaugeMetricFamily("runreel_tail_ok", "Whether Kafka can be read.", float(feed.trouble is None))
        yield GaugeMetricFamily("runreel_archive_lag_events", "Heard, and not archived yet.", self._health.behind)
        yield GaugeMetricFamily("runreel_archive_lag_seconds", "Age of the oldest of these.", self._health.seconds)
        waiting = sum(spool.bytes for spool in feed.spools.waiting())
        yield GaugeMetricFamily("runreel_spools_waiting_bytes", "What sessions have said that waits.", waiting)
        yield GaugeMetricFamily("runreel_streams_open", "Live streams.", self.streams())

    def install(self, app: Flask) -> None:
        """Measure the requests of `app`, and serve `/metrics` there."""

        @app.before_request
        def begin() -> None:
            g.began = time.perf_counter()

        @app.after_request
        def end(response: Response) -> Response:
            route = request.url_rule.rule if request.url_rule is not None else "none"
            self._requests.labels(request.method, route, str(response.status_code)).inc()
            self._seconds.labels(request.method, route).observe(time.perf_counter() - g.began)
            return response

        @app.get("/metrics")
        def metrics() -> Response:
            return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_LATEST)
