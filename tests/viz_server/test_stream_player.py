"""The pace of a play, by a clock that goes as the test wants."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from itertools import count, pairwise
from typing import Any

from runreel_server.stream import Head, Player, Turn
from runreel_server.stream.frames import delta

SECOND = 1_000_000
START = 1_795_338_000_050_000


class Instant(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while it has nothing to do, and then at once."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.now


class _Skipping(selectors.SelectSelector):
    def __init__(self, loop: Instant) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now += timeout
        return super().select(0 if timeout is not None else None)


class Here(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Run:
    """A run of so many seconds that changes all the time; notes what was asked, and when."""

    def __init__(self, seconds: float, *, silent: bool = False, then: str = "end") -> None:
        self.end, self.silent, self._then = START + round(seconds * SECOND), silent, then
        self.asked: list[tuple[float, int]] = []

    def begin(self) -> Turn:
        return self._turn(START)

    def turn(self, head: Head, position: str, until: int | None) -> Turn:
        assert until is None or until > head.time
        until = min(self.end, head.time + SECOND if until is None else until)
        self.asked.append((asyncio.get_running_loop().time() - 1_000.0, until))
        return self._turn(until)

    def _turn(self, until: int) -> Turn:
        frame = None if self.silent and until > START else delta("run:a", "", f"play:{until}", {"patch": {}})
        then: Any = "on" if until < self.end else self._then
        return Turn(frame, Head(until, ""), f"play:{until}", then)


def playing(run: Run, speed: float | None, test: Callable[[Player], Awaitable[None]]) -> None:
    """Run a test of a player in a loop of its own."""

    async def work() -> None:
        player = Player("run:a", run.begin, run.turn, speed, Here())
        await test(player)
        player.close()

    with asyncio.Runner(loop_factory=Instant) as runner:
        runner.run(work())


async def all_of(player: Player) -> list[bytes]:
    """What it sends until it is over."""
    found = []
    while (piece := await player.next()) is not None:
        found.append(piece)
    return found


def test_a_play_keeps_its_pace_in_ten_frames_a_second_that_end_on_a_grid() -> None:
    run = Run(60.0)

    async def test(player: Player) -> None:
        frames = await all_of(player)
        assert len(frames) == 1 + len(run.asked)
        assert b'"end"' in player.farewell

    playing(run, 20.0, test)
    times, moments = zip(*run.asked, strict=True)
    assert 3.0 <= times[-1] <= 3.2
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(times))
    assert all(moment % (2 * SECOND) == 0 for moment in moments[:-1])
    assert moments[-1] == run.end
    for when, moment in run.asked:
        assert 0.0 <= START + when * 20 * SECOND - moment <= 2.1 * SECOND or moment == run.end


def test_a_slow_play_says_by_pings_how_far_it_is() -> None:
    run = Run(4.0, silent=True)

    async def test(player: Player) -> None:
        first, *pings = await all_of(player)
        assert first.startswith(b"event: delta")
        data = [json.loads(ping.split(b"data: ")[1]) for ping in pings]
        assert [one["position"] for one in data] == [f"play:{START}"] * 6 or len(data) in (6, 7)
        assert [one["at"] for one in data] == sorted({one["at"] for one in data})

    playing(run, 0.5, test)


def test_a_client_that_reads_slowly_gets_fewer_frames_at_the_same_pace() -> None:
    run = Run(60.0)

    async def test(player: Player) -> None:
        while await player.next() is not None:
            await asyncio.sleep(1.0)

    playing(run, 20.0, test)
    assert len(run.asked) <= 4
    assert run.asked[-1][0] <= 4.2


def test_without_a_pace_a_frame_follows_the_other_ten_a_second() -> None:
    run = Run(30.0)

    async def test(player: Player) -> None:
        assert len(await all_of(player)) == 31

    playing(run, None, test)
    assert 2.9 <= run.asked[-1][0] <= 3.1


def test_a_play_that_catches_up_says_so_and_no_good_bye() -> None:
    async def test(player: Player) -> None:
        await all_of(player)
        assert player.caught_up
        assert player.farewell == b""

    playing(Run(3.0, then="live"), 10.0, test)


def test_a_play_ends_when_it_is_told_to() -> None:
    async def test(player: Player) -> None:
        assert await player.next() is not None
        asyncio.get_running_loop().call_later(0.5, player.end)
        assert len(await all_of(player)) <= 6
        assert not player.caught_up
        assert player.farewell == b""

    playing(Run(600.0), 1.0, test)


def test_a_frame_that_costs_much_is_followed_by_a_pause(monkeypatch: Any) -> None:
    """So that no play takes a core for itself."""
    clock = count()
    monkeypatch.setattr("runreel_server.stream.player.perf_counter", lambda: next(clock) * 0.5)
    run = Run(60.0)

    async def test(player: Player) -> None:
        await all_of(player)

    playing(run, 20.0, test)
    times = [when for when, _ in run.asked]
    assert all(later - earlier >= 1.99 for earlier, later in pairwise(times))
