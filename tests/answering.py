"""A server on loopback whose answers a test gives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

Request = tuple[str, str, dict[str, str], bytes]
Reply = tuple[int, dict[str, str], bytes]


class Server:
    """A server whose answers a test gives: `answer(request) -> (status, headers, body)`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda request: (200, {}, b"{}")
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = (self.command, self.path, dict(self.headers), body)
                outer.requests.append(request)
                status, headers, answer = outer.answer(request)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = _serve

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def taken(self, good: Callable[[Request], bool] = lambda request: True) -> list[bytes]:
        """The events of all batches."""
        raws = [msgspec.json.decode(request[3], type=list[msgspec.Raw]) for request in self.requests if good(request)]
        return [bytes(raw) for batch in raws for raw in batch]
