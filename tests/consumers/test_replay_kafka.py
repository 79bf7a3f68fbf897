"""`runreel replay` to a real Kafka: whole, faster than anybody looks, broken off in every way, and of a replay."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from native_stack import Kafka

from archiving import Speaker, store_events
from commands import COMMAND, environ, run, start
from runreel import codec
from runreel import events as ev
from runreel.events import HEARTBEAT, Event
from runreel.ids import derived_session
from runreel.state import fold, fold_streams
from runreel_consumers.store import DirectoryStore
from support import wait_for

SECOND = 1_000_000

#: A shell: its terminal is that of a new session; it runs the command as a job, says when that stops and whether the
#: terminal gives whole lines then, and has it go on after a line.
SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if not child:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(child, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    lines = bool(termios.tcgetattr(0)[3] & termios.ICANON)
    if not os.WIFSTOPPED(status):
        print("ended", os.WEXITSTATUS(status), end=f": lines {lines}\\n", flush=True)
        break
    print("stopped: lines", lines, flush=True)
    input()
    print("continued", flush=True)
    os.tcsetpgrp(0, child)
    os.killpg(child, signal.SIGCONT)
"""


class Origin:
    """A run in a folder's store, and the topic to which it is replayed."""

    def __init__(self, folder: Path, kafka: Kafka, topic: str, events: list[Event]) -> None:
        self.folder, self.kafka, self.topic, self.events = folder, kafka, topic, events
        self.run = events[0].run
        self.settings = {
            "RUNREEL_KAFKA": kafka.address,
            "RUNREEL_STORE": f"dir:{folder / 'store'}",
            "RUNREEL_TOPIC_EVENTS": topic,
        }
        store_events(DirectoryStore(folder / "store"), events, each=20_000)

    def told(self) -> list[Event]:
        """What the topic holds, but for signs of life."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": self.topic, "log_level": 0})
        try:
            place = TopicPartition(self.topic, 0, 0)
            _, high = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            found: list[Any] = []
            while len(found) < high:
                found += consumer.consume(min(10_000, high - len(found)), timeout=10)
        finally:
            consumer.close()
        assert {(one.key(), tuple(one.headers() or ())) for one in found} <= {
            (new.encode(), (("content-type", b"application/cloudevents+json"),)) for new in self.runs(found)
        }
        events = [codec.decode(one.value()) for one in found]
        return [event for event in events if event.type != HEARTBEAT]

    @staticmethod
    def runs(found: list[Any]) -> set[str]:
        """The runs of messages, by their keys."""
        return {one.key().decode() for one in found}

    def count(self) -> int:
        """How many messages the topic holds."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": self.topic, "log_level": 0})
        try:
            return int(consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=10)[1])
        finally:
            consumer.close()

    def replay(self, *options: str, run_: str = "last") -> subprocess.CompletedProcess[bytes]:
        """`runreel replay --to kafka`, to its end."""
        return run(self.folder, "replay", run_, "--to", "kafka", *options, **self.settings)

    def told_once(self, new: str, *, order: bool = True) -> list[Event]:
        """What was told of a replay: each event of the origin once, each session in the order of its seqs."""
        told = [event for event in self.told() if event.run == new]
        sessions = {derived_session(new, event.session or ""): event.session for event in self.events}
        keys = Counter((sessions[event.session or ""], event.seq) for event in told)
        assert keys == Counter((event.session, event.seq) for event in self.events)
        if order:
            for session in sessions:
                seqs = [event.seq for event in told if event.session == session]
                assert seqs == sorted(seq for seq in seqs if seq is not None)
        return told


@pytest.fixture
def origin(tmp_path: Path, kafka: Kafka, topic: str) -> Callable[[list[Event]], Origin]:
    """Makes one."""
    return lambda events: Origin(tmp_path, kafka, topic, events)


def story(count: int, apart: int = 1000) -> list[Event]:
    """A run of two processes: structure, points, lines, an artifact; `apart` microseconds between two words."""
    owner = Speaker()
    member = Speaker(owner.run, start=owner.time + 500)
    said = [
        owner.say(ev.SESSION_OPENED, ev.SessionOpened(role="owner")),
        owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p")),
        member.say(ev.SESSION_OPENED, ev.SessionOpened(role="member", parent=owner.session)),
        owner.say(ev.STEP_STARTED, ev.StepStarted(total=3), "train", "x-train"),
    ]
    for number in range(count):
        owner.time += apart - 1000
        member.time = owner.time + 500
        said.append([owner.points, member.points][number % 2]("loss", [number / 3]))
        if number % 7 == 0:
            said.append(member.lines(f"line {number}"))
    said += [
        owner.say(ev.ARTIFACT, ev.Artifact(name="m", id="a1", uri="file:///m"), "train", "x-train"),
        owner.say(ev.STEP_FINISHED, ev.StepFinished(state="SUCCEEDED"), "train", "x-train"),
        member.say(ev.SESSION_CLOSED, ev.SessionClosed(last=member.seq)),
        owner.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED")),
        owner.say(ev.SESSION_CLOSED, ev.SessionClosed(last=owner.seq)),
    ]
    return said


def meaning(events: list[Event]) -> dict[str, Any]:
    """What a run's events fold to, but for ids, times and origin."""
    state = fold(events)
    view = state.view(tally=fold_streams(events))
    order = sorted(view["sessions"], key=lambda sid: str(view["sessions"][sid]["opened"] or sid))
    names = {sid: f"session {number}" for number, sid in enumerate(order)}
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", codec._encoder.encode({**view, "origin": None}).decode())
    for sid, name in names.items():
        text = text.replace(sid, name)
    found: dict[str, Any] = codec._any_decoder.decode(text.replace(events[0].run, "RUN").encode())
    return found


def test_a_replay_of_a_replay_is_the_same_run(origin: Callable[[list[Event]], Origin], tmp_path: Path) -> None:
    there = origin(story(300))
    first = there.replay("--speed", "max").stdout.decode().split()[-1]
    once = there.told_once(first)
    assert once[0].time != there.events[0].time
    store_events(DirectoryStore(tmp_path / "store"), once, first=len(there.events))
    done = there.replay("--speed", "max", "--times", "kept", run_=first[-8:])
    assert done.returncode == 0, done.stderr
    second = done.stdout.decode().split()[-1]
    twice = [event for event in there.told() if event.run == second]
    assert [event.time for event in twice] == [event.time for event in once]
    assert meaning(there.events) == meaning(once) == meaning(twice)
    origins = [fold(events).view()["origin"] for events in (once, twice)]
    assert origins[0]["run"] == there.run
    assert (origins[1]["run"], origins[1]["first"]) == (first, there.run)


@pytest.mark.slow
def test_one_that_is_killed_goes_on_where_it_was(origin: Callable[[list[Event]], Origin]) -> None:
    """Twice: no event is sent twice, none is missing, and what is told is what one that was left in peace tells."""
    there = origin(story(60_000))
    began = start(there.folder, "replay", "last", "--to", "kafka", "--speed", "max", **there.settings)
    wait_for(lambda: there.count() > 2_000, 60, what="some of it to arrive")
    began.send_signal(signal.SIGKILL)
    _, said = began.communicate(timeout=30)
    command = re.search(r"go on with: runreel (replay .*)", said.decode())
    assert command is not None, said
    options = command[1].split()
    part = there.count()
    again = start(there.folder, *options, **there.settings)
    wait_for(lambda: there.count() > part + 2_000 or again.poll() is not None, 60, what="more of it to arrive")
    again.send_signal(signal.SIGKILL)
    again.communicate(timeout=30)
    done = run(there.folder, *options, **there.settings)
    assert done.returncode == 0, done.stderr
    new = options[options.index("--as") + 1]
    assert done.stdout.decode().split()[-1] == new
    told = there.told_once(new)
    assert meaning(told) == meaning(there.events)
    assert run(there.folder, *options, **there.settings).stderr.decode().endswith("0 events sent\n")
    assert len(there.told()) == len(told)


def test_after_ctrl_c_it_says_how_to_go_on(origin: Callable[[list[Event]], Origin]) -> None:
    there = origin(story(200, apart=100_000))  # longer than any machine takes to end it
    began = start(there.folder, "replay", there.run, "--to", "kafka", **there.settings)
    wait_for(lambda: there.count() > 6, 60, what="some of it to arrive")
    began.send_signal(signal.SIGINT)
    _, said = began.communicate(timeout=30)
    assert began.returncode == 130
    last = said.decode().splitlines()[-1]
    assert last.startswith("go on with: runreel replay ")
    assert len(there.told()) < len(there.events)
    options = last.removeprefix("go on with: runreel ").split()
    assert run(there.folder, *options, "--speed", "max", **there.settings).returncode == 0
    told = there.told_once(options[options.index("--as") + 1])
    assert meaning(told) == meaning(there.events)
    moved = {
        new.time - old.time for new, old in zip(*(sorted(one, key=_stamp) for one in (told, there.events)), strict=True)
    }
    assert len(moved) == 1


def _stamp(event: Event) -> tuple[int, int]:
    return event.time, event.seq or 0


def test_what_is_no_replay_of_it_is_not_gone_on_with(origin: Callable[[list[Event]], Origin]) -> None:
    there = origin(story(10))
    refused = there.replay("--as", there.run)
    assert refused.returncode == 2
    assert b"is there, and no replay of" in refused.stderr
    new = there.replay("--speed", "max", "--from", "0.005").stdout.decode().split()[-1]
    part = there.replay("--speed", "max", "--as", new, "--from", "0.006")
    assert part.returncode == 2
    assert b"was begun with another --from: leave it out" in part.stderr
    before = there.count()
    assert there.replay("--speed", "max", "--as", new).stderr.endswith(b"0 events sent\n")
    assert there.count() == before


def test_keys_pause_it_and_ctrl_z_leaves_the_terminal_as_it_was(origin: Callable[[list[Event]], Origin]) -> None:
    """In a shell's job, as only there Ctrl-Z stops anything."""
    there = origin(story(300, apart=100_000))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHELL, *COMMAND, "replay", there.run],
        env=environ(there.folder, **there.settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.set_blocking(ours, False)
    shown = bytearray()

    def shows(text: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                shown.extend(os.read(ours, 4096))
        return text in shown

    try:
        wait_for(lambda: shows(b"space pauses"), 60)
        wait_for(lambda: shows(b"loss = 1"), 60)
        os.write(ours, b" ")
        wait_for(lambda: shows(b"paused; space goes on"), 30)
        held = shown.count(b"loss")
        os.write(ours, b" ")
        wait_for(lambda: shows(b"going on"), 30)
        wait_for(lambda: shows(b"") and shown.count(b"loss") > held, 30)
        os.write(ours, b"\x1a")
        wait_for(lambda: shows(b"stopped: lines True"), 30)
        os.write(ours, b"fg\n")
        wait_for(lambda: shows(b"continued"), 30)
        held = shown.count(b"loss")
        wait_for(lambda: shows(b"") and shown.count(b"loss") > held, 30)
        shown.clear()
        os.write(ours, b" ")
        wait_for(lambda: shows(b"paused; space goes on"), 30)
        os.write(ours, b"\x03")
        wait_for(lambda: shows(b"go on with: runreel replay"), 30)
        wait_for(lambda: shows(b"ended 130: lines True"), 30)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
