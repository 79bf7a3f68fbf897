"""The catalog as it follows the archive: folds what was stored, says what needs a clock, tells who listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from runreel.codec import encode
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import HEARTBEAT, RUN_FINISHED, RUN_STARTED, Event
from runreel.settings import Settings
from runreel.state import rules
from runreel_consumers.archive.columns import Row
from runreel_consumers.archive.dedupe import digest
from runreel_consumers.archive.followers import Batch, Follower
from runreel_consumers.archive.keeper import Ending, Keeper
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.log import Covers, Log
from runreel_consumers.archive.positions import Epoch, Position
from runreel_consumers.catalog import clock
from runreel_consumers.catalog.filing import Filing
from runreel_consumers.catalog.learning import Ended, Learning, ended
from runreel_consumers.catalog.live import Live
from runreel_consumers.catalog.loader import Loader
from runreel_consumers.catalog.summary import summary
from runreel_consumers.outbox import Outbox
from runreel_consumers.partitions import partition_of

log = logging.getLogger(__name__)

TELL_SECONDS: Final = 1.0
"""A run is told on `runreel.runs` at most this often, its end aside."""

KEEP_SECONDS: Final = 10.0
"""How often the keyframe of a run that changes is written, after its first one."""

FILE_SECONDS: Final = 10.0
"""How often the stored catalog is written."""

SETTLE_SECONDS: Final = 2.0
"""How long a complete run rests before its own objects are made; an incomplete one rests longer."""

SETTLE_INCOMPLETE: Final = 60.0
LEARN_SECONDS: Final = 0.5
"""How long a run may take to declare its graph before it is told what is expected of it."""

JUST: Final = 60_000_000
"""A run that began longer ago than so many microseconds is not told any more."""

AGAIN_SECONDS: Final = 30.0
"""An event of ours that has not come back by then is said again: the broker of `runreel up` forgets."""

_encoder = msgspec.json.Encoder(order="deterministic")


class _Watched:
    """A run in memory, and what is still to be done for it. Times are of the monotonic clock.

    `since`: its objects have all of it up to this position, and nothing new has come since; None: they are to be made.
    """

    def __init__(self, live: Live, place: tuple[int, int]) -> None:
        self.live, self.place = live, place
        self.since: Position | None = None
        self.kept_at = self.told_at = -1e9
        self.changed_at = time.monotonic()
        self.unkept = self.untold = self.unfiled = True
        self.said: dict[str, tuple[Event, float]] = {}
        self.end_told = False
        self.ending = False
        self.pruned: Position | None = None
        self.begun_at: float | None = None  # until it is known whether it is to be told what is expected of it

    def awaited(self) -> list[Event]:
        """What the catalog has said of it and has not come back, its end aside: that is decided anew each time."""
        sessions = self.live.state.record.sessions
        self.said = {session: one for session, one in self.said.items() if session not in sessions}
        return [event for event, _ in self.said.values() if event.type != RUN_FINISHED]

    def change(self) -> None:
        """Note that the run is not what it was."""
        self.changed_at = time.monotonic()
        self.unkept = self.untold = self.unfiled = True
        self.since = None

    def repeat(self, since: Position) -> None:
        """Note that the run was put away, and that all that came is said to be there already."""
        self.untold = self.unfiled = False
        self.since = since


class Catalog(Follower):
    """Folds the runs of the partitions that are ours.

    Args:
        settings: topics.
        archive: the archive's log, for runs that began before we did.
        outbox: sends events of ours and notifications.
        keeper: makes the objects of runs that have ended, off the loop.
        now: microseconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        archive: Log,
        outbox: Outbox,
        keeper: Keeper,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._topic_runs, self._log, self._outbox, self._keeper, self._now = (
            settings.topic_runs,
            archive,
            outbox,
            keeper,
            now,
        )
        self._keyframes, self._loader = Keyframes(archive.store), Loader(archive)
        self._learning = Learning(archive.store, lambda run: self._loader.load(run, ""))
        self._runs: dict[str, _Watched] = {}
        self._filings: dict[tuple[int, int], Filing] = {}
        self._epochs: dict[tuple[int, int], Epoch] = {}
        self._ticked = self._filed = time.monotonic()

    # -- following

    def opened(self, epoch: Epoch, partition: int) -> None:
        """Take up the runs of a partition that go on."""
        self._outbox.open()
        place = (epoch.ordinal, partition)
        covers: Covers = {}
        for run in list(self._keyframes.runs()):
            if run in self._runs or partition_of(run, epoch.count) != partition:
                continue
            live = self._loader.load(run, epoch.topic, covers=covers)
            if live.topic == epoch.topic:
                watched = self._watch(live, place)
                begun = rules.run(live.state.index).started
                if begun is not None and self._now() - begun <= JUST:
                    watched.begun_at = time.monotonic()
        self._epochs[place] = epoch
        name = f"{epoch.topic}-{partition:05d}"
        self._filings[place] = Filing(self._log.store, name, lambda run: self._loader.load(run, epoch.topic))
        self._keeper.opened(epoch, partition)

    def stored(self, batches: Sequence[Batch], deadline: Deadline) -> None:
        """Fold what was stored; keep the folds and tell the runs that are due."""
        for batch in batches:
            for watched in self._fold(batch):
                watched.live.upto = max(watched.live.upto, batch.upto)
                now = time.monotonic()
                if now - watched.kept_at >= KEEP_SECONDS:
                    self._keep(watched)
                if self._is_news(watched, now):  # before an emitter is answered: whoever ends then finds it in the list
                    self._tell(watched)

    def _fold(self, batch: Batch) -> list[_Watched]:
        """Answers the runs that were heard of, though it be by copies alone."""
        place = (batch.epoch.ordinal, batch.partition)
        covers: Covers = {}
        heard: dict[str, _Watched] = {}
        stored: set[str] = set()
        changed: set[str] = set()
        begin = Position(*place, batch.first)
        for event, offset, received in zip(batch.events, batch.offsets, batch.received, strict=True):
            position = Position(place[0], place[1], offset)
            watched = self._runs.get(event.run)
            if watched is None:
                if self._is_pruned(event.run, position):
                    continue
                watched = self._load(event.run, batch, begin, covers)
                if watched.since is not None and batch.upto <= watched.since:
                    stored.add(event.run)  # what is told again after a restart
            heard[event.run] = watched
            if watched.live.apply(event, received, position):
                if event.run not in changed:
                    changed.add(event.run)
                    watched.change()  # at once: where a later run cannot be loaded, this batch comes again as copies
                if event.type == RUN_STARTED and self._now() - received <= JUST:
                    watched.begun_at = time.monotonic()
                if event.type == HEARTBEAT and event.session is not None:
                    self._say(watched, clock.offsets(watched.live, event.session, position, received))
        for run in [run for run in stored if heard[run].since is not None]:
            del self._runs[run], heard[run]
        return list(heard.values())

    def _load(self, run: str, batch: Batch, begin: Position, covers: Covers) -> _Watched:
        """Take up a run that is not in memory; what it may have been put away with is all of it, unless more came."""
        live = self._loader.load(run, batch.epoch.topic, before=begin, covers=covers)
        watched = self._watch(live, (batch.epoch.ordinal, batch.partition))
        if live.put_away is not None and live.position == live.kept:
            watched.repeat(live.put_away)
        return watched

    def tick(self) -> None:
        """Say what it is time for, tell what has changed, write what is due."""
        now = time.monotonic()
        if now - self._ticked < min(TELL_SECONDS, 0.25):
            return
        self._ticked = now
        for ending in self._keeper.finished():
            self._made(ending)
        recent: Ended | None = None  # once for all that begin: of many short runs each pair would be looked at
        for watched in list(self._runs.values()):
            if self._is_gone(watched):
                continue
            for event in (clock.decide(watched.live, self._now()), *watched.awaited()):
                self._say(watched, event)
            if watched.begun_at is not None and now - watched.begun_at >= LEARN_SECONDS:
                recent = ended(one.live for one in self._runs.values()) if recent is None else recent
                self._say(watched, self._learning.expected(watched.live, recent))
                watched.begun_at = None
            if self._is_news(watched, now):
                self._tell(watched)
            if watched.unkept and now - watched.kept_at >= KEEP_SECONDS:
                self._keep(watched)
            self._end(watched, now)
        if now - self._filed >= FILE_SECONDS:
            self._file()

    def closed(self, epoch: Epoch, partition: int, *, ours: bool) -> None:
        """Let go of a partition's runs; whoever has it next loads them."""
        place = (epoch.ordinal, partition)
        mine = [watched for watched in self._runs.values() if watched.place == place]
        try:
            if ours:
                for watched in mine:
                    if watched.untold:
                        self._tell(watched)
                    if watched.unkept:
                        self._keep(watched)
                self._file(place)
        except NotReachable as error:
            log.warning("the catalog is left to the next owner: %s", error)
        self._keeper.closed(epoch, partition)
        for watched in mine:
            del self._runs[watched.live.run]
        self._filings.pop(place, None)
        self._epochs.pop(place, None)

    def close(self, deadline: Deadline) -> None:
        """End the keeper's thread."""
        self._keeper.close(deadline)

    # -- one run

    def _watch(self, live: Live, place: tuple[int, int]) -> _Watched:
        watched = self._runs[live.run] = _Watched(live, place)
        return watched

    def _is_pruned(self, run: str, position: Position) -> bool:
        pruned = self._log.tombstones.of(run)
        return pruned is not None and position <= pruned

    def _is_gone(self, watched: _Watched) -> bool:
        """Whether a run was pruned; where more was said of it since, that is all there is of it now."""
        live = watched.live
        pruned = self._log.tombstones.of(live.run)
        if pruned is None or watched.pruned == pruned:
            return False
        watched.pruned = pruned
        if live.filed is not None:
            self._filings[watched.place].drop(live.run, live.filed)
        self._keyframes.drop(live.view()["workspace"], live.run)
        if live.position <= pruned:
            del self._runs[live.run]
            return True
        watched.live = self._loader.fold(live.run, live.topic)
        watched.change()
        return False

    def _say(self, watched: _Watched, event: Event | None) -> None:
        if event is None or event.session is None:
            return
        now = time.monotonic()
        if event.session in watched.said and now - watched.said[event.session][1] < AGAIN_SECONDS:
            return
        watched.said[event.session] = (event, now)
        epoch = self._epochs[watched.place]
        self._outbox.send(
            epoch.topic,
            encode(event),
            key=event.run.encode(),
            headers=[("content-type", b"application/cloudevents+json")],
            partition=partition_of(event.run, epoch.count),
        )

    def _is_news(self, watched: _Watched, now: float) -> bool:
        """Whether it is time to tell of a run: once a second, and of its end at once."""
        if not watched.untold:
            return False
        if now - watched.told_at >= TELL_SECONDS:
            return True
        return not watched.end_told and rules.run(watched.live.state.index).end is not None

    def _tell(self, watched: _Watched) -> None:
        told = summary(watched.live)
        watched.end_told = told["finished"] is not None
        self._outbox.send(self._topic_runs, _encoder.encode(told), key=watched.live.run.encode())
        watched.untold, watched.told_at = False, time.monotonic()

    def _keep(self, watched: _Watched) -> None:
        live = watched.live
        self._keyframes.put(live.view()["workspace"], live.run, live.upto, live.to_bytes())
        watched.unkept, watched.kept_at = False, time.monotonic()

    def _file(self, place: tuple[int, int] | None = None) -> None:
        for watched in self._runs.values():
            if watched.unfiled and place in (None, watched.place):
                self._filings[watched.place].file(watched.live, summary(watched.live))
                watched.unfiled = False
        for where, filing in self._filings.items():
            if place in (None, where):
                filing.write()
        if place is None:
            self._filed = time.monotonic()

    # -- its end

    def _end(self, watched: _Watched, now: float) -> None:
        live = watched.live
        if watched.ending or now - watched.changed_at < SETTLE_SECONDS or watched.awaited():
            return
        if rules.run(live.state.index).end is None:
            return
        if watched.since is None and now - watched.changed_at < SETTLE_INCOMPLETE and not live.view()["complete"]:
            return
        if watched.unfiled:
            self._file(watched.place)
        watched.ending = True
        found = summary(live)
        epoch = self._epochs[watched.place]
        self._keeper.end(
            Ending(
                live.run,
                found["workspace"],
                epoch,
                live.upto,
                live.position,
                live.to_bytes(),
                _encoder.encode(found),
                watched.since,
            )
        )

    def _made(self, ending: Ending) -> None:
        watched = self._runs.get(ending.run)
        if watched is None:
            return
        watched.ending = False
        unsaid = [pair for pair in ending.conflicts if not _is_said(watched.live, pair)]
        again = unsaid or (ending.since is not None and ending.conflicts)
        if again:
            # The archive has all bytes, so from now on the content that counts is the one that everybody chooses.
            watched.live = self._loader.fold(ending.run, watched.live.topic)
            for pair in unsaid:
                self._say(watched, _conflict(watched.live, *pair))
        if watched.live.position != ending.position or ending.failed or again:
            watched.change()  # more has come, or is to come: it ends again
            return
        if watched.live.upto != ending.upto:
            watched.changed_at = time.monotonic()  # copies have come, or what is said to be: they are looked at, too
            return
        if watched.untold:
            self._tell(watched)
        self._keyframes.drop(ending.workspace, ending.run)
        del self._runs[ending.run]


def _is_said(live: Live, pair: tuple[Row, Row]) -> bool:
    event = pair[0].event
    return f"{event.session}-{event.seq}" in live.state.record.conflicts


def _conflict(live: Live, one: Row, other: Row) -> Event:
    later = max(one, other, key=lambda row: row.position)
    return clock.conflict(
        live.run,
        live.view()["workspace"],
        one.event.session or "",
        one.event.seq or 0,
        (digest(one.event), digest(other.event)),
        later.position,
        later.received,
    )
