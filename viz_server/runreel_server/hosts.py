"""Which names this server answers to: on loopback, a page of another site must not reach it under a name of its own."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Hosts:
    """The names in a Host header that are served.

    A browser resolves the name of a page anew at will (DNS rebinding), so that a page of any site may speak to
    loopback, and read the answers; only the Host header then tells. Beyond loopback the network decides who comes.

    Args:
        bound: the address that is bound.
        url: the address that people use, where that is another one.
    """

    def __init__(self, bound: str, url: str) -> None:
        self._any = bound not in LOOPBACK
        self._names = {*LOOPBACK, (urlsplit(url).hostname or "").lower()} - {""}

    def serves(self, host: str) -> bool:
        """Whether a request with this Host header is answered; one without any comes from no browser."""
        return self._any or not host or (urlsplit(f"//{host}").hostname or "").lower() in self._names
