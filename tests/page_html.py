"""What a page of the server's is made of, read as a parser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

from flask.testing import FlaskClient


class Elements(HTMLParser):
    """The elements of a page: tag and attributes, and the texts by the `data-out` that they stand in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._outs: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._outs.append(dict(attrs).get("data-out") or "")

    def handle_data(self, data: str) -> None:
        if self._outs and self._outs[-1]:
            self.texts.setdefault(self._outs[-1], data.strip())

    def handle_endtag(self, tag: str) -> None:
        if self._outs:
            self._outs.pop()

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            at
            for one, at in self.found
            if one == tag and all(at.get(k.replace("_", "-")) == v for k, v in wanted.items())
        ]


def page(client: FlaskClient, address: str, status: int = 200) -> tuple[str, Elements]:
    """What the server answers at an address, as text and as its elements."""
    response = client.get(address)
    assert response.status_code == status, response.text[:500]
    return response.text, Elements(response.text)
