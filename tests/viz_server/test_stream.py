"""The stream: frames encoded once, resumed where a client was, replaced by a snapshot where that cannot be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from runreel_server.stream import Channel, Frame, Watcher, bye, read_token, token
from runreel_server.stream import channel as channel_module
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


def running(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, ten seconds at most."""
    asyncio.run(asyncio.wait_for(test(), 10))


def watch(*channels: Channel, after: str = "", ahead: frozenset[str] = frozenset()) -> Watcher:
    return Watcher(channels, read_token(after), ahead)


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


def test_one_stream_carries_several_things_and_its_token_holds_them_all() -> None:
    async def test() -> None:
        one, two = Numbers("run:a", 1), Numbers("runs", 7)
        channels = Channel(one), Channel(two)
        client = watch(*channels)
        frames = read(await client.next())
        assert {data["watch"] for _, data, _ in frames} == {"run:a", "runs"}
        assert read_token(frames[-1][2] or "") == {"run:a": "t:0:001", "runs": "t:0:007"}
        two.step()
        channels[1].pull()
        ((_, data, now),) = read(await client.next())
        assert data["watch"] == "runs"
        assert read_token(now or "") == {"run:a": "t:0:001", "runs": "t:0:008"}

    running(test)


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


def test_a_bye_says_why_and_when_to_come_back() -> None:
    text = bye(5000, "full")
    assert text.startswith(b"retry: 5000\n")
    assert json.loads(text.split(b"data: ")[1]) == {"retry_ms": 5000, "reason": "full"}
