"""A server in a process of its own, for benchmarks: `python hall.py FOLDER KAFKA` serves the store in FOLDER.

Says its port, and, for each line on its stdin, what its event loop was late by since the last one (ms), its memory (MB)
and the CPU seconds it has taken, as one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from runreel.hub import Hub
from runreel.settings import Settings
from runreel_server import application_of, web
from runreel_server.services import Services

PROBE_SECONDS: Final = 0.005

Json = dict[str, Any]


class Hall:
    """That process, seen from outside.

    Args:
        folder: holds `store`.
        kafka: the address of a built-in broker.
    """

    def __init__(self, folder: Path, kafka: str) -> None:
        command = [sys.executable, __file__, str(folder), kafka]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def told(self) -> Json:
        """`{lag: {p50, p99, most}, memory, cpu}` since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: Json = json.loads(self._line())
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server ended"
        return line


class Probed(web.Quiet):
    """The server, and how late its event loop is."""

    late: list[float]

    async def startup(self, sockets: Any = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self.late = []
        self._probe = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            self.late.append(loop.time() - due)


def main(folder: Path, kafka: str) -> None:
    """Serve until killed."""
    settings = Settings(environ={"HOME": "/nonexistent"}, folder=folder).replace(
        store=f"dir:{folder / 'store'}", state_dir=folder / "state", port=0, max_streams=12_000
    )
    hub = Hub(id="benchmark", kafka=kafka, url="", store=settings.store, acks="")
    listener = web.bind(settings)
    application = application_of(Services(settings, hub=hub, url=web.address(listener)))
    server = Probed(web.server(application).config, application)
    threading.Thread(target=_tell, args=(server,), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


def _tell(server: Probed) -> None:
    for _ in sys.stdin:
        late, server.late = sorted(server.late), []
        lag = {"p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100], "most": late[-1]} if late else {}
        status = Path("/proc/self/status").read_text()
        memory = next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))
        used = resource.getrusage(resource.RUSAGE_SELF)
        said = {
            "lag": {name: seconds * 1000 for name, seconds in lag.items()},
            "memory": memory,
            "cpu": used.ru_utime + used.ru_stime,
            "at": time.monotonic(),
        }
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
