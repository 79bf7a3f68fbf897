"""Static files: under an address that holds the hash of their content, compressed once, cached by browsers for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Response, abort, request

from runreel_server.pages import plotly_bundle
from runreel_server.pages.joined import joined

STATIC = Path(__file__).parent.parent / "static"
FOREVER = "public, max-age=31536000, immutable"
SCRIPTS = (
    *("run.js", "home.js", "artifact.js", "head/events.js", "head/params.js", "find/run.js", "stream/worker.js"),
    *("charts/before.js", "charts/detail.js", "charts/figure.js", "charts/names.js", "charts/together.js"),
)
"""What pages load, at once or when asked for, and the worker of all tabs: each is sent joined with all it imports."""

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def content_hash(*parts: bytes) -> str:
    """Twelve hex digits that follow from `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Asset:
    """One file as it is served: its bytes, and compressed when a browser first asks for that."""

    body: bytes
    media_type: str

    @cached_property
    def compressed(self) -> bytes:
        """The body as gzip, made once; the same body gives the same bytes."""
        return gzip.compress(self.body, 9, mtime=0)

    def response(self) -> Response:
        """The file, compressed where the request allows it, with the headers that let it be kept for ever."""
        packed = request.accept_encodings.quality("gzip") > 0
        response = Response(self.compressed if packed else self.body, content_type=self.media_type)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = FOREVER
        return response


class Assets:
    """The static folder and Plotly's bundle, and the addresses that they have.

    Args:
        folder: the static folder; it is read once.

    Raises:
        ValueError: a module cannot be joined with those that it imports.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        bodies = {name: path.read_bytes() for name, path in paths.items()}
        modules = {name[3:]: body.decode() for name, body in bodies.items() if name.startswith("js/")}
        bodies |= {f"js/{name}": joined(name, modules).encode() for name in SCRIPTS if name in modules}
        self._files = {name: Asset(body, _media_type(name)) for name, body in bodies.items()}
        self.build = content_hash(*(part for name, one in self._files.items() for part in (name.encode(), one.body)))
        self._plotly = plotly_bundle.bundle()
        self.plotly_build = content_hash(self._plotly.script, self._plotly.css.encode())
        self._plotly_files = {
            "plotly.min.js": Asset(self._plotly.script, _TYPES[".js"]),
            "plotly.css": Asset(self._plotly.css.encode(), _TYPES[".css"]),
        }

    @property
    def style_hashes(self) -> tuple[str, ...]:
        """What the policy must allow so that Plotly's script may load."""
        return self._plotly.style_hashes

    def url(self, name: str = "") -> str:
        """The address of a file of the static folder, or of the folder.

        Raises:
            KeyError: there is no such file.
        """
        if name and name not in self._files:
            raise KeyError(f"no static file {name!r}")
        return f"/static/{self.build}/{name}".rstrip("/")

    def plotly_url(self, name: str) -> str:
        """The address of `plotly.min.js` or `plotly.css`."""
        return f"/static/plotly/{self.plotly_build}/{name}"

    def blueprint(self) -> Blueprint:
        """The routes under `/static`."""
        routes = Blueprint("assets", __name__)

        @routes.get("/static/plotly/<build>/<name>")
        def plotly(build: str, name: str) -> Response:
            asset = self._plotly_files.get(name)
            if asset is None or build != self.plotly_build:
                abort(404)
            return asset.response()

        @routes.get("/static/<build>/<path:name>")
        def static(build: str, name: str) -> Response:
            asset = self._files.get(name)
            if asset is None or build != self.build:
                abort(404)
            return asset.response()

        return routes


def _media_type(name: str) -> str:
    suffix = Path(name).suffix
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
