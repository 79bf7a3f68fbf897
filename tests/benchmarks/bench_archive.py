"""The archive on one core: events and points a second, from messages in memory to segments, catalog and all."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from archiving import Kept, Speaker
from runreel import codec
from runreel.deadline import Deadline
from runreel.events import PARAMS, PROGRESS, Event, Progress
from runreel.settings import Settings
from runreel_consumers import serving
from runreel_consumers.archive.keeper import Keeper
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.catalog.follower import Catalog
from runreel_consumers.loop import Place
from runreel_consumers.outbox import Outbox
from runreel_consumers.store import DirectoryStore

RUNS = 40
BATCH = 10_000
PLACE = Place("runreel.events", 0, "benchmark")


class _Unsent(Outbox):
    """Takes messages and sends none: Kafka is not what is measured."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "")

    def send(self, topic: str, value: bytes | None, **_: Any) -> None:
        """Take it."""


def few_words(count: int) -> list[Event]:
    """Events as a busy pipeline says them: half log lines (one each), the rest progress, single points, params."""
    speakers = [Speaker() for _ in range(RUNS)]
    said = []
    for i in range(count):
        speaker = speakers[i % RUNS]
        turn = i // RUNS % 8
        if turn < 4:
            said.append(speaker.lines(f"row {i} of the table was read and looks right"))
        elif turn < 6:
            said.append(speaker.points("loss", [i / 7]))
        elif turn == 6:
            said.append(speaker.say(PROGRESS, Progress(time=[speaker.time], done=[i]), "train", "x-train"))
        else:
            said.append(speaker.say(PARAMS, {f"p{i % 50}": i}))
    return said


def many_points(count: int, each: int) -> list[Event]:
    """Events of `each` points, as a busy series is sealed."""
    speakers = [Speaker() for _ in range(RUNS)]
    return [speakers[i % RUNS].points("loss", [(i + j) / 7 for j in range(each)]) for i in range(count // each)]


def _seconds(events: list[Event], folder: Path) -> float:
    """How long the archive takes for events that are all in one partition."""
    messages = [Kept(codec.encode(event), offset) for offset, event in enumerate(events)]
    settings = Settings(environ={"HOME": str(folder)})
    store = DirectoryStore(folder / "store")
    log, outbox = Log(store), _Unsent(settings)
    catalog = Catalog(settings, log, outbox, Keeper(log))
    sink = ArchiveSink(settings, store, outbox, [catalog])
    sink.opened(PLACE, 1, 0)
    sink.tick()
    begin = time.process_time()
    for start in range(0, len(messages), BATCH):
        sink.add(PLACE, messages[start : start + BATCH])
        if sink.held >= settings.flush_bytes:
            sink.flush(Deadline(60))
            sink.tick()
    sink.flush(Deadline(60))
    seconds = time.process_time() - begin
    sink.close(Deadline(60))
    return seconds


def _structure(folder: Path, rows: int) -> float:
    """How long a reader takes for a run of `rows` structure rows, from its second look on."""
    store = DirectoryStore(folder / "store")
    speaker = Speaker()
    settings = Settings(environ={"HOME": str(folder)})
    sink = ArchiveSink(settings, store, _Unsent(settings))
    sink.opened(PLACE, 1, 0)
    sink.add(PLACE, [Kept(codec.encode(speaker.param(i)), i) for i in range(rows)])
    sink.flush(Deadline(60))
    reader = Reader(store)
    assert len(reader.structure(speaker.run)) == rows
    begin = time.perf_counter()
    reader.structure(speaker.run)
    return time.perf_counter() - begin


def run() -> list[dict[str, Any]]:
    """Rows of {what, value, unit}."""
    serving.prepare()
    with tempfile.TemporaryDirectory() as scratch:
        events = few_words(100_000)
        single = len(events) / _seconds(events, Path(scratch) / "events")
        points = 2_000_000
        batched = points / _seconds(many_points(points, 500), Path(scratch) / "points")
        structure = _structure(Path(scratch) / "structure", 20_000)
    return [
        {"what": "archive, one core: events a second", "value": round(single), "unit": "1/s"},
        {"what": "archive, one core: points a second, 500 in an event", "value": round(batched), "unit": "1/s"},
        {"what": "archive: 20,000 structure rows of a run read", "value": round(structure * 1000, 1), "unit": "ms"},
    ]


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']}: {row['value']} {row['unit']}")
