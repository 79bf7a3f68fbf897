"""The live tail, the runs that somebody looks at, and the channels that tell of them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runreel.errors import NotFound, NotReachable
from runreel.events import Event
from runreel.settings import Settings
from runreel.state import RUN, RunState, Tally
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import Identities
from runreel_server.feed.publisher import Publisher
from runreel_server.feed.pulse import Pulse
from runreel_server.feed.recent import Recent, Taken, decoded
from runreel_server.feed.run import LiveRun
from runreel_server.feed.runs import NAME as RUNS
from runreel_server.feed.runs import LiveRuns
from runreel_server.feed.series import SeriesCache
from runreel_server.feed.spools import Spools
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
        self._topic_ids: dict[int, str] = {}
        self.runs = runs
        self._lock = threading.Lock()
        self._recent = Recent(RECENT_BYTES)
        self._lives: dict[str, LiveRun] = {}
        self._series: dict[str, SeriesCache] = {}
        self._renewed: dict[str, tuple[LiveRun, SeriesCache]] = {}  # being read anew, to take the places of their like
        self._torn = False
        self._ends: dict[tuple[str, str, int], int] = {}  # up to where the archive was, when it was last asked
        self._stalled: dict[str, frozenset[str]] = {}
        self._channels: dict[str, Channel] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher = Publisher(self._made)
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="runreel-ticker", daemon=True)
        self.pulse = Pulse()
        """How much the tail brings."""
        self.spools = Spools()
        """What waits in spools."""
        self._tail: Tail | None = None
        if config is not None and identities is not None:
            self._tail = Tail(
                config, [*self._events, self._notices], identities, self._start_at, self._take, self._missed
            )

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
                live, self._series[run] = self._made_for(run)
                self._lives[run] = live
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
        return [event for _, event in decoded(self.joined(run)) if event.run == run]

    def joined(self, run: str) -> list[Taken]:
        """The newest messages of a run, once the archive has all that the tail's memory has dropped before them.

        Raises:
            NotReachable: the archive cannot be read, or is behind for too long.
        """
        deadline = time.monotonic() + OPEN_SECONDS
        while True:
            with self._lock:
                recent, lost = self._recent.of(run), self._recent.lost()
            for topic, identity in {where[:2] for where, offset in lost.items() if offset >= self._ends.get(where, 0)}:
                for (_, partition), end in self._reader.end({topic: identity}).items():
                    self._ends[topic, identity, partition] = end.offset
            if all(offset < self._ends.get(where, 0) for where, offset in lost.items()):
                return recent
            if time.monotonic() > deadline:
                raise NotReachable("the archive is behind the tail that is kept: runreel consume archive has stopped?")
            self._ended.wait(0.2)

    def _made_for(self, run: str) -> tuple[LiveRun, SeriesCache]:
        live = LiveRun(run)
        cache = SeriesCache(
            lambda keys: self._reader.points(run, keys, offsets=live.clocks()),
            lambda keys: self._reader.stored_series(run, keys),
            lambda: self.recent(run),
            live.clocks,
        )
        live.listeners.append(cache.hear)
        return live, cache

    def _open(self, live: LiveRun) -> None:
        recent = self.joined(live.run)
        state, tally = self._history(live.run)
        live.open(state, tally, recent, self._medians(state.view_part(RUN) or {}))

    # -- channels

    @staticmethod
    def check(name: str) -> None:
        """Whether `name` is `run:ID` or `runs`.

        Raises:
            Problem: it is not.
        """
        kind, _, run = name.partition(":")
        if name != RUNS and not (kind == "run" and run):
            raise Problem(400, f"watch={name!r} is nothing to watch: give run:ID or runs")

    async def channel(self, name: str) -> Channel:
        """What tells of `run:ID` or `runs` (`check`). On the event loop.

        Raises:
            NotFound: no such run.
            NotReachable: it cannot be read now.
        """
        source: LiveRun | LiveRuns = self.runs
        if name != RUNS:
            source = await asyncio.to_thread(self.live, name.partition(":")[2])
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(source)
            channel.pull()  # who has the state of a moment ago goes on from there
        return channel

    def catch_up(self, name: str) -> None:
        """Have a frame made of what was heard while nobody watched: to be called as soon as somebody does."""
        live = self._lives.get(name.partition(":")[2])
        if live is not None:
            self._publisher.changed(live)

    def _made(self, name: str) -> None:
        self._call(self._pull, name)

    def _pull(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            channel.pull()

    # -- the tail

    def _start_at(self, topic: str, identity: str, partition: int) -> int:
        if topic == self._notices:
            return 0  # compacted: what it holds is the newest of each run
        try:
            end = self._reader.end({topic: identity}).get((topic, partition))
        except NotReachable as error:
            log.warning("the archive's end is not known (%s): reading %s from its beginning", error, topic)
            return 0
        if end is None or not end.offset:
            return 0
        # Whoever has asked the archive before it was there must read anew: the tail will never bring it.
        self._ends[topic, identity, partition] = end.offset
        self._missed(topic, identity, partition, end.offset - 1)
        return end.offset

    def _missed(self, topic: str, identity: str, partition: int, offset: int) -> None:
        """The tail begins after this offset, or the broker has forgotten what the tail had not read yet: it is in the
        archive, or will be. Of a notification: what it told of was there before."""
        with self._lock:
            if topic != self._notices:
                self._recent.lose(topic, identity, partition, offset)
            self._torn = True

    def _take(self, messages: list[Taken]) -> None:
        changed: dict[str, LiveRun] = {}
        notices = False
        with self._lock:
            for taken in messages:
                if taken.topic == self._notices:
                    notices = self.runs.hear(taken) or notices
                    continue
                self._recent.add(taken)
                self.spools.hear(taken)
                live = self._lives.get(taken.run)
                try:
                    if taken.run in self._renewed:
                        self._renewed[taken.run][0].hear(taken)
                    if live is not None and live.hear(taken):
                        changed[taken.run] = live
                except Exception:  # one message's trouble must not end the tail for all runs
                    log.exception("a message of run %s was not taken in (%s)", taken.run, taken.position)
            self.pulse.note(messages, self._notices)
        for live in changed.values():
            if self._watched(live):
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
            topic_id = self._topic_id(position.epoch)
            if topic_id is not None and live.stored_upto(topic_id, position.partition, position.offset):
                self._publisher.changed(live)

    def _topic_id(self, ordinal: int) -> str | None:
        """An epoch's topic, asked of the store once: an ordinal is one topic's for ever."""
        if ordinal not in self._topic_ids and (found := self._reader.topic_id(ordinal)) is not None:
            self._topic_ids[ordinal] = found
        return self._topic_ids.get(ordinal)

    # -- the clock

    def _tick(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                lives, torn, self._torn = list(self._lives.values()), self._torn, False
            now = time.time_ns() // 1000
            for live in lives:
                if live.ready.is_set():
                    self._guarded(self._passed, live, now)
            self._sweep(lives)
            for live in lives if torn else ():
                self._guarded(self._renew, live)

    def _guarded(self, act: Callable[..., None], *arguments: Any) -> None:
        """One run's trouble, such as an object that cannot be read, ends neither the clock nor the others."""
        try:
            act(*arguments)
        except Exception:
            log.exception("the feed's clock goes on")

    def _passed(self, live: LiveRun, now: int) -> None:
        """Tell what time alone has changed in a run."""
        with live.lock:
            stalled = live.state.stalled(now)
            moved = stalled ^ self._stalled.get(live.run, frozenset())
            for session in moved:
                live.touch(*live.state.touched_by(session))
            self._stalled[live.run] = stalled
        # Asked outside the run's lock: the store may be slow, and the tail must not wait for it.
        if live.expect(self._medians(live.own())) or moved or not self._watched(live):
            self._publisher.changed(live)

    def _renew(self, old: LiveRun) -> None:
        """Read a run that is looked at anew: the tail has missed messages, and it may lack some."""
        old.ready.wait(OPEN_SECONDS)
        live, cache = self._made_for(old.run)
        with self._lock:
            self._renewed[old.run] = (live, cache)
        try:
            self._open(live)
            live.expect(self._medians(live.own()))
        except NotReachable as error:
            log.warning("run %s lacks events that the tail has missed: %s", old.run, error)
            self._torn = True
        finally:
            with self._lock:
                del self._renewed[old.run]
                if live.opened and self._lives.get(old.run) is old:
                    live.used = old.used
                    self._lives[old.run], self._series[old.run] = live, cache
                    self._publisher.forget(live.name)
                    self._call(self._follow, live)

    def _follow(self, live: LiveRun) -> None:
        channel = self._channels.get(live.name)
        if channel is not None:
            channel.follow(live)

    def _call(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Have something called on the event loop."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _sweep(self, lives: list[LiveRun]) -> None:
        """Forget runs that nobody looks at any more."""
        now = time.monotonic()
        free = (live for live in lives if live.ready.is_set() and not self._watched(live))
        for number, live in enumerate(sorted(free, key=lambda live: live.used)):
            # One that was opened just now is not watched yet: who opened it would watch what is fed no more.
            many = len(lives) - number > MOST_LIVES and live.used < now - OPEN_SECONDS
            if live.used < now - KEPT_SECONDS or many:
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
        self._call(self._channels.pop, name, None)
