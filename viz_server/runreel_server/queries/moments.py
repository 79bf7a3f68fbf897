"""States of runs: now, at any moment, and what changes from one moment to another."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from runreel import events as ev
from runreel.events import Event
from runreel.state import RUN, Part, Tally, corrected, offsets_of
from runreel_consumers.archive.reader import Reader
from runreel_server import estimates
from runreel_server.estimates.medians import Medians
from runreel_server.feed import LiveRun
from runreel_server.queries.patches import difference
from runreel_server.queries.stories import MOST_BYTES, Story, Then, passed
from runreel_server.queries.tails import Heard, Tails

KEPT_BYTES: Final = 96 << 20
"""Bytes of the stories of all runs that are kept."""

LARGE: Final = 1_000
"""A run of more steps than this has no ETA in the past: it would follow from all steps anew at each moment."""

SECTIONS: Final = {"step": "steps", "artifact": "artifacts", "session": "sessions", "view": "views", "series": "series"}
"""Where in a state the parts of a kind stand."""

_VIEWS: Final = 8

Json = dict[str, Any]
ViewPart = Callable[[Part], Json | None]


class Moments:
    """Answers states. Safe for threads.

    Args:
        reader: the archive.
        tails: what the archive does not have yet.
        medians: what earlier runs took.
    """

    def __init__(self, reader: Reader, tails: Tails, medians: Medians) -> None:
        self._reader, self._tails, self._medians = reader, tails, medians
        self._lock = threading.Lock()
        self._stories: WeakKeyDictionary[LiveRun, Story] = WeakKeyDictionary()
        self._used: WeakKeyDictionary[LiveRun, float] = WeakKeyDictionary()
        self._views: OrderedDict[tuple[str, int, int], Json] = OrderedDict()

    def now(self, live: LiveRun) -> Json:
        """The state as it is."""
        return live.view()

    def at(self, live: LiveRun, until: int) -> Json:
        """The state as it was at `until`, in µs since 1970: not to be changed by who gets it."""
        story = self.story(live)
        if story is None:
            return self._passed(live, until)
        with story.lock:
            key = (live.run, story.version, until)
            with self._lock:
                known = self._views.get(key)
            if known is None:
                then = story.at(until)
                known = self._view(live, then.state, then.tally, until)
                with self._lock:
                    self._views[key] = known
                    while len(self._views) > _VIEWS:
                        self._views.popitem(last=False)
            return known

    def delta(self, live: LiveRun, start: int, end: int) -> Json:
        """The merge patch that turns the state at `start` into that at `end`; `end` may be the earlier one."""
        story = self.story(live) if _large(live) else None
        if story is None:
            return difference(self.at(live, start), self.at(live, end))
        with story.lock:
            early, late = sorted((start, end))
            first, second, parts = story.both(early, late)
            views = [self._parts(live, first, early), self._parts(live, second, late)]
            old, new = views if start <= end else reversed(views)
            return _patch(parts, old, new)

    def _parts(self, live: LiveRun, then: Then, until: int) -> ViewPart:
        looks = self._looks(live, then.tally, until)
        return lambda part: then.state.view_part(part, **looks)

    def story(self, live: LiveRun) -> Story | None:
        """All events of a run, kept current by the tail; None where they are too many to be kept."""
        with self._lock:
            story = self._stories.get(live)
        if story is None:
            story = Story(live.run)
            with live.lock:  # what is said from here on comes by `hear`, what was said before by `load`
                live.listeners.append(story.hear)
            story.load(self.heard(live.run))
        if story.size > MOST_BYTES and story.hear in live.listeners:
            live.listeners.remove(story.hear)
            story = Story(live.run)
            story.size = MOST_BYTES + 1
        story.settle()
        with self._lock:
            self._stories[live] = story
            self._used[live] = time.monotonic()
            self._shrink()
        return story if story.size <= MOST_BYTES else None

    def heard(self, run: str, types: frozenset[str] | None = None) -> Iterator[Heard]:
        """All events of a run, in any order; those that the archive and the tail both have come twice."""
        recent = self._tails.unstored(run)
        if types is None:
            yield from ((row.event, row.received) for row in self._reader.structure(run))
            types = ev.STREAMS
        yield from ((row.event, row.received) for row in self._reader.rows(run, types))
        yield from recent

    def events(self, live: LiveRun, types: frozenset[str]) -> Iterator[Event]:
        """A run's events of these types, in any order, each at least once."""
        story = self.story(live)
        if story is None:
            yield from (event for event, _ in self.heard(live.run, types) if event.type in types)
            return
        with story.lock:
            found = [entry.event for entry in story.entries if entry.event.type in types]
        yield from found

    def span(self, live: LiveRun) -> tuple[int, int]:
        """When a run's first and last events were said, in µs by the broker's clock."""
        story = self.story(live)
        if story is not None and story.entries:
            with story.lock:
                return story.entries[0].time, story.entries[-1].time
        offsets = live.state.record.offsets
        times = [corrected(offsets, event.session or "", event.time) for event, _ in self.heard(live.run)]
        return min(times), max(times)

    def _shrink(self) -> None:
        """Let go of the stories that were used longest ago, all but the last one."""
        while len(self._stories) > 1 and sum(story.weight for story in self._stories.values()) > KEPT_BYTES:
            oldest = min(self._stories, key=lambda live: self._used[live])
            story = self._stories.pop(oldest)
            if story.hear in oldest.listeners:
                oldest.listeners.remove(story.hear)

    def _passed(self, live: LiveRun, until: int) -> Json:
        structure = [row.event for row in self._reader.structure(live.run)]
        offsets = offsets_of([*structure, *(event for event, _ in self._tails.unstored(live.run))])
        state, tally = passed(live.run, self.heard(live.run), offsets, until)
        return self._view(live, state, tally, until)

    def _view(self, live: LiveRun, state: Any, tally: Any, until: int) -> Json:
        looks = self._looks(live, tally, until)
        view: Json = state.view(**looks)
        if not _large(live):
            estimates.fill(view, looks["now"])
        return view

    def _looks(self, live: LiveRun, tally: Tally, until: int) -> Json:
        """How a state at a moment is looked at: the arguments of its view."""
        medians = live.medians or self._medians.of(live.state.view_part(RUN) or {})
        return {"now": min(until, _now()), "tally": tally, "stored": live.stored, "medians": medians}


def _large(live: LiveRun) -> bool:
    return len(live.state.record.steps) > LARGE


def _patch(parts: Iterable[Part], old: ViewPart, new: ViewPart) -> Json:
    """The merge patch between two views, of the parts in which they may differ."""
    patch: Json = {}
    for part in sorted(parts):
        before, after = old(part), new(part)
        if part == RUN:
            patch |= difference(before or {}, after or {})
        elif before is None or after is None:
            if before is not after:
                patch.setdefault(SECTIONS[part[0]], {})[part[1]] = after
        elif changed := difference(before, after):
            patch.setdefault(SECTIONS[part[0]], {})[part[1]] = changed
    return patch


def _now() -> int:
    return time.time_ns() // 1000
