"""A run played again: frames that lead from one of its moments to a later one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from math import ceil
from typing import Any, Final
from zlib import crc32

import msgspec

from runreel import events as ev
from runreel.codec import iso, parse_time, payload
from runreel.errors import CodecError
from runreel.events import ENDED
from runreel.state import RUN, Tally
from runreel_server.feed import LiveRun
from runreel_server.feed.said import Said, attempt
from runreel_server.queries.moments import Moments
from runreel_server.queries.stories import Story
from runreel_server.stream import Frame, Head, Turn
from runreel_server.stream.frames import delta, snapshot
from runreel_server.stream.player import Then

QUIET: Final = 60_000_000
"""A run that goes on and has said nothing for so many µs is played no further: there is nothing to play."""

MOST_FRAMES: Final = 50
"""Of a whole run that is played as fast as frames go."""

KEPT_BYTES: Final = 16 << 20
ENTRY_BYTES: Final = 300
"""Bytes of frames that are kept, for others who play the same."""

_PLAY: Final = "play"

Json = dict[str, Any]


class PlayQuery:
    """Makes frames of the past. Safe for threads.

    A frame costs what changes in it, wherever the play is: folds are kept along a run's events (`Moments`), and a frame
    that another player has had is kept, too. A player holds nothing.

    Args:
        moments: have the states.
    """

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self._lock = threading.Lock()
        self._frames: OrderedDict[tuple[str, str, str], Frame | None] = OrderedDict()
        self._bytes = 0

    def begin(self, live: LiveRun, at: int, position: str) -> Turn:
        """The snapshot from which a play goes on: at the moment `at` (µs since 1970), or, without a frame, where a
        client is whose state is still what it was there."""
        with self._moments.story(live) as story:
            first, end, ended = self._bounds(live, story)
            there = _read(position)
            if there is not None and there == self._head(story, there.time):
                return self._turn(None, there, position, end, ended)
            head = self._head(story, max(first, min(at if there is None else there.time, end)))
            if head.time >= end and not ended:
                return Turn(None, head, position, "live")
            return self._turn(self._snapshot(live, head), head, position, end, ended)

    def turn(self, live: LiveRun, head: Head, position: str, until: int | None) -> Turn:
        """The frame from a head to a later moment.

        Args:
            live: the run.
            head: up to where it was played.
            position: of the client: that of its last frame.
            until: µs since 1970; None: as far as one frame goes where all are made as fast as they can.
        """
        with self._moments.story(live) as story:
            first, end, ended = self._bounds(live, story)
            if until is None:
                until = _next(story, first, end, head.time)
            after = self._head(story, max(head.time, min(until, end)))
            if after.time >= end and not ended:
                return Turn(None, after, position, "live")
            if head != self._head(story, head.time):  # something has come from before it
                return self._turn(self._snapshot(live, after), after, position, end, ended)
            frame = None if after == head else self._delta(live, story, head, position, after)
            return self._turn(frame, after, position, end, ended)

    def _bounds(self, live: LiveRun, story: Story) -> tuple[int, int, bool]:
        """When a run's first event was said, up to when there is something to play, and whether it has ended."""
        now = time.time_ns() // 1000
        with live.lock:
            own = live.state.view_part(RUN) or {}
        if story.large:  # its events are not looked through for each frame
            first, last = ((now if when is None else parse_time(when)) for when in (own["started"], own["finished"]))
        else:
            first, last = self._moments.span(live)
        ended = own["state"] in ENDED
        return first, last if ended else max(first, min(now, last + QUIET)), ended

    @staticmethod
    def _turn(frame: Frame | None, head: Head, position: str, end: int, ended: bool) -> Turn:
        then: Then = "on" if head.time < end else "end" if ended else "live"
        return Turn(frame, head, position if frame is None else frame.position, then)

    @staticmethod
    def _head(story: Story, when: int) -> Head:
        # What was at a moment is the same as long as as many events are from before it, by the same clocks.
        clocks = sorted((session, offset.micros) for session, offset in story.offsets.items())
        return Head(when, f"{story.upto(when)}.{crc32(repr(clocks).encode()):x}")

    def _snapshot(self, live: LiveRun, head: Head) -> Frame:
        state = msgspec.Raw(self._moments.text(live, head.time))
        return snapshot(live.name, _position(head), state, at=iso(head.time))

    def _delta(self, live: LiveRun, story: Story, head: Head, position: str, after: Head) -> Frame | None:
        key = (live.run, position, _position(after))
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        said = _said(story, head.time, after.time)
        patch = self._moments.delta(live, head.time, after.time)
        frame = None
        if said or patch != b"{}":
            change: Json = {"at": iso(after.time), "patch": msgspec.Raw(patch)}
            if said:
                state = story.at(after.time).state
                change |= said.told(lambda path, execution: attempt(state.view_part(("step", path)), execution))
            frame = delta(live.name, position, _position(after), change)
        with self._lock:
            self._frames[key] = frame
            self._bytes += _size(frame)
            while self._bytes > KEPT_BYTES:
                _, oldest = self._frames.popitem(last=False)
                self._bytes -= _size(oldest)
        return frame


def _size(frame: Frame | None) -> int:
    """Bytes that one entry keeps: a turn without a change has its key, and a quiet hour has many of them."""
    return ENTRY_BYTES + (0 if frame is None else len(frame.alone))


def _position(head: Head) -> str:
    return f"{_PLAY}:{head.time}:{head.mark}"


def _read(position: str) -> Head | None:
    """The head that a client's position names; None where it is no play's."""
    kind, _, rest = position.partition(":")
    when, _, mark = rest.partition(":")
    return Head(int(when), mark) if kind == _PLAY and when.isascii() and when.isdigit() else None


def is_play(position: str) -> bool:
    """Whether a client's position is one in a play."""
    return _read(position) is not None


def _next(story: Story, first: int, end: int, time: int) -> int:
    """The moment of the next frame where a whole run goes by in so many of them."""
    if story.large:
        return time + max(1, (end - first) // MOST_FRAMES)
    size = max(1, ceil(len(story.entries) / MOST_FRAMES))
    index = (story.upto(time) // size + 1) * size
    return story.entries[index - 1].time if index <= len(story.entries) else end


def _said(story: Story, start: int, end: int) -> Said:
    """The points and lines after a moment and up to another one."""
    said = Said()
    counts: dict[tuple[str | None, str | None, str], int] = {}
    tally: Tally | None = None
    for event, micros in story.streams(start, end):
        try:
            data: Any = payload(event)
        except CodecError:
            continue
        rows = [row for row, when in enumerate(data.time) if start < when + micros <= end]
        if not rows:
            continue
        if isinstance(data, ev.Logs):
            said.lines(event, data, micros, rows)
            continue
        key = (event.session, event.execution, f"{event.subject}:{data.name}")
        if key not in counts:
            tally = story.at(start).tally if tally is None else tally
            counts[key] = tally.count(event, data.name)
        said.points(event, data, counts[key], micros, rows)
        counts[key] += len(rows)
    return said
