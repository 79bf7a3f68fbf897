"""The headers of every page: what a browser may load and run."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response


def policy(style_hashes: Sequence[str] = ()) -> str:
    """The pages' Content-Security-Policy.

    Args:
        style_hashes: sha256 in base64 of the inline style elements that Plotly's script makes when it loads.
    """
    hashes = "".join(f" 'sha256-{one}'" for one in style_hashes)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "img-src 'self' data: blob:",
            "frame-src 'self'",
            f"style-src 'self'{hashes}",
            "style-src-attr 'unsafe-inline'",
        )
    )


def secure(app: Flask, style_hashes: Sequence[str] = ()) -> None:
    """Put the headers on every answer of `app` that does not bring its own (as artifact content does)."""
    headers = {
        "Content-Security-Policy": policy(style_hashes),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    @app.after_request
    def add_headers(response: Response) -> Response:
        for header, value in headers.items():
            response.headers.setdefault(header, value)
        return response
