"""Events for tests: voices that speak as sessions do, and random runs of many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

import msgspec

from runreel import events as ev
from runreel.codec import encode_data
from runreel.events import Event
from runreel.state import RunState, fold

RUN = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"
START = 1_795_338_000_000_000
"""2026-11-22T09:00:00Z, in microseconds since 1970."""

SECOND = 1_000_000
STATES: Sequence[ev.State] = ("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED")


TRAIN = "e" * 16
"""The execution of `speaking`'s step."""


class Clock:
    """A clock that moves when it is told to, in microseconds since 1970."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)


class Voice:
    """One session: counts its seqs and makes its events, which stay in `events`.

    Args:
        session: its id.
        clock: shared by the voices of a run; `skew` microseconds are added to what this one reads there.
        run: the run's id.
        workspace: the run's workspace.
    """

    def __init__(
        self, session: str, clock: Clock, *, run: str = RUN, workspace: str = "default", skew: int = 0
    ) -> None:
        self.session, self.clock, self.run, self.workspace, self.skew = session, clock, run, workspace, skew
        self.events: list[Event] = []
        self._seq = count()
        self._heartbeats = count()

    @property
    def last(self) -> int:
        """The last seq said, -1 where none was."""
        return max((event.seq for event in self.events if event.seq is not None), default=-1)

    def say(
        self,
        kind: str,
        data: msgspec.Struct | dict[str, Any],
        *,
        subject: str | None = None,
        execution: str | None = None,
        final: bool = False,
        time: int | None = None,
        passes: float = 0.001,
    ) -> Event:
        """Say one event, after `passes` seconds; `time` where it is not the clock's."""
        self.clock.pass_(passes)
        seq = None if kind == ev.HEARTBEAT else next(self._seq)
        event = Event(
            type=kind,
            run=self.run,
            time=self.clock.now + self.skew if time is None else time,
            id=f"{self.session}-{seq}" if seq is not None else f"{self.session}-h{next(self._heartbeats)}",
            source=f"/{self.workspace}/test",
            workspace=self.workspace,
            session=self.session,
            seq=seq,
            subject=subject,
            execution=execution,
            final=final,
            data=encode_data(data),
        )
        self.events.append(event)
        return event

    def open(self, role: ev.Role = "owner", **fields: Any) -> Event:
        """Say `session.opened`."""
        return self.say(ev.SESSION_OPENED, ev.SessionOpened(role=role, host="host", pid=7, sdk="test", **fields))

    def close(self, how: str = "clean") -> Event:
        """Say `session.closed`."""
        return self.say(ev.SESSION_CLOSED, {"last": self.last + 1, "how": how})

    def start(self, path: str, execution: str, **fields: Any) -> Event:
        """Say `step.started`."""
        return self.say(ev.STEP_STARTED, ev.StepStarted(**fields), subject=path, execution=execution)

    def finish(self, path: str, execution: str, state: ev.State = "SUCCEEDED", **fields: Any) -> Event:
        """Say `step.finished`."""
        return self.say(ev.STEP_FINISHED, ev.StepFinished(state=state, **fields), subject=path, execution=execution)

    def output(self, path: str | None, execution: str | None, name: str, key: str, **fields: Any) -> Event:
        """Declare an output."""
        return self.say(ev.ARTIFACT, ev.Artifact(name=name, id=key, **fields), subject=path, execution=execution)

    def input(self, path: str | None, execution: str | None, **fields: Any) -> Event:
        """Name an input."""
        return self.say(ev.ARTIFACT, ev.Artifact(role="input", **fields), subject=path, execution=execution)

    def beat(self, interval: float = 5.0, spool: int = 0, **uploads: int) -> Event:
        """Give a sign of life, with the artifacts that are under way."""
        return self.say(ev.HEARTBEAT, ev.Heartbeat(interval=interval, said=self.last, spool=spool, uploads=uploads))


def speaking() -> Voice:
    """A voice that has opened its session, begun its run and its step `train`."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("train", TRAIN)
    return voice


def lines(voice: Voice, *texts: str, level: str = "INFO", step: str | None = "train", **fields: Any) -> Event:
    """An event of log lines a microsecond apart."""
    voice.clock.pass_(0.001)
    times = [voice.clock.now + number for number in range(len(texts))]
    said = ev.Logs(time=times, level=[level] * len(texts), text=list(texts), **fields)
    return voice.say(ev.LOGS, said, subject=step, execution=TRAIN if step else None, time=times[-1], passes=1)


def told(*voices: Voice, until: int | None = None) -> RunState:
    """The state of what these voices have said."""
    return fold([event for voice in voices for event in voice.events], until)


def shuffled(random: Random, events: Sequence[Event]) -> list[Event]:
    """The events in another order, some of them more than once."""
    again = [event for event in events if random.random() < 0.3]
    mixed = [*events, *again]
    random.shuffle(mixed)
    return mixed


def random_run(random: Random, *, run: str = RUN, sessions: int = 4, steps: int = 6, rows: int = 5) -> list[Event]:
    """A run as it might be: its events in the order in which they are said.

    Sessions own, join, serve or speak once; steps nest, are tried again, joined, left open; streams have NaN and
    nulls; clocks are off; events are lost; services store artifacts, tell offsets, end the run.

    Args:
        random: where chance comes from; the same one gives the same run.
        run: the run's id.
        sessions: how many processes take part, at most.
        steps: how many steps each of them makes, at most.
        rows: how many rows an event of columns holds, at most.
    """
    return _Story(random, run, sessions, steps, rows).events()


class _Story:
    def __init__(self, random: Random, run: str, sessions: int, steps: int, rows: int) -> None:
        self.random, self.run, self.steps, self.rows = random, run, steps, rows
        self.clock = Clock()
        self.names = count()
        self.artifacts: list[tuple[str, str, str]] = []
        self.executions: list[tuple[str, str]] = []
        self.open: dict[Voice, list[tuple[str, str]]] = {}
        self.voices = [self.voice() for _ in range(random.randint(1, sessions))]
        self.all = list(self.voices)

    def voice(self) -> Voice:
        skew = self.random.choice((0, 0, 0, -7 * SECOND, 90 * SECOND))
        return Voice(f"{next(self.names):032x}", self.clock, run=self.run, skew=skew)

    def once(self, *args: Any, **keywords: Any) -> None:
        """A one-shot session's one event."""
        voice = self.voice()
        self.all.append(voice)
        voice.say(*args, **keywords, final=self.random.random() < 0.9)

    def events(self) -> list[Event]:
        random = self.random
        owned = random.random() < 0.7
        for number, voice in enumerate(self.voices):
            self.open[voice] = []
            voice.open("owner" if owned and number == 0 else "member")
        first = self.voices[0]
        environment = {"host": "h", "python": "3.11", "packages": {"b": "2", "a": "1"}}
        first.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p", experiment="e", environment=environment))
        if random.random() < 0.5:
            graph = {"a": {}, "b": {"parents": ["a"], "total": 3}, "never": {"parents": ["b"]}}
            first.say(ev.GRAPH, {"steps": graph, "expected": random.random() < 0.5})
        if random.random() < 0.5:
            self.once(ev.GRAPH, {"steps": {"b": {}, "passed over": {"parents": ["b"]}}, "expected": True})
        for _ in range(len(self.voices) * random.randint(1, self.steps) * 3):
            self.act(random.choice(self.voices))
        for voice in self.voices:
            self.leave(voice)
        if random.random() < 0.5:
            self.once(ev.RUN_FINISHED, ev.RunFinished(state=random.choice(STATES)))
        said = [event for voice in self.all for event in voice.events]
        said.sort(key=lambda event: (event.time, event.session or "", event.seq or 0))
        lost = random.random() < 0.3
        return [event for event in said if not (lost and random.random() < 0.1)] or said

    def act(self, voice: Voice) -> None:
        random = self.random
        self.clock.pass_(random.choice((0, 0.0005, 0.2, 3)))
        doings = (self.begin, self.begin, self.end, self.stream, self.stream, self.stream)
        random.choice((*doings, self.make, self.use, self.tell, self.serve, self.join))(voice)

    def leave(self, voice: Voice) -> None:
        random = self.random
        while self.open[voice] and random.random() < 0.8:
            self.end(voice)
        if random.random() < 0.6:
            state = random.choice(STATES)
            error = ev.Error(type="ValueError", message="no") if state == "FAILED" else None
            voice.say(ev.RUN_FINISHED, ev.RunFinished(state=state, error=error))
        if random.random() < 0.8:
            voice.close(random.choice(("clean", "recovered", "killed")))

    def begin(self, voice: Voice) -> None:
        random = self.random
        parents = [path for path, _ in self.open[voice]]
        path = random.choice("abcde")
        if parents and random.random() < 0.4:
            path = f"{random.choice(parents)}/{path}"
        execution = f"{next(self.names):016x}"
        after = random.choice((None, None, [], ["a"]))
        voice.start(path, execution, parents=after, total=random.choice((None, 4)), unit=random.choice((None, "row")))
        self.open[voice].append((path, execution))
        self.executions.append((path, execution))

    def end(self, voice: Voice) -> None:
        if self.open[voice]:
            path, execution = self.open[voice].pop(self.random.randrange(len(self.open[voice])))
            voice.finish(path, execution, self.random.choice(STATES))

    def join(self, voice: Voice) -> None:
        if self.executions:
            path, execution = self.random.choice(self.executions)
            voice.start(path, execution)
            if self.random.random() < 0.5:
                voice.finish(path, execution, self.random.choice(STATES))

    def place(self, voice: Voice) -> dict[str, Any]:
        if not self.executions or self.random.random() < 0.1:
            return {}
        path, execution = self.random.choice(self.open[voice] or self.executions)
        return {"subject": path, "execution": execution}

    def times(self) -> Iterator[int]:
        for _ in range(self.random.randint(0, self.rows)):
            self.clock.pass_(self.random.choice((0, 0.001, 0.5)))
            yield self.clock.now

    def stream(self, voice: Voice) -> None:
        random, time = self.random, [when + voice.skew for when in self.times()]
        place, kind = self.place(voice), random.choice((ev.METRICS, ev.LOGS, ev.PROGRESS))
        values = (1, 0.5, -0.0, 0, 1.0, -3.25, 2**70, "NaN", "Infinity", None)
        data: msgspec.Struct
        if kind == ev.METRICS:
            value = [random.choice(values) for _ in time]
            data = ev.Metrics(name=random.choice(("loss", "acc")), time=time, value=value)
        elif kind == ev.LOGS:
            level = [random.choice(("INFO", "error", "WARN", "odd")) for _ in time]
            text = [random.choice(("line", "", "zeile \u00e4 \U0001f600")) for _ in time]
            data = ev.Logs(time=time, level=level, text=text, more=bool(time) and random.random() < 0.2)
        else:
            total = random.choice((None, 9.0))
            data = ev.Progress(time=time, done=[float(i) for i, _ in enumerate(time)], total=total, message="m")
        voice.say(kind, data, **place, time=time[-1] if time else None, passes=0)

    def make(self, voice: Voice) -> None:
        place, name = self.place(voice), self.random.choice(("data", "model"))
        key = f"{next(self.names):032x}"
        way = self.random.choice(("chunks", "claim", "reference"))
        voice.output(place.get("subject"), place.get("execution"), name, key, by=way, uri=f"file:///{key}", size=3)
        self.artifacts.append((place.get("subject", ""), name, key))

    def use(self, voice: Voice) -> None:
        random, place = self.random, self.place(voice)
        path, name, key = random.choice(self.artifacts) if self.artifacts else ("z", "later", "0" * 32)
        by = random.choice(
            (
                {"id": key},
                {"uri": f"content/{key}"},
                {"step": path, "name": name},
                {"uri": f"file:///{key}"},
                {"name": name},
            )
        )
        voice.input(place.get("subject"), place.get("execution"), **by)

    def tell(self, voice: Voice) -> None:
        random = self.random
        what = random.choice((ev.PARAMS, ev.TAGS, ev.LOSS, ev.HEARTBEAT, ev.VIEW_REQUESTED, "other.type", "bad"))
        if what in (ev.PARAMS, ev.TAGS):
            value: Any = random.choice((1, 2**70, "x", [1, {"b": 1, "a": None}]))
            voice.say(what, {random.choice("kl"): value}, **self.place(voice))
        elif what == ev.LOSS:
            voice.say(what, {random.choice(("spool full", "refused")): random.randint(1, 9)})
        elif what == ev.HEARTBEAT:
            voice.beat()
        elif what == ev.VIEW_REQUESTED:
            voice.say(what, ev.ViewRequested(view=random.choice("vw"), artifacts=["x"]))
        elif what == "bad":
            voice.say(ev.STEP_STARTED, {"parents": 7}, subject="a")
        else:
            voice.say(what, {"anything": [1, 2.5]})

    def serve(self, voice: Voice) -> None:
        random = self.random
        if self.artifacts and random.random() < 0.4:
            key = random.choice(self.artifacts)[2]
            outcome = random.choice(
                ({"sha256": "00", "uri": f"content/{key}"}, {"failed": "sha256 differs"}, {"incomplete": True})
            )
            self.once(ev.ARTIFACT_STORED, {"id": key, **outcome})
        elif random.random() < 0.5:
            offset = random.choice((-90 * SECOND, 7 * SECOND, 0))
            self.once(ev.SESSION_OFFSET, ev.SessionOffset(session=voice.session, offset=offset))
        elif random.random() < 0.5:
            self.once(ev.CONFLICT, ev.Conflict(session=voice.session, seq=1, hashes=[random.choice("ab"), "c"]))
        else:
            self.once(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
