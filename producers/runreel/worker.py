"""The one background thread of a process: spools -> transport."""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from runreel.deadline import Deadline
from runreel.errors import RunreelError
from runreel.settings import Settings
from runreel.spool.recovery import adopt, dead
from runreel.spool.shipper import Shipper
from runreel.transports.base import Answer, Broken, Transport
from runreel.transports.choice import choose
from runreel.uploads import Uploader

TICK: Final = 0.02
"""Seconds between two looks at the slots. Writers wake nobody: waking takes a lock."""

_QUIET_TICK: Final = 0.05
_QUIET: Final = 2.0
_LINGER: Final = 0.04  # a round waits so long for company
_ROUNDS: Final = 2
_LEAST_BACKOFF: Final = 0.1
_MOST_BACKOFF: Final = 5.0
_IDLE: Final = 5.0
_HOLE: Final = 0.5  # seconds that a flush waits for a slot whose writer was interrupted
_LOOK: Final = 5.0  # seconds between two looks at what ended processes left
_ADOPTED: Final = 8  # spools of ended processes that are shipped at the same time
_REASONS: Final = 5  # different reasons for sending again that are told, once each
_PATIENCE: Final = 2.0  # seconds without an answer until it is said

_log = logging.getLogger("runreel")
_warned = False


class Flush:
    """Somebody waits until all slots up to `slot` are acknowledged."""

    def __init__(self, shipper: Shipper, slot: int) -> None:
        self.shipper, self.slot = shipper, slot
        self.done = False
        self._lock = _thread.allocate_lock()  # of its own, so that a signal handler may wait too
        self._lock.acquire()
        self._began = time.monotonic()
        self._target: tuple[str, int] | None = None

    def wait(self, timeout: float) -> bool:
        """Whether it came to be within `timeout` seconds."""
        if not self.done:
            self._lock.acquire(timeout=min(timeout, _thread.TIMEOUT_MAX))
        return self.done

    def look(self, shippers: list[Shipper]) -> bool:
        """Whether it has come to be. For the worker."""
        shipper = self.shipper
        if self._target is None:
            late = time.monotonic() - self._began > _HOLE
            holes = not late and any(slot <= self.slot for slot in shipper.reader.pending)
            if not shipper.passed(self.slot) or (holes and not shipper.closed):
                return False
            self._target = (shipper.session, shipper.ledger.mark.next - 1)
        session, seq = self._target
        if not (shipper.delivered or shipper.ledger.acked.get(session, -1) >= seq) or shipper.uploads_left():
            return False
        if any(not one.live and one.folder.meta.parent == session for one in shippers):
            return False  # what its ended children left
        self.done = True
        self._lock.release()
        return True


class Worker:
    """Ships all spools of a process through one transport.

    Its thread is a daemon and starts at the first word; where none can be started (interpreter exit), `pump` works.

    Args:
        settings: the settings in force.
        transport: the way out.
        recover: take spools that ended processes left, now and then.
    """

    def __init__(self, settings: Settings, transport: Transport, *, recover: bool = True) -> None:
        self.settings, self.transport = settings, transport
        self.shippers: list[Shipper] = []
        self._joining: deque[Shipper] = deque()
        self._flushes: deque[Flush] = deque()
        self._waiting: list[Flush] = []
        self._routes: dict[str, Shipper] = {}
        self._thread: dict[None, object] = {}
        self._recover = recover
        self._looked = float("-inf")
        self._active = self._silent = time.monotonic()
        self._backoff, self._paused = _LEAST_BACKOFF, 0.0
        self._told: set[str] = set()
        self._damaged: set[Path] = set()
        self.uploader = Uploader(settings)

    # -- for others

    def add(self, shipper: Shipper) -> None:
        """Ship this one too. Starts no thread."""
        self._joining.append(shipper)

    def start(self) -> bool:
        """Have the thread run. False: none can be started."""
        token = object()
        if self._thread.setdefault(None, token) is not token:
            return True
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._thread.clear()
            return False
        except BaseException:
            self._thread.clear()
            raise
        return True

    def flush(self, shipper: Shipper, slot: int) -> Callable[[float], bool]:
        """Ask for all up to `slot`; the answer waits some seconds and says whether it is acknowledged."""
        flush = Flush(shipper, slot)
        self._flushes.append(flush)
        if self.start():
            return flush.wait
        return lambda timeout: self._pump_quietly(Deadline(timeout), flush)

    def _pump_quietly(self, deadline: Deadline, flush: Flush) -> bool:
        try:
            return self.pump(deadline, lambda: flush.done)
        except Exception as error:
            self._failed(error)
            return False

    def pump(self, deadline: Deadline, until: Callable[[], bool]) -> bool:
        """Do the thread's work in this one, until `until()` or the deadline. Answers `until()`."""
        while not until():
            if deadline.expired:
                return False
            self._turn()
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing is left to ship."""
        return not self.shippers and not self._joining

    def let_go(self) -> None:
        """After `pump`: leave what is not delivered to others."""
        self.shippers += self._joining
        self._joining.clear()
        for shipper in list(self.shippers):
            self._remove(shipper)

    @property
    def hopeless(self) -> bool:
        """Whether waiting is in vain: nobody said where events go, and nothing is there."""
        return not self.transport.configured and self.transport.reachable is False

    # -- the thread

    def _run(self) -> None:
        failures = 0
        while True:
            try:
                self._turn()
                failures = 0
            except Exception as error:
                failures += 1
                if failures == 1:
                    self._failed(error)
                time.sleep(min(_MOST_BACKOFF, _LEAST_BACKOFF * 2 ** min(failures, 10)))
            if self.shippers or self._joining or time.monotonic() - self._active < _IDLE:
                continue
            token = self._thread.pop(None)
            if not self._joining or self._thread.setdefault(None, token) is not token:
                with contextlib.suppress(Exception):
                    self.transport.close(1.0)
                return

    def _failed(self, error: Exception) -> None:
        if isinstance(error, RunreelError):
            _log.warning("runreel: %s; events wait in %s", error, self.settings.spool_dir)
        else:
            _log.warning("runreel: shipping failed and is tried again", exc_info=error)

    def _turn(self) -> None:
        while self._joining:
            self.shippers.append(self._joining.popleft())
        while self._flushes:
            self._waiting.append(self._flushes.popleft())
            self._looked = float("-inf")  # a child that has just ended may have left something
        self._adopt()
        busy = self._seal()
        now = time.monotonic()
        if now >= self._paused:
            try:
                self._send()
                self._hear(self.transport.poll(0.0 if busy else self._tick(now)))
            except Broken as broken:
                self._mend(str(broken))
        else:
            time.sleep(min(TICK, self._paused - now))
        self._complain()
        for shipper in [one for one in self.shippers if one.over]:
            self._remove(shipper)
        self._waiting = [flush for flush in self._waiting if not flush.look(self.shippers)]

    def _remove(self, shipper: Shipper) -> None:
        self.uploader.withdraw(shipper.folder.uploads)
        self.shippers.remove(shipper)
        self._routes = {session: one for session, one in self._routes.items() if one is not shipper}
        shipper.finish()

    def _tick(self, now: float) -> float:
        return TICK if now - self._active < _QUIET or self._waiting else _QUIET_TICK

    def _seal(self) -> bool:
        busy = False
        waited = {id(flush.shipper) for flush in self._waiting}
        for shipper in self.shippers:
            now = time.monotonic()
            shipper.prepare()
            if shipper.uploads_left():
                self.uploader.offer(shipper.folder.uploads, shipper.tell)
            forced = id(shipper) in waited
            if not forced and now - shipper.sealed_at < _LINGER:
                continue
            shipper.sealed_at = now
            for _ in range(_ROUNDS):
                if not shipper.seal(whole=forced):
                    break
                self._active = now
                if shipper.dry:
                    break
            else:
                busy = True
                shipper.sealed_at = float("-inf")
        return busy

    def _send(self) -> None:
        for shipper in self.shippers:
            if shipper.send(self.transport):
                self._routes.update(dict.fromkeys(shipper.sessions, shipper))
            self._beat(shipper)

    def _beat(self, shipper: Shipper) -> None:
        now = time.monotonic()
        interval = self.settings.heartbeat
        over = shipper.closed and not shipper.uploads_left()
        if not shipper.live or over or not interval or self.transport.reachable is not True:
            return
        if now - shipper.beat_at >= interval:
            shipper.beat_at = now
            uploads = self.uploader.under_way(shipper.folder.uploads)
            self.transport.send([shipper.heartbeat(interval, uploads)])

    def _hear(self, answers: list[Answer]) -> None:
        for answer in answers:
            self._active = time.monotonic()
            self._backoff = _LEAST_BACKOFF
            shipper = self._routes.get(answer.session)
            if shipper is not None:
                shipper.answered(answer)

    def _mend(self, reason: str) -> None:
        if reason not in self._told and len(self._told) < _REASONS:
            self._told.add(reason)
            _log.warning("runreel: %s; events wait in %s and are sent again", reason, self.settings.spool_dir)
        self.transport.reset()
        for shipper in self.shippers:
            shipper.ledger.resend()
        self._paused = time.monotonic() + self._backoff
        self._backoff = min(_MOST_BACKOFF, self._backoff * 2)

    def _adopt(self) -> None:
        now = time.monotonic()
        if not self._recover or now - self._looked < _LOOK:
            return
        self._looked = now
        adopted = sum(not shipper.live for shipper in self.shippers)
        for folder in dead(self.settings, unaddressed=False):
            if adopted == _ADOPTED:
                folder.release()
                break
            if folder.path in self._damaged:
                folder.release()
            elif (shipper := adopt(folder)) is None:
                self._damaged.add(folder.path)
            else:
                self.shippers.append(shipper)
                adopted += 1

    def _complain(self) -> None:
        now = time.monotonic()
        if self.transport.reachable is not False or all(shipper.delivered for shipper in self.shippers):
            self._silent = now
        elif now - self._silent > _PATIENCE:
            warn_unreachable(self.transport, self.settings)


def warn_unreachable(transport: Transport, settings: Settings) -> None:
    """Say that nothing answers and what to do; once a process."""
    global _warned
    if not _warned:
        _warned = True
        what = f"{transport.where} does not answer"
        if not transport.configured:
            what = "no RUNREEL_KAFKA or RUNREEL_URL is set and no `runreel up` runs on this machine"
        _log.warning("runreel: %s: events wait in %s; `runreel sync` ships them later", what, settings.spool_dir)


_workers: dict[tuple[Any, ...], Worker] = {}


def worker_of(settings: Settings, transport: Transport | None = None) -> Worker:
    """The worker that all sessions of these settings share in this process; with a transport of its own, a new one."""
    if transport is not None:
        return Worker(settings, transport, recover=False)
    who = (settings.url_login, settings.token)
    where = (settings.kafka, str(settings.kafka_config), settings.url, *who, settings.transport)
    what = (settings.spool_dir, settings.state_dir, settings.topic_events, settings.topic_blobs, settings.heartbeat)
    key = (os.getpid(), *where, *what)
    worker = _workers.get(key)
    return worker or _workers.setdefault(key, Worker(settings, choose(settings)))
