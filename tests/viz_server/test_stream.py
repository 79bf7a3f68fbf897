"""The stream: frames encoded once, resumed where a client was, replaced by a snapshot where that cannot be."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runreel_server.feed import LiveRuns
from runreel_server.stream import Channel, Frame, Watcher, bye, read_token, token
from runreel_server.stream import channel as channel_module
from runreel_server.stream import watcher as watcher_module
from runreel_server.stream.frames import delta, snapshot


class Numbers:
    """A source that counts; each step is a frame."""

    def __init__(self, name: str = "run:a", number: int = 0) -> None:
        self.name, self.number = name, number
        self.taken = 0
        self._made: list[Frame] = []

    @property
    def position(self) -> str:
        return f"t:0:{self.number:03d}"

    def step(self) -> None:
        start = self.position
        self.number += 1
        self._made.append(delta(self.name, start, self.position, {"patch": {"n": self.number}}))

    def take(self) -> Frame:
        self.taken += 1
        return snapshot(self.name, self.position, {"n": self.number})

    def drain(self) -> list[Frame]:
        made, self._made = self._made, []
        return made


def read(raw: bytes) -> list[tuple[str, dict[str, Any], str | None]]:
    """The events in a piece of a stream, as a browser reads them: name, data, id."""
    found = []
    for block in raw.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
        if fields:
            found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


PING_SECONDS = watcher_module.PING_SECONDS


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ping comes before what a test waits for, however busy the machine is."""
    monkeypatch.setattr(watcher_module, "PING_SECONDS", 30.0)


@pytest.fixture
def pinged(quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings come as they do."""
    monkeypatch.setattr(watcher_module, "PING_SECONDS", PING_SECONDS)


def running(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, a minute at most."""
    asyncio.run(asyncio.wait_for(test(), 60))


async def told(client: Watcher, count: int = 1) -> list[tuple[str, dict[str, Any], str | None]]:
    """The next frames that a client gets, pings aside."""
    found: list[tuple[str, dict[str, Any], str | None]] = []
    while len(found) < count:
        found += [frame for frame in read(await client.next()) if frame[0] != "ping"]
    return found


def watch(*channels: Channel, after: str = "", ahead: frozenset[str] = frozenset()) -> Watcher:
    made = Watcher([channel.name for channel in channels], read_token(after))
    for channel in channels:
        made.add(channel, ahead=channel.name in ahead)
    return made


def test_a_new_client_gets_a_snapshot_then_deltas_that_go_on_from_it() -> None:
    async def test() -> None:
        source = Numbers(number=5)
        channel = Channel(source)
        client = watch(channel)
        ((name, data, _),) = read(await client.next())
        assert (name, data["state"], data["position"]) == ("snapshot", {"n": 5}, "t:0:005")
        source.step()
        channel.pull()
        ((name, data, token_now),) = read(await client.next())
        assert (name, data["from"], data["position"]) == ("delta", "t:0:005", "t:0:006")
        assert read_token(token_now or "") == {"run:a": "t:0:006"}

    running(test)


def test_a_client_that_comes_back_goes_on_where_it_was() -> None:
    async def test() -> None:
        source = Numbers()
        channel = Channel(source)
        for _ in range(3):
            source.step()
        channel.pull()
        client = watch(channel, after=token({"run:a": "t:0:001"}))
        assert [data["position"] for _, data, _ in read(await client.next())] == ["t:0:002", "t:0:003"]
        assert source.taken == 0

    running(test)


def test_who_goes_on_where_nothing_has_happened_is_told_so_at_once() -> None:
    async def test() -> None:
        channel = Channel(Numbers(number=5))
        client = Watcher(["run:a"], {"run:a": "t:0:005"})
        waiting = asyncio.ensure_future(client.next())
        await asyncio.sleep(0)  # it waits for the channel, with its timer set
        client.add(channel)
        begun = asyncio.get_running_loop().time()
        ((name, data, _),) = read(await waiting)
        assert (name, data["position"]) == ("ping", "t:0:005")
        assert asyncio.get_running_loop().time() - begun < watcher_module.PING_SECONDS / 2

    running(test)


def test_a_token_that_names_an_unknown_position_gets_a_snapshot() -> None:
    async def test() -> None:
        for after in (token({"run:a": "elsewhere:9:001"}), "no token at all", token({"run:b": "t:0:001"})):
            client = watch(Channel(Numbers(number=2)), after=after)
            assert [name for name, _, _ in read(await client.next())] == ["snapshot"]

    running(test)


def test_a_client_that_has_fallen_behind_the_log_gets_a_snapshot() -> None:
    async def test() -> None:
        source = Numbers()
        channel = Channel(source)
        client = watch(channel)
        await client.next()
        for _ in range(channel_module.MOST_FRAMES + 1):
            source.step()
        channel.pull()
        names = [name for name, _, _ in read(await client.next())]
        assert names == ["snapshot"]
        source.step()
        channel.pull()
        ((_, data, _),) = read(await client.next())
        assert data["position"] == source.position

    running(test)


def test_a_snapshot_is_encoded_once_for_all_who_come_at_one_time() -> None:
    async def test() -> None:
        source = Numbers(number=1)
        channel = Channel(source)
        for _ in range(20):
            client = watch(channel)
            frames = read(await client.next())
            assert frames[-1][1]["position"] == source.position
            source.step()
            channel.pull()
        assert source.taken == 1

    running(test)


@pytest.mark.usefixtures("pinged")
def test_a_snapshot_that_takes_long_holds_up_neither_the_loop_nor_what_else_is_watched() -> None:
    async def test() -> None:
        slow, quick = Numbers("run:a", 1), Numbers("runs", 7)
        free = threading.Event()
        take = slow.take

        def slowly() -> Frame:
            assert free.wait(10)
            return take()

        slow.take = slowly  # type: ignore[method-assign]
        channels = Channel(slow), Channel(quick)
        client, other = watch(*channels), watch(channels[0])
        assert [data["watch"] for _, data, _ in read(await client.next())] == ["runs"]
        pings = read(await client.next())
        assert [(data["watch"], data["position"]) for _, data, _ in pings] == [("run:a", ""), ("runs", "t:0:007")]
        slow.step()  # said while the snapshot is made
        channels[0].pull()
        waits = asyncio.ensure_future(told(other))
        await asyncio.wait([waits], timeout=0)
        free.set()
        for frames in (await waits, await told(client)):
            assert [(name, data["position"]) for name, data, _ in frames] == [("snapshot", "t:0:002")]
        assert slow.taken == 1

    running(test)


def test_a_snapshot_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(channel_module, "AGAIN_SECONDS", 0.0)

    async def test() -> None:
        source = Numbers(number=3)
        take = source.take

        def once() -> Frame:
            source.take = take  # type: ignore[method-assign]
            raise RuntimeError("a defect of the fold")

        source.take = once  # type: ignore[method-assign]
        ((name, data, _),) = read(await watch(Channel(source)).next())
        assert (name, data["position"]) == ("snapshot", "t:0:003")

    running(test)
    assert "no snapshot of run:a" in caplog.text


def test_one_stream_carries_several_things_and_its_token_holds_them_all() -> None:
    async def test() -> None:
        one, two = Numbers("run:a", 1), Numbers("runs", 7)
        channels = Channel(one), Channel(two)
        client = watch(*channels)
        frames = await told(client, 2)
        assert {data["watch"] for _, data, _ in frames} == {"run:a", "runs"}
        assert read_token(frames[-1][2] or "") == {"run:a": "t:0:001", "runs": "t:0:007"}
        two.step()
        channels[1].pull()
        ((_, data, now),) = read(await client.next())
        assert data["watch"] == "runs"
        assert read_token(now or "") == {"run:a": "t:0:001", "runs": "t:0:008"}

    running(test)


@pytest.mark.usefixtures("pinged")
def test_what_opens_late_holds_up_nothing_and_comes_when_it_is_there() -> None:
    async def test() -> None:
        late, there = Channel(Numbers("run:late", 7)), Channel(Numbers("runs", 1))
        client = Watcher(["run:late", "runs"], read_token(token({"run:late": "t:0:006"})))
        client.refuse("run:late", "not yet")
        client.add(there)
        gone, first = await told(client, 2)
        assert gone == ("gone", {"watch": "run:late", "reason": "not yet"}, None)
        assert first[1]["watch"] == "runs"
        assert read_token(first[2] or "") == {"run:late": "t:0:006", "runs": "t:0:001"}
        pings = read(await client.next())
        assert [(data["watch"], data["position"]) for _, data, _ in pings] == [
            ("run:late", "t:0:006"),
            ("runs", "t:0:001"),
        ]
        client.add(late)
        ((name, data, now),) = await told(client)
        assert (name, data["position"]) == ("snapshot", "t:0:007")
        assert read_token(now or "") == {"run:late": "t:0:007", "runs": "t:0:001"}

    running(test)


@pytest.mark.usefixtures("pinged")
def test_silence_is_broken_by_a_ping_with_the_position() -> None:
    async def test() -> None:
        channel = Channel(Numbers(number=4))
        client = watch(channel)
        await client.next()
        ((name, data, sent),) = read(await client.next())
        assert (name, data["position"], sent) == ("ping", "t:0:004", None)

    running(test)


def test_a_client_ahead_of_this_server_waits_for_it() -> None:
    async def test() -> None:
        source = Numbers(number=1)
        channel = Channel(source)
        client = watch(channel, after=token({"run:a": "t:0:002"}), ahead=frozenset({"run:a"}))
        waiting = asyncio.ensure_future(client.next())
        await asyncio.wait([waiting], timeout=0)
        for _ in range(2):
            source.step()
        channel.pull()
        assert [data["position"] for _, data, _ in read(await waiting)] == ["t:0:003"]

    running(test)


def test_frames_that_do_not_go_on_make_a_snapshot() -> None:
    async def test() -> None:
        source = Numbers(number=1)
        channel = Channel(source)
        client = watch(channel)
        await client.next()
        source.number = 40  # the server lost its place: a topic was made again
        source.step()
        channel.pull()
        assert [name for name, _, _ in read(await client.next())] == ["snapshot"]

    running(test)


def test_another_source_of_the_same_thing_makes_a_snapshot() -> None:
    async def test() -> None:
        old, new = Numbers(number=4), Numbers(number=4)
        channel = Channel(old)
        client = watch(channel)
        await client.next()
        channel.follow(new)
        assert [name for name, _, _ in read(await client.next())] == ["snapshot"]
        for source in (old, new):
            source.step()
        channel.pull()
        assert [(name, data["from"]) for name, data, _ in read(await client.next())] == [("delta", "t:0:004")]

    running(test)


def test_a_bye_says_why_and_when_to_come_back() -> None:
    text = bye(5000, "full")
    assert text.startswith(b"retry: 5000\n")
    assert json.loads(text.split(b"data: ")[1]) == {"retry_ms": 5000, "reason": "full"}


def test_a_position_that_a_clock_made_is_ahead_of_no_server() -> None:
    """A step that has stalled is said at a position of its own, which a server that begins anew never reaches."""
    runs = LiveRuns()
    runs.position = "t:0:00000000000000000007"
    channel = Channel(runs)
    assert not channel.short_of("t:0:00000000000000000007+1")
    assert channel.short_of("t:0:00000000000000000008")
