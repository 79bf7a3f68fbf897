"""A run at a moment as JSON: its parts, rendered once and put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from runreel.state import RUN, Part
from runreel_server.queries.fragments import Fragments, Key
from runreel_server.queries.patches import difference
from runreel_server.queries.stories import Then

SECTIONS: Final = {"step": "steps", "series": "series", "artifact": "artifacts", "session": "sessions", "view": "views"}
"""Where in a state the parts of a kind stand."""

_NOTHING: Final = b"null"

_MADE: Final = frozenset({"step", "series", "artifact", "view"})
"""Parts of these kinds are there once an event has touched them; a session may be known by data that cannot be read."""

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Json).decode


class Picture:
    """A moment that is looked at; valid as long as its `Then`.

    Args:
        then: the run at that moment.
        looks: how it is looked at: the arguments of `RunState.view`.
        fragments: the parts that are known.
    """

    def __init__(self, then: Then, looks: Json, fragments: Fragments) -> None:
        self._then, self._looks, self._fragments = then, looks, fragments
        fragments.expect(looks["medians"])
        self.stalled = then.state.stalled(looks["now"])
        """The sessions that have stalled."""
        self._apart = {part for session in self.stalled for part in then.state.touched_by(session)}
        self._cut = then.cut_parts()

    def parts(self, parts: Iterable[Part]) -> dict[Part, bytes]:
        """Parts as JSON; `null` where there is nothing."""
        found: dict[Part, bytes] = {}
        missing: dict[Part, Key | None] = {}
        get, last_touched, cut = self._fragments.get, self._then.cursor.touched.get, self._cut
        for part in parts:
            if last_touched(part) is None and part[0] in _MADE and part not in cut:
                found[part] = _NOTHING
                continue
            key = self._key(part)
            text = None if key is None else get(key)
            if text is None:
                missing[part] = key
            else:
                found[part] = text
        for part, shown in self._then.state.view_parts(missing, **self._looks):
            text = found[part] = _encode(shown)
            key = missing[part]
            if key is not None:
                self._fragments.put(key, text)
        return found

    def _key(self, part: Part) -> Key | None:
        """By what a part is known; None where it is to be looked at anew."""
        last = self._then.cursor.touched.get(part)
        if last is None or part == RUN or part in self._cut:
            return None
        kind, key = part
        stalled = self.stalled if part in self._apart else None
        return kind, key, last, stalled, self._looks["stored"].get(key) if kind == "session" else None

    def whole(self) -> bytes:
        """The state as JSON."""
        found = self.parts(self._all())
        view: Json = self._then.state.view_part(RUN, **self._looks) or {}
        view |= {section: {} for section in SECTIONS.values()}
        for part in self._all():
            if (text := found[part]) != _NOTHING:
                view[SECTIONS[part[0]]][part[1]] = msgspec.Raw(text)
        return _encode(view)

    def _all(self) -> Iterator[Part]:
        record = self._then.state.record
        series = self._then.tally.paths()
        there: tuple[Iterable[str], ...] = (record.steps, series, record.outputs, record.sessions, record.views)
        for kind, keys in zip(SECTIONS, there, strict=True):
            for key in keys:
                yield kind, key


def patch(old: Picture, new: Picture, parts: Iterable[Part]) -> bytes:
    """The merge patch (RFC 7396) between two moments, of the parts in which they may differ, as JSON."""
    wanted = sorted({*parts, RUN})
    before, after = old.parts(wanted), new.parts(wanted)
    patch = difference(_decode(before[RUN]), _decode(after[RUN]))
    for part in wanted:
        one, other = before[part], after[part]
        if part == RUN or one == other:
            continue
        changed: Any = msgspec.Raw(other)
        if _NOTHING not in (one, other):
            changed = difference(_decode(one), _decode(other))
        if changed != {}:
            patch.setdefault(SECTIONS[part[0]], {})[part[1]] = changed
    return _encode(patch)
