"""The web server of runreel: pages, live stream, plots and API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from runreel_server.asgi import Application
    from runreel_server.services import Services

__all__ = ["application_of", "create_app"]


def create_app(services: Services) -> Flask:
    """The pages and the short API as a WSGI application: wiring and nothing else.

    Args:
        services: the parts of this server; whoever made them starts and closes them.
    """
    from flask import Flask

    from runreel_server import api, openapi, pages, probes
    from runreel_server.health import Health
    from runreel_server.metrics import Metrics
    from runreel_server.queries.posting import MOST_BYTES, Post
    from runreel_server.queries.source import Source

    settings = services.settings
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    health = Health(services)
    source = Source(services, health)
    post = Post(services.outbox if settings.kafka else None, settings.event_topics[0])
    routes = api.routes_of(source, post, services.claims)
    metrics = Metrics(services, health)
    metrics.install(app)
    app.register_blueprint(api.blueprint(routes, settings.token, lambda: openapi.document(routes)))
    app.register_blueprint(probes.blueprint(health))
    pages.register(app, source)
    probes.shorten(app, source.names)
    api.install(app)
    app.wsgi_app = api.with_chunks(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.extensions["runreel"] = {"source": source, "metrics": metrics}
    return app


def application_of(services: Services) -> Application:
    """The whole server as an ASGI application: what lasts beside `create_app`."""
    from runreel_server import files
    from runreel_server.api.streams import all_lines, all_points
    from runreel_server.asgi import Application

    app = create_app(services)
    source = app.extensions["runreel"]["source"]
    application = Application(
        app,
        services,
        most_streams=files.streams(services.settings.max_streams),
        plays=source.plays,
        resolve=source.names.resolve,
        lines=all_lines(source),
        points=all_points(source),
    )
    app.extensions["runreel"]["metrics"].streams = lambda: application.streams.open if application.streams else 0
    return application
