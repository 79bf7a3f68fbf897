"""A replay that is sent: broken off anywhere and gone on with, whole or a part, its times moved or kept."""

from __future__ import annotations

import random
import re
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiving import Speaker, store_events, whole
from runreel import codec, ids
from runreel import events as ev
from runreel.errors import SettingError
from runreel.events import Event
from runreel.state import fold, fold_streams
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.reader import Reader
from runreel_consumers.replay import Renewal
from runreel_consumers.replaying import Replay
from runreel_consumers.sent import Sent
from runreel_consumers.store import DirectoryStore
from runs import random_run

MAX = float("inf")
SECOND = 1_000_000


class Outbox:
    """Keeps what is sent, and has the replay stop after some.

    Args:
        stop: set after `most` events.
    """

    def __init__(self, stop: threading.Event | None = None, most: int = 0) -> None:
        self.events: list[Event] = []
        self._stop, self._most = stop, most

    def send(self, topic: str, value: bytes, **_: Any) -> None:
        self.events.append(codec.decode(value))
        if self._stop is not None and len(self.events) >= self._most:
            self._stop.set()

    def flush(self, deadline: object) -> None:
        pass


def stored(folder: Path, events: list[Event]) -> Reader:
    store_events(DirectoryStore(folder), events, each=9)
    return Reader(DirectoryStore(folder))


def replayed(reader: Reader, run: str, new: str, sent: Sent | None = None, **how: Any) -> list[Event]:
    """What one replay sends."""
    outbox, keep, most = Outbox(), how.pop("keep", False), how.pop("most", 0)
    stop = threading.Event()
    if most:
        outbox = Outbox(stop, most)
    told = Replay(reader, run, **{"speed": MAX, "stop": stop, **how})
    count = told.send(outbox, "topic", new, keep=keep, sent=sent)  # type: ignore[arg-type]
    assert count == len(outbox.events)
    return outbox.events


def there(events: list[Event]) -> Sent:
    found = Sent({})
    for event in events:
        found.take(event)
    return found


@pytest.mark.parametrize("part", [{}, {"start": "0.02"}, {"start": "0.02", "until": "-0.01"}, {"until": "0.03"}])
@pytest.mark.parametrize("most", [1, 2, 17])
def test_one_that_broke_off_goes_on_exactly(tmp_path: Path, part: dict[str, str], most: int) -> None:
    """With the same events that one sends which is left in peace, each once."""
    speaker, new = Speaker(), ids.new_run()
    events = whole(speaker, 60)
    del events[30:33]
    reader = stored(tmp_path, events)
    entire = replayed(reader, speaker.run, new, **part)
    first = replayed(reader, speaker.run, new, most=most, **part)
    assert first == entire[:most]
    how = part if most == 1 else {}  # what is there tells how it was begun, once its run.started is
    rest = replayed(reader, speaker.run, new, there(first), **how)
    assert [*first, *rest] == entire
    assert replayed(reader, speaker.run, new, there(entire)) == []


def test_a_part_is_the_run_from_there_on(tmp_path: Path) -> None:
    speaker, new = Speaker(), ids.new_run()
    reader = stored(tmp_path, whole(speaker, 60))
    told = replayed(reader, speaker.run, new, start="0.03")
    view, entire = fold(told).view(), fold(list(reader.events(speaker.run))).view()
    assert (view["missing"], view["losses"]) == ([], {})
    assert (view["state"], view["params"], view["finished"] is not None) == ("SUCCEEDED", entire["params"], True)
    assert 0 < len([event for event in told if event.type in ev.STREAMS]) < 40


def test_times_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    speaker, new = Speaker(), ids.new_run()
    events = whole(speaker)
    reader = stored(tmp_path, events)
    kept = replayed(reader, speaker.run, new, keep=True)
    assert [event.time for event in kept] == [event.time for event in events]
    assert "shift" not in codec.payload(kept[1]).origin
    moved = replayed(reader, speaker.run, ids.new_run())
    assert len({new.time - old.time for new, old in zip(moved, events, strict=True)}) == 1


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0, MAX])
def test_no_event_is_of_the_future_when_it_is_sent(tmp_path: Path, speed: float) -> None:
    speaker, new = Speaker(), ids.new_run()
    reader = stored(tmp_path, whole(speaker))
    late: list[int] = []

    class Watching(Outbox):
        def send(self, topic: str, value: bytes, **_: Any) -> None:
            late.append(time.time_ns() // 1000 - codec.decode(value).time)

    Replay(reader, speaker.run, speed=speed).send(Watching(), "topic", new)  # type: ignore[arg-type]
    assert min(late) >= -1000  # an id tells milliseconds


def test_what_is_there_must_be_a_replay_of_this_run(tmp_path: Path) -> None:
    speaker, other = Speaker(), Speaker()
    reader = stored(tmp_path, [*whole(speaker), *whole(other)])
    foreign = there(replayed(reader, other.run, ids.new_run()))
    with pytest.raises(SettingError, match="no replay of"):
        replayed(reader, speaker.run, ids.new_run(), foreign)


# -- that it is the same run


def seqs(events: list[Event]) -> dict[str, Intervals]:
    said: dict[str, Intervals] = {}
    for event in events:
        if event.session is not None and event.seq is not None:
            add(said.setdefault(event.session, []), event.seq)
    return said


def again(events: list[Event], new: str, shift: int) -> list[Event]:
    """The whole run under a new id."""
    renewal = Renewal(new, events[0].run, shift=shift)
    told = [renewal.renew(event) for event in events]
    return [*told, *renewal.losses(seqs(events))]


def meaning(events: list[Event], names: dict[str, str], shift: int) -> Any:
    """What a run's events fold to, with the origin's own ids and times, and without the origin tag.

    Args:
        events: the run's.
        names: how the origin calls the sessions and the run that are spoken of here.
        shift: what was added to times.
    """
    view = fold(events).view(tally=fold_streams(events))
    text = msgspec.json.encode({**view, "origin": None}).decode()
    for here, in_origin in names.items():
        text = text.replace(here, in_origin)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", lambda found: codec.iso(codec.parse_time(found[0]) - shift), text)
    found = msgspec.json.decode(text)
    for listed in ("missing", "conflicts"):  # their order is that of the sessions' ids
        found[listed].sort(key=msgspec.json.encode)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), shift=st.sampled_from((0, -3 * SECOND, 86_400 * SECOND)))
def test_a_replay_of_a_replay_is_the_run_that_was_replayed(seed: int, shift: int) -> None:
    """But for ids, times, origin, and that gaps are told as losses once. Of two words of one time, who wins follows
    from the sessions' ids: here no two are."""
    events = [event for event in random_run(random.Random(seed)) if event.type != ev.HEARTBEAT]
    events = [msgspec.structs.replace(event, time=event.time + n) for n, event in enumerate(events)]
    run, first, second = events[0].run, *(f"01935f3c-a7e2-7c31-9d1e-{n:06d}{seed:06d}" for n in (1, 2))
    once = again(events, first, shift)
    twice = again(once, second, shift)
    of_run, of_once = Renewal(first, run), Renewal(second, first)
    back = {**{of_run.session(name): name for name in seqs(events)}, first: run}
    twice_back = {**{of_once.session(name): back.get(name, name) for name in seqs(once)}, second: run}
    one, two = meaning(once, back, shift), meaning(twice, twice_back, 2 * shift)
    assert one == two
    zero = meaning(events, {}, 0)
    assert {**zero, "losses": None} == {**one, "losses": None, "events": zero["events"], "sessions": zero["sessions"]}
