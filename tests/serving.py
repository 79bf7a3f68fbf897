"""A server of tests: an archive filled with real segments, a catalog of them, and a tail that is fed by hand."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask

from runreel import codec
from runreel.events import Event
from runreel.settings import Settings
from runreel_consumers.archive import columns, segment
from runreel_consumers.archive.layout import Segment
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Epochs, Position
from runreel_consumers.catalog import pipelines
from runreel_consumers.catalog.days import Day, day_of
from runreel_consumers.catalog.live import Live
from runreel_consumers.catalog.summary import summary
from runreel_consumers.partitions import partition_of
from runreel_server import application_of, create_app, web
from runreel_server.feed.recent import Taken
from runreel_server.services import Services
from support import wait_for

TOPIC, IDENTITY = "runreel.events", "a-topic-of-tests"
PARTITIONS = 4


class Server:
    """A server without Kafka over a folder.

    Args:
        folder: where its store lies.
        changes: settings.
    """

    def __init__(self, folder: Path, **changes: Any) -> None:
        quiet = Settings(environ={"HOME": "/nonexistent"}, folder=folder)
        self.folder = folder
        self.settings = quiet.replace(**{"store": f"dir:{folder / 'store'}", "state_dir": folder / "state", **changes})
        self.services = Services(self.settings)
        self.store = self.services.store
        self._offsets = [0] * PARTITIONS
        self._app: Flask | None = None

    def beside(self) -> Server:
        """Another server of the same store and the same topic."""
        other = Server(self.folder)
        other._offsets = list(self._offsets)
        return other

    @property
    def app(self) -> Flask:
        """The WSGI application."""
        if self._app is None:
            self._app = create_app(self.services)
        return self._app

    def archive(self, events: Sequence[Event], *, each: int = 100_000, late: int = 0) -> None:
        """Put events into the archive, in segments of at most so many of a partition, received so many µs late."""
        epoch = Epochs(self.store).register(IDENTITY, TOPIC, PARTITIONS)
        for number in range(PARTITIONS):
            mine = [event for event in events if partition_of(event.run, PARTITIONS) == number]
            for start in range(0, len(mine), each):
                part = mine[start : start + each]
                first = self._offsets[number]
                offsets = list(range(first, first + len(part)))
                self._offsets[number] += len(part)
                rows = columns.table(part, [event.time + late for event in part], offsets, epoch.ordinal, number)
                segment.write(self.store, Segment(epoch.ordinal, number, first, offsets[-1]), rows, [])

    def put_away(self, run: str) -> str:
        """Make the run's own objects of all that is stored; answers their folder."""
        log = Log(self.store)
        upto = max(piece.end for piece in log.pieces(run))
        RunObjects(self.store).make(log, run, "default", upto, b"", b"{}")
        found = RunObjects(self.store).find(run)
        assert found is not None
        return found.folder

    def catalog(self, events: Iterable[Event]) -> None:
        """File the summaries of the runs of these events, as the catalog does."""
        lives: dict[str, Live] = {}
        for offset, event in enumerate(events):
            live = lives.setdefault(event.run, Live(event.run, TOPIC))
            live.apply(event, event.time, Position(0, 0, offset))
        for live in lives.values():
            told = summary(live)
            day = Day(self.store, told["workspace"], day_of(live.run), "tests")
            day.put(told)
            day.write()
            if (took := pipelines.took(live)) is not None:
                key = f"{pipelines.folder(told['workspace'], told['pipeline'])}tests.json"
                pipelines.write(self.store, key, [*pipelines.read(self.store, key), took])

    def tell(self, events: Iterable[Event], *, late: int = 0) -> None:
        """Have the tail bring events, received so many µs late."""
        taken = []
        for event in events:
            number = partition_of(event.run, PARTITIONS)
            offset = self._offsets[number]
            self._offsets[number] += 1
            taken.append(Taken(TOPIC, IDENTITY, number, offset, event.run, codec.encode(event), event.time + late))
        self.services.feed._take(taken)

    def get(self, address: str, status: int = 200) -> Any:
        """The JSON at an address below `/api/v1`."""
        answer = self.app.test_client().get(f"/api/v1{address}")
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json(force=True)


def listening(services: Services, stack: ExitStack) -> tuple[web.Quiet, int]:
    """The web server of these services, and its port; it ends with the stack."""
    listener = web.bind(services.settings)
    services.url = web.address(listener)
    server = web.server(application_of(services))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()

    def end() -> None:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()

    stack.callback(end)
    wait_for(lambda: server.started)
    return server, listener.getsockname()[1]


@contextmanager
def showing(folder: Path, port: int, *runs: Sequence[Event]) -> Iterator[str]:
    """The address of a web server of these runs, which are in its archive and in its catalog."""
    server = Server(folder, port=port)
    for events in runs:
        server.archive(events)
        server.catalog(events)
    with ExitStack() as stack:
        listening(server.services, stack)
        yield server.services.url
