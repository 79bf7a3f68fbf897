"""The fold of structure: what a run is, as a function of the set of its events. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from runreel.errors import CodecError
from runreel.state import rules, view
from runreel.state.growing import Growing
from runreel.state.intervals import Intervals
from runreel.state.looks import Looks
from runreel.state.records import FORMAT, Record
from runreel.state.registers import Offset
from runreel.state.tally import Tally
from runreel.state.touched import RUN, Part, Touched

# JSON, not MessagePack: params may hold integers beyond 64 bits, which JSON has and MessagePack has not.
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(tuple[int, Record])


class RunState(Growing):
    """What is known of one run. Grows by `apply`; the order of events and their repetition do not matter.

    Args:
        run: the run's id.
        offsets: clock offsets learnt from the whole log (`offsets_of`), where only a part of it is applied.
        known: likewise, what has come of each session: what is beyond the part is not missing in it.
    """

    def __init__(
        self, run: str, *, offsets: Mapping[str, Offset] | None = None, known: Mapping[str, Intervals] | None = None
    ) -> None:
        super().__init__(Record(run=run, offsets=dict(offsets or {})), known)

    def view(
        self,
        *,
        now: int | None = None,
        tally: Tally | None = None,
        stored: Mapping[str, int] | None = None,
        medians: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The state as JSON of the surface: plain dicts, lists, strings, numbers.

        What is cut from streams or depends on who looks is filled where the caller gives it, and empty otherwise.

        Args:
            now: microseconds since 1970, of the clock that `received` comes from: shows who is STALLED.
            tally: the run's streams: fills `series`, `lines` and the steps' `progress`.
            stored: the seq of each session up to which all is in the archive: fills `stored`, allows `complete`.
            medians: seconds from earlier runs, `{"run": 1084.0, "steps": {path: 221.0}}`: `median` and `expected`.
        """
        return view.render(self, Looks(now, tally, stored or {}, medians or {}))

    def view_part(
        self,
        part: Part,
        *,
        now: int | None = None,
        tally: Tally | None = None,
        stored: Mapping[str, int] | None = None,
        medians: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """One part of `view`: what stands there under the part's kind and key, None where there is nothing.

        `("run", "")` is all that is no part of its own: the top-level fields without steps, artifacts, sessions,
        views and series. The arguments are those of `view`.
        """
        return view.render_part(self, part, Looks(now, tally, stored or {}, medians or {}))

    def view_parts(
        self,
        parts: Iterable[Part],
        *,
        now: int | None = None,
        tally: Tally | None = None,
        stored: Mapping[str, int] | None = None,
        medians: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[Part, dict[str, Any] | None]]:
        """Many parts (`view_part`) in one look, which is cheaper than one by one."""
        looks = Looks(now, tally, stored or {}, medians or {})
        return ((part, view.render_part(self, part, looks)) for part in parts)

    def stalled(self, now: int) -> frozenset[str]:
        """The sessions that gave signs of life and have stopped, at `now` by the clock that `received` comes from."""
        return frozenset(sid for sid, session in self._record.sessions.items() if rules.stalled(session, now))

    def touched_by(self, session: str) -> Touched:
        """The parts that a session's standing shows in, such as when it begins to stall."""
        return [RUN, ("session", session), *self._index.spoken_by_process(session)]

    # -- keeping

    def to_bytes(self) -> bytes:
        """The state as bytes; equal states give equal bytes."""
        return _encoder.encode((FORMAT, self._record))

    @classmethod
    def from_bytes(cls, kept: bytes) -> RunState:
        """The state that `to_bytes` kept.

        Raises:
            CodecError: the bytes are none, or of another format: fold the events anew.
        """
        try:
            number, record = _decoder.decode(kept)
        except msgspec.DecodeError as error:
            raise CodecError(f"not a kept state: {error}") from None
        if number != FORMAT:
            raise CodecError(f"a state kept in format {number}, this reads {FORMAT}: fold the events anew")
        state = cls.__new__(cls)
        Growing.__init__(state, record)
        return state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunState) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __reduce__(self) -> tuple[Callable[[bytes], RunState], tuple[bytes]]:
        return RunState.from_bytes, (self.to_bytes(),)
