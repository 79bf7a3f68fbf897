"""One run that is being folded: its state and streams, and what a summary needs at hand."""

from __future__ import annotations

import zlib
from typing import Any, Final

import msgspec

from runreel.errors import CodecError
from runreel.events import STREAMS, Event
from runreel.state import RUN, RunState, Tally
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
        heard: when the broker received the latest of its events, microseconds since 1970.
        filed: the workspace and the pipeline under which the catalog has it.
        briefs: its steps.
    """

    def __init__(self, run: str, topic: str) -> None:
        self.state, self.tally = RunState(run), Tally(run)
        self.topic = topic
        self.upto = self.position = Position(-1, 0, -1)
        self.kept: Position | None = None
        self.heard = 0
        self.filed: tuple[str, str] | None = None
        self.briefs: dict[str, Brief] = {}

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
            for part in touched:
                if part[0] == "step":
                    self._brief(part[1])
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
        for path in state.record.steps:
            live._brief(path)
        return live

    def view(self) -> dict[str, Any]:
        """The run's own fields of the state's view."""
        found = self.state.view_part(RUN, tally=self.tally, stored=self.stored())
        return found or {}

    def stored(self) -> dict[str, int]:
        """For each session the seq up to which all is in the archive: everything here comes from there."""
        sessions = self.state.record.sessions.items()
        return {sid: one.seen[1] for sid, one in sessions if one.seen and one.seen[0] == 0}

    def _brief(self, path: str) -> None:
        step = self.state.view_part(("step", path))
        if step is not None:
            error = step["error"] and (step["error"]["message"] or step["error"]["type"])
            self.briefs[path] = Brief(step["state"], step["started"], step["finished"], error)


def _position(text: str) -> Position:
    return Position(-1, 0, -1) if text.startswith("-") else Position.parse(text)
