"""States of runs: now, at any moment, and what changes from one moment to another."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import pyarrow as pa

from runreel.events import Event
from runreel.state import RUN, Tally, corrected, offsets_of
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.rows import ENVELOPE, once_said
from runreel_server import estimates
from runreel_server.estimates.medians import Medians
from runreel_server.feed import LiveRun
from runreel_server.queries.patches import difference
from runreel_server.queries.pictures import Picture, patch
from runreel_server.queries.stories import MOST_BYTES, Story, Then, passed
from runreel_server.queries.tails import Heard, Tails

KEPT_BYTES: Final = 256 << 20
"""Bytes of the stories of all runs that are kept; the last one is kept whatever it takes."""

LARGE: Final = 1_000
"""A run of more steps than this has no ETA in the past: it would follow from all steps anew at each moment."""

PAUSE_SECONDS: Final = 0.0005
"""A lock that is let go of and taken again at once is never had by others."""

_VIEWS: Final = 8

Json = dict[str, Any]


_Mark = tuple[int, str, Mapping[str, Any]]


class _Step(msgspec.Struct):
    state: str


class _Steps(msgspec.Struct):
    steps: dict[str, _Step]


_states = msgspec.json.Decoder(_Steps)


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
        self._views: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._complete: WeakKeyDictionary[LiveRun, tuple[_Mark, bytes]] = WeakKeyDictionary()

    def now(self, live: LiveRun) -> Json:
        """The state as it is."""
        return self.here(live)[0]

    def here(self, live: LiveRun) -> tuple[Json, str]:
        """The state as it is, and its position: the stream goes on from there."""
        with live.lock:
            known, position = self._complete_text(live), live.position
        return live.here() if known is None else (msgspec.json.decode(known), position)

    def now_text(self, live: LiveRun) -> bytes:
        """The state as it is, as JSON. That of a run of which nothing more is to come is made once."""
        with live.lock:
            known = self._complete_text(live)
            if known is not None:
                return known
            mark = _mark(live)
            view = live.view()
            text = msgspec.json.encode(view)
            if view["complete"]:
                self._complete[live] = mark, text
            return text

    def _complete_text(self, live: LiveRun) -> bytes | None:
        """The state of a run of which nothing more is to come, as it was made before."""
        with live.lock:
            known = self._complete.get(live)
            if known is None or known[0] != _mark(live):
                return None
            live.used = time.monotonic()
            return known[1]

    def at(self, live: LiveRun, until: int) -> Json:
        """The state as it was at `until`, in µs since 1970."""
        view: Json = msgspec.json.decode(self.text(live, until))
        return view

    def states(self, live: LiveRun, until: int) -> dict[str, str]:
        """The states of the steps as they were at `until`, by path."""
        return {path: step.state for path, step in _states.decode(self.text(live, until)).steps.items()}

    def text(self, live: LiveRun, until: int) -> bytes:
        """The state as it was at `until`, in µs since 1970, as JSON."""
        self._approach(live, until)
        with self.story(live) as story:
            key = (live.run, story.version, until)
            with self._lock:
                known = None if story.large else self._views.get(key)
            if known is None:
                known = self._text(live, story, until)
                with self._lock:
                    self._views[key] = known
                    while len(self._views) > _VIEWS:
                        self._views.popitem(last=False)
            return known

    def _text(self, live: LiveRun, story: Story, until: int) -> bytes:
        if story.large:
            structure = [row.event for row in self._reader.structure(live.run)]
            offsets = offsets_of([*structure, *(event for event, _ in self._tails.unstored(live.run))])
            state, tally = passed(live.run, self.heard(live.run), offsets, until)
        else:
            then = story.at(until)
            if len(live.state.record.steps) > LARGE:
                return self._picture(live, story, then, until).whole()
            state, tally = then.state, then.tally
        looks = self._looks(live, tally, until)
        view = state.view(**looks)
        estimates.fill(view, looks["now"])
        return msgspec.json.encode(view)

    def delta(self, live: LiveRun, start: int, end: int) -> bytes:
        """The merge patch that turns the state at `start` into that at `end`, as JSON; `end` may be the earlier one."""
        self._approach(live, start, end)
        with self.story(live) as story:
            if story.large or len(live.state.record.steps) <= LARGE:
                return msgspec.json.encode(difference(self.at(live, start), self.at(live, end)))
            early, late = sorted((start, end))
            first, second, parts = story.both(early, late)
            before, after = self._picture(live, story, first, early), self._picture(live, story, second, late)
            for session in before.stalled ^ after.stalled:
                parts.update(second.state.touched_by(session))
            return patch(before, after, parts) if start <= end else patch(after, before, parts)

    def _approach(self, live: LiveRun, *moments: int) -> None:
        """Fold up to near the moments, a part at a time: who asks for others meanwhile waits for a part only."""
        for until in sorted(moments):
            more = True
            while more:
                with self.story(live) as story:
                    more = not story.large and story.toward(until)
                if more:
                    time.sleep(PAUSE_SECONDS)

    @contextmanager
    def story(self, live: LiveRun) -> Iterator[Story]:
        """All events of a run, kept current by the tail, for as long as they are looked at; where they are too many to
        be kept, the story has none."""
        with self._lock:
            story = self._stories.get(live)
            if story is None:
                story = self._stories[live] = Story(live.run)
            self._used[live] = time.monotonic()
        with story.lock:
            if not story.loaded:
                with live.lock:  # what is said from here on comes by `hear`, what was said before by `load`
                    if story.hear not in live.listeners:
                        live.listeners.append(story.hear)
                story.load(self.heard(live.run))
            story.settle()
            if story.weight > MOST_BYTES:
                story.let_go()
            if story.large:
                _part(live, story)
            with self._lock:
                self._shrink(live)
            yield story

    def heard(self, run: str, types: frozenset[str] | None = None) -> Iterator[Heard]:
        """All events of a run, in any order; those that the archive and the tail both have come twice."""
        recent = self._tails.unstored(run)
        yield from self._reader.heard(run, types)
        yield from recent

    def events(self, live: LiveRun, types: frozenset[str]) -> Iterator[Event]:
        """A run's events of these types, in any order, each at least once. For them alone no story is made."""
        with self._lock:
            story = self._stories.get(live)
        if story is not None and story.lock.acquire(blocking=False):  # who makes it may take seconds
            try:
                if story.loaded and not story.large:
                    story.settle()
                    return story.events(types)
            finally:
                story.lock.release()
        return (event for event, _ in self.heard(live.run, types) if event.type in types)

    def envelopes(self, live: LiveRun) -> pa.Table:
        """When each event of a run was said, by its session's clock, by whom and of which step: each event once, but no
        heartbeats; see `rows.ENVELOPE`."""
        recent = [event for event, _ in self._tails.unstored(live.run) if event.seq is not None]
        stored = self._reader.envelopes(live.run)  # after the tail: what it takes meanwhile is in both
        if not recent:
            return stored
        fresh = pa.table({name: [getattr(event, name) for event in recent] for name in ENVELOPE}, stored.schema)
        return once_said(pa.concat_tables([stored, fresh]))

    def span(self, live: LiveRun) -> tuple[int, int]:
        """When a run's first and last events were said, in µs by the broker's clock."""
        with self.story(live) as story:
            if story.entries:
                return story.entries[0].time, story.entries[-1].time
        offsets = live.state.record.offsets
        times = [corrected(offsets, event.session or "", event.time) for event, _ in self.heard(live.run)]
        return min(times), max(times)

    def _shrink(self, present: LiveRun) -> None:
        """Let go of the stories that were used longest ago."""
        others = sorted(
            (live for live in self._stories if live is not present), key=self._used.__getitem__, reverse=True
        )
        while others and sum(story.weight for story in self._stories.values()) > KEPT_BYTES:
            oldest = others.pop()
            _part(oldest, self._stories.pop(oldest))

    def _picture(self, live: LiveRun, story: Story, then: Then, until: int) -> Picture:
        return Picture(then, self._looks(live, then.tally, until), story.fragments)

    def _looks(self, live: LiveRun, tally: Tally, until: int) -> Json:
        """How a state at a moment is looked at: the arguments of its view."""
        medians = live.medians or self._medians.of(live.state.view_part(RUN) or {})
        return {"now": min(until, _now()), "tally": tally, "stored": live.stored, "medians": medians}


def _part(live: LiveRun, story: Story) -> None:
    """Have a run tell a story no more."""
    with live.lock:
        if story.hear in live.listeners:
            live.listeners.remove(story.hear)


def _mark(live: LiveRun) -> _Mark:
    """What the state of a run that is complete follows from."""
    return live.state.record.events, live.position, live.medians


def _now() -> int:
    return time.time_ns() // 1000
