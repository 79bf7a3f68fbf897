"""The live tail, the runs that somebody looks at, and the channels that tell of them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runreel.codec import decode
from runreel.errors import CodecError, NotFound, NotReachable
from runreel.events import Event
from runreel.settings import Settings
from runreel.state import RunState, Tally
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import Identities
from runreel_server.feed.publisher import Publisher
from runreel_server.feed.recent import Recent, Taken
from runreel_server.feed.run import LiveRun
from runreel_server.feed.runs import NAME as RUNS
from runreel_server.feed.runs import LiveRuns
from runreel_server.feed.series import SeriesCache
from runreel_server.feed.tail import Tail
from runreel_server.problems import Problem
from runreel_server.stream import Channel

log = logging.getLogger(__name__)

RECENT_BYTES: Final = 64 << 20
KEPT_SECONDS: Final = 60.0  # a run that nobody looks at any more is kept so long
MOST_LIVES: Final = 200
OPEN_SECONDS: Final = 30.0
TICK_SECONDS: Final = 1.0

History = Callable[[str], tuple[RunState, Tally]]
"""What the archive has of a run; empty where it has nothing."""


class Feed:
    """Reads Kafka's tail, folds what is looked at, and tells the channels.

    Without an address of Kafka it serves what the archive has, and nothing moves.

    Args:
        settings: names the topics.
        reader: the archive.
        history: loads a run from the archive.
        config: librdkafka keys of the consumer; None: there is no Kafka.
        identities: tells topics apart; None exactly where `config` is.
        runs: takes the notifications of the catalog.
        medians: what earlier runs took, for a run with these own fields.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reader: Reader,
        history: History,
        config: Mapping[str, Any] | None,
        identities: Identities | None,
        runs: LiveRuns,
        medians: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {},
    ) -> None:
        self._reader, self._history, self._medians = reader, history, medians
        self._events, self._notices = settings.event_topics, settings.topic_runs
        self.runs = runs
        self._lock = threading.Lock()
        self._recent = Recent(RECENT_BYTES)
        self._lives: dict[str, LiveRun] = {}
        self._series: dict[str, SeriesCache] = {}
        self._stalled: dict[str, frozenset[str]] = {}
        self._channels: dict[str, Channel] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher = Publisher(self._made)
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="runreel-ticker", daemon=True)
        self.heard = 0
        """How many messages the tail has brought."""
        self.last_heard: float | None = None
        """When the last one came, by the monotonic clock."""
        self.newest: dict[tuple[str, str, int], int] = {}
        """The offset of the last event heard of each (topic, its identity, partition)."""
        self._tail: Tail | None = None
        if config is not None and identities is not None:
            self._tail = Tail(config, [*self._events, self._notices], identities, self._start_at, self._take)

    # -- life

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin; `loop` is the event loop that the channels live on."""
        self._loop = loop
        self._publisher.start()
        self._ticker.start()
        if self._tail is not None:
            self._tail.start()

    def close(self, timeout: float = 5.0) -> None:
        """End."""
        self._ended.set()
        if self._tail is not None:
            self._tail.close(timeout)
        self._publisher.close(timeout)

    @property
    def trouble(self) -> str | None:
        """Why nothing new can be read, None while all is well."""
        return "Kafka is not set: only the archive is shown" if self._tail is None else self._tail.trouble

    # -- for those who look

    def live(self, run: str) -> LiveRun:
        """The run, folded up to now and kept current. Reads the archive the first time; not for the event loop.

        Raises:
            NotFound: neither the archive nor the tail knows the run.
            NotReachable: the archive cannot be read, or not up to where the tail begins.
        """
        with self._lock:
            live = self._lives.get(run)
            if live is None:
                opener = True
                live = self._lives[run] = LiveRun(run)
                self._series[run] = cache = SeriesCache(
                    lambda keys: self._reader.points(run, keys), lambda: self.recent(run)
                )
                live.listeners.append(cache.hear)
            else:
                opener = False
        if opener:
            try:
                self._open(live)
            except BaseException:
                self._drop(run)
                raise
            finally:
                live.ready.set()
        elif not live.ready.wait(OPEN_SECONDS):
            raise NotReachable(f"run {run} could not be read in {OPEN_SECONDS:.0f} s: the store is slow")
        if not live.state.record.sessions:
            raise NotFound(f"no run {run}") if live.opened else NotReachable(f"run {run} could not be read: try again")
        if opener:
            live.expect(self._medians(live.own()))
        live.used = time.monotonic()
        return live

    def series(self, run: str) -> SeriesCache:
        """The series of a run that is open (`live`)."""
        self.live(run)
        with self._lock:
            return self._series[run]

    def recent(self, run: str) -> list[Event]:
        """The newest events of a run. Ask for them before the archive: then nothing lies between the two (`joined`)."""
        return [event for _, event in _events(self.joined(run)) if event.run == run]

    def joined(self, run: str) -> list[Taken]:
        """The newest messages of a run, once the archive has all that the tail's memory has dropped before them.

        Raises:
            NotReachable: the archive cannot be read, or is behind for too long.
        """
        deadline = time.monotonic() + OPEN_SECONDS
        while True:
            with self._lock:
                recent, lost = self._recent.of(run), self._recent.lost()
            ends = {
                (topic, identity, partition): end.offset
                for topic, identity in {where[:2] for where in lost}
                for (_, partition), end in self._reader.end({topic: identity}).items()
            }
            if all(offset < ends.get(where, 0) for where, offset in lost.items()):
                return recent
            if time.monotonic() > deadline:
                raise NotReachable("the archive is behind the tail that is kept: runreel consume archive has stopped?")
            self._ended.wait(0.2)

    def taken(self, run: str) -> list[Taken]:
        """The newest messages of a run as they came, in the order of the log."""
        with self._lock:
            return self._recent.of(run)

    def _open(self, live: LiveRun) -> None:
        recent = self.joined(live.run)
        state, tally = self._history(live.run)
        live.open(state, tally, recent)

    # -- channels

    async def channel(self, name: str) -> Channel:
        """What tells of `run:ID` or `runs`. On the event loop.

        Raises:
            Problem: the name is none.
            NotFound: no such run.
        """
        kind, _, run = name.partition(":")
        if name == RUNS:
            source: LiveRun | LiveRuns = self.runs
        elif kind == "run" and run:
            source = await asyncio.to_thread(self.live, run)
        else:
            raise Problem(400, f"watch={name!r} is nothing to watch: give run:ID or runs")
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(source)
        return channel

    @staticmethod
    def ahead(channel: Channel, position: str) -> bool:
        """Whether a client has seen more of the same partition than this server."""
        theirs, ours = position.rpartition(":"), channel.position.rpartition(":")
        return bool(position) and theirs[0] == ours[0] and theirs[2] > ours[2]

    def _made(self, name: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._pull, name)

    def _pull(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            channel.pull()

    # -- the tail

    def _start_at(self, topic: str, identity: str, partition: int) -> int | None:
        if topic == self._notices:
            return None  # compacted: what it holds is the newest of each run
        try:
            end = self._reader.end({topic: identity}).get((topic, partition))
        except NotReachable as error:
            log.warning("the archive's end is not known (%s): reading %s from its beginning", error, topic)
            return None
        return None if end is None else end.offset

    def _take(self, messages: list[Taken]) -> None:
        changed: dict[str, LiveRun] = {}
        notices = False
        with self._lock:
            for taken in messages:
                if taken.topic == self._notices:
                    notices = self.runs.hear(taken) or notices
                    continue
                self._recent.add(taken)
                self.newest[taken.topic, taken.identity, taken.partition] = taken.offset
                live = self._lives.get(taken.run)
                try:
                    if live is not None and live.hear(taken):
                        changed[taken.run] = live
                except Exception:  # one message's trouble must not end the tail for all runs
                    log.exception("a message of run %s was not taken in (%s)", taken.run, taken.position)
            self.heard += len(messages)
            self.last_heard = time.monotonic()
        for live in changed.values():
            self._publisher.changed(live)
        if notices:
            self._noticed(messages)

    def _noticed(self, messages: Iterable[Taken]) -> None:
        self._publisher.changed(self.runs)
        for taken in messages:
            live = self._lives.get(taken.run) if taken.topic == self._notices else None
            summary = self.runs.summary(taken.run)
            if live is None or summary is None:
                continue
            try:
                position = Position.parse(str(summary.get("position")))
            except ValueError:
                continue  # another version's: it tells the list, not what is stored
            if live.stored_upto(position.partition, position.offset):
                self._publisher.changed(live)

    # -- the clock

    def _tick(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                lives = list(self._lives.values())
            now = time.time_ns() // 1000
            for live in lives:
                if not live.ready.is_set():
                    continue
                with live.lock:
                    stalled = live.state.stalled(now)
                    moved = stalled ^ self._stalled.get(live.run, frozenset())
                    for session in moved:
                        live.touch(*live.state.touched_by(session))
                    self._stalled[live.run] = stalled
                # Asked outside the run's lock: the store may be slow, and the tail must not wait for it.
                if live.expect(self._medians(live.own())) or moved:
                    self._publisher.changed(live)
            self._sweep(lives)

    def _sweep(self, lives: list[LiveRun]) -> None:
        """Forget runs that nobody looks at any more."""
        old = sorted((live for live in lives if not self._watched(live)), key=lambda live: live.used)
        limit = time.monotonic() - KEPT_SECONDS
        for number, live in enumerate(old):
            if live.used < limit or len(lives) - number > MOST_LIVES:
                self._drop(live.run)

    def _watched(self, live: LiveRun) -> bool:
        channel = self._channels.get(live.name)
        return channel is not None and channel.watchers > 0

    def _drop(self, run: str) -> None:
        with self._lock:
            self._lives.pop(run, None)
            self._series.pop(run, None)
            self._stalled.pop(run, None)
        name = f"run:{run}"
        self._publisher.forget(name)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._channels.pop, name, None)


def _events(taken: Iterable[Taken]) -> Iterable[tuple[Taken, Event]]:
    for one in taken:
        try:
            yield one, decode(one.message)
        except CodecError:
            continue  # the archive's consumer sends it to the dead letters
