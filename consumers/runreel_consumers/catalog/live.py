"""One run that is being folded: its state and streams, and what a summary needs at hand."""

from __future__ import annotations

import zlib
from typing import Any, Final

import msgspec

from runreel.codec import iso
from runreel.errors import CodecError
from runreel.events import STREAMS, Event
from runreel.state import RUN, RunState, Tally, rules
from runreel_consumers.archive.positions import Position


class Brief(msgspec.Struct, frozen=True):
    """A step in few words. Times are ISO 8601."""

    state: str
    started: str | None
    finished: str | None
    error: str | None


class _Kept(msgspec.Struct):
    topic: str
    upto: str
    position: str
    heard: int
    filed: tuple[str, str] | None
    state: bytes
    tally: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)
_FAST: Final = 1


class Live:
    """The fold of one run.

    Attributes:
        state: its structure.
        tally: its streams.
        topic: the topic that it is said in.
        upto: all of the run up to this position is in here.
        position: its last event's; None before the first.
        kept: its last event's in the keyframe that it was made from; None where there was none.
        put_away: up to where the run's own objects go, where it was made from the keyframe beside them.
        heard: when the broker received the latest of its events, microseconds since 1970.
        filed: the workspace and the pipeline under which the catalog has it.
    """

    def __init__(self, run: str, topic: str) -> None:
        self.state, self.tally = RunState(run), Tally(run)
        self.topic = topic
        self.upto = self.position = Position(-1, 0, -1)
        self.kept: Position | None = None
        self.put_away: Position | None = None
        self.heard = 0
        self.filed: tuple[str, str] | None = None
        self._briefs: dict[str, Brief] = {}
        self._unread: set[str] = set()  # the steps that may differ from their briefs

    @property
    def run(self) -> str:
        """The run's id."""
        return self.state.run

    def apply(self, event: Event, received: int, position: Position) -> bool:
        """Take one event in; answers whether anything changed. What came before changes nothing."""
        touched = self.state.apply(event, received)
        if not touched:
            return False
        if event.type in STREAMS:
            self.tally.apply(event)
        else:
            self._unread.update(key for kind, key in touched if kind == "step")
        self.position = max(self.position, position)
        self.heard = max(self.heard, received)
        return True

    def to_bytes(self) -> bytes:
        """A keyframe."""
        kept = _Kept(
            self.topic,
            str(self.upto),
            str(self.position),
            self.heard,
            self.filed,
            self.state.to_bytes(),
            self.tally.to_bytes(),
        )
        return zlib.compress(_encoder.encode(kept), _FAST)

    @classmethod
    def from_bytes(cls, keyframe: bytes) -> Live:
        """The fold that a keyframe holds.

        Raises:
            CodecError: it is none that this version reads: fold the events anew.
        """
        try:
            kept = _decoder.decode(zlib.decompress(keyframe))
        except (zlib.error, msgspec.DecodeError) as error:
            raise CodecError(f"not a keyframe: {error}") from None
        state = RunState.from_bytes(kept.state)
        live = cls(state.run, kept.topic)
        live.state, live.tally = state, Tally.from_bytes(kept.tally)
        live.upto, live.position = _position(kept.upto), _position(kept.position)
        live.kept = live.position
        live.heard, live.filed = kept.heard, kept.filed
        live._unread.update(state.record.steps)
        return live

    def view(self) -> dict[str, Any]:
        """The run's own fields of the state's view."""
        found = self.state.view_part(RUN, tally=self.tally, stored=self.stored())
        return found or {}

    def stored(self) -> dict[str, int]:
        """For each session the seq up to which all is in the archive: everything here comes from there."""
        sessions = self.state.record.sessions.items()
        return {sid: one.seen[1] for sid, one in sessions if one.seen and one.seen[0] == 0}

    @property
    def briefs(self) -> dict[str, Brief]:
        """Its steps."""
        steps, index = self.state.record.steps, self.state.index
        for path in self._unread & steps.keys():
            last = next(reversed(rules.attempts(index, steps[path])), None)
            waits = Brief(rules.unbegun(index, steps[path]), None, None, None)
            self._briefs[path] = waits if last is None else _brief(last)
        self._unread.clear()
        return self._briefs


def _brief(last: rules.Attempt) -> Brief:
    started = None if last.started is None else iso(last.started)
    if last.end is None:
        return Brief(last.state, started, None, None)
    error = last.end.error
    return Brief(last.state, started, iso(last.end.time), None if error is None else error.message or error.type)


def _position(text: str) -> Position:
    return Position(-1, 0, -1) if text.startswith("-") else Position.parse(text)
