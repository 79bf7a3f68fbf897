"""The demo's pipeline: how its processes end."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest

from runreel_server.demo import pipeline


def test_a_process_that_is_canceled_while_it_starts_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    create = asyncio.create_subprocess_exec
    made: list[asyncio.subprocess.Process] = []

    async def scene() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(*command: str, **options: Any) -> asyncio.subprocess.Process:
            made.append(await create(*command, **options))
            begun.set()
            await go_on.wait()
            return made[0]

        monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
        command = (sys.executable, "-c", "import signal; signal.pause()")
        starting = asyncio.ensure_future(pipeline.started(*command, env=os.environ))
        await begun.wait()
        starting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert made[0].returncode is not None

    asyncio.run(scene())
