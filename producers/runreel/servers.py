"""Where the web server is."""

from __future__ import annotations

from runreel.settings import Settings


def server(settings: Settings) -> str | None:
    """The address of the server: RUNREEL_URL, else that of this machine's `runreel up`, else None."""
    if settings.url:
        return settings.url.rstrip("/")
    if settings.disabled:
        return None
    from runreel.hub import Hub  # only a run whose link is asked for looks for it

    hub = Hub.find(settings)
    return hub.url.rstrip("/") if hub and hub.url else None
