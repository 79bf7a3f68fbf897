"""A run's fold from what is stored: its newest keyframe and the rows beyond it."""

from __future__ import annotations

from collections.abc import Sequence

from runreel.errors import CodecError
from runreel_consumers.archive.columns import KINDS
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.log import Covers, Log, Piece
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.stamps import in_stamp_order
from runreel_consumers.catalog.live import Live

_KINDS = tuple(range(len(KINDS) + 1))


class Loader:
    """Loads folds.

    Args:
        log: the archive.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._keyframes, self._objects = Keyframes(log.store), RunObjects(log.store)

    def load(self, run: str, topic: str, *, before: Position | None = None, covers: Covers | None = None) -> Live:
        """The fold of all of a run that is in the archive.

        Args:
            run: the run.
            topic: the topic that it is said in.
            before: where all of the run begins here or later, it is new, and nothing is folded: the caller has it.
            covers: listings of segments to use again.
        """
        pieces = self._log.pieces(run, covers=covers)
        if before is not None and all(piece.begin >= before for piece in pieces):
            return Live(run, topic)
        return self._upto(self.advance(self._kept(run) or Live(run, topic)), pieces)

    def fold(self, run: str, topic: str) -> Live:
        """The fold of a run from its events alone, whatever keyframes there are."""
        pieces = self._log.pieces(run)
        return self._upto(self.advance(Live(run, topic)), pieces)

    def advance(self, live: Live) -> Live:
        """Apply the rows beyond a fold's `upto`; answers the fold."""
        beyond = live.upto if live.upto.epoch >= 0 else None
        for row in in_stamp_order(self._log, live.run, _KINDS, beyond):
            live.apply(row.event, row.received, row.position)
        live.upto = max(live.upto, live.position)
        return live

    @staticmethod
    def _upto(live: Live, pieces: Sequence[Piece]) -> Live:
        """Copies changed nothing and are in there, too."""
        live.upto = max([live.upto, *(piece.end for piece in pieces)])
        return live

    def _kept(self, run: str) -> Live | None:
        pruned = self._log.tombstones.of(run)
        for found, away in ((self._keyframes.find(run), False), (self._objects.keyframe(run), True)):
            if found is None or (pruned is not None and found[0] <= pruned):
                continue
            try:
                live = Live.from_bytes(found[1])
            except CodecError:
                continue  # of another version: the events are there
            live.put_away = found[0] if away else None
            return live
        return None
