"""How the golden files were made. Those that are there are never made again: later versions must fold them as they are.

`python tests/data/make_golden.py NAME` writes `NAME.jsonl` (events, in an order that mixes sessions and repeats some)
and `NAME.json` (the view of them all, and of a moment in the middle).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from runreel import codec
from runreel import events as ev
from runreel.events import Event
from runreel.state import fold, fold_streams
from runs import SECOND, Clock, Voice, random_run, shuffled

FOLDER = Path(__file__).parent
MEDIANS = {"run": 90.0, "steps": {"extract": 12.5}}


def etl() -> list[Event]:
    """A pipeline as the contract describes it: an owner, joining workers, a retry, a death, services, all types."""
    clock = Clock()
    driver = Voice("d" * 32, clock)
    workers = [Voice(f"{number}" * 32, clock, skew=number * 40 * SECOND) for number in range(1, 5)]
    driver.open("owner")
    environment = {"host": "etl-02", "python": "3.11.7", "commit": "4f1c2ad", "packages": {"pandas": "2.2"}}
    driver.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nyc-flights", experiment="delays", environment=environment))
    driver.say(ev.PARAMS, {"rows": 336_776, "huge": 2**70, "nested": {"a": [1, None, "ä"]}})
    driver.say(ev.TAGS, {"owner": "me"})
    graph = {"extract": {}, "train": {"parents": ["features"], "total": 3}, "publish": {"parents": ["train"]}}
    driver.say(ev.GRAPH, {"steps": graph})
    driver.say(ev.GRAPH, {"steps": {"report": {"parents": ["publish"]}}, "expected": True})
    driver.start("extract", "e1", total=12, unit="file")
    _stream(driver, "extract", "e1", 12)
    driver.output("extract", "e1", "flights", "a1", type="Dataset", by="chunks", size=100, sha256="aa")
    driver.finish("extract", "e1")
    driver.start("features", "f1")
    driver.input("features", "f1", step="extract", name="flights")
    driver.finish("features", "f1", "FAILED", error=ev.Error(type="ValueError", message="no", traceback="..."))
    driver.start("features", "f2")
    driver.input("features", "f2", id="a1")
    driver.output("features", "f2", "table", "a2", type="Table", by="claim")
    driver.output("features", "f2", "table", "a3", type="Table", by="chunks")
    driver.finish("features", "f2")
    for number, worker in enumerate(workers):
        worker.open("member", parent=driver.session)
        worker.start("train", "shared")
        fold_ = f"train/fold-{number}"
        worker.start(fold_, f"fold{number}", total=3)
        _stream(worker, fold_, f"fold{number}", 20)
        worker.beat()
        if number < 3:
            worker.finish(fold_, f"fold{number}")
        worker.close("killed" if number == 3 else "clean")
    driver.finish("train", "shared", "FAILED")
    driver.say("runreel.step.paused", {"until": "later"}, subject="publish")
    driver.say(ev.STEP_STARTED, {"parents": "not a list"}, subject="publish")
    driver.start("publish", "p1")
    driver.say(ev.LOSS, {"spool full": 7})
    driver.beat(spool=99)
    driver.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    driver.finish("publish", "p1", "CACHED")
    driver.close()
    services = _services(clock, driver, workers)
    events = [event for voice in (driver, *workers, *services) for event in voice.events]
    return [event for event in events if event.seq != 9 or event.session != workers[1].session]


def _stream(voice: Voice, path: str, execution: str, rows: int) -> None:
    for row in range(rows):
        voice.clock.pass_(0.25)
        now, values = voice.clock.now + voice.skew, (0.5 / (row + 1), "NaN", None, "-Infinity", row)
        where = {"subject": path, "execution": execution}
        time = [now, now + 1000, now + 2000]
        value = [values[0], values[row % 5], row]
        voice.say(ev.METRICS, ev.Metrics(name="loss", at=[row, row, row], time=time, value=value), **where)
        text = codec.escape(b"caf\xe9 \\ " + str(row).encode())[0] if row % 4 == 0 else f"line {row} ä"
        level = "ERROR" if row == 7 else "INFO"
        line = ev.Logs(time=[now], level=[level], text=[text], stream="stdout", escaped=row % 4 == 0, more=row == 5)
        voice.say(ev.LOGS, line, **where)
        voice.say(ev.PROGRESS, ev.Progress(time=[now], done=[row + 1.0], message=f"{row}"), **where)


def _services(clock: Clock, driver: Voice, workers: list[Voice]) -> list[Voice]:
    said = [
        (ev.ARTIFACT_STORED, ev.ArtifactStored(id="a1", uri="content/aa", size=100, sha256="aa")),
        (ev.ARTIFACT_STORED, ev.ArtifactStored(id="a2", failed="sha256 differs")),
        (ev.ARTIFACT_STORED, ev.ArtifactStored(id="a3", incomplete=True, size=5)),
        *((ev.SESSION_OFFSET, ev.SessionOffset(session=one.session, offset=-one.skew)) for one in workers),
        (ev.CONFLICT, ev.Conflict(session=driver.session, seq=4, hashes=["bb", "aa"])),
        (ev.VIEW_REQUESTED, ev.ViewRequested(view="v1", artifacts=["a1"], params={"x": "dep"})),
        (ev.VIEW_FINISHED, ev.ViewFinished(view="v1", error=ev.Error(message="no column dep"))),
        (ev.RUN_FINISHED, ev.RunFinished(state="FAILED")),
    ]
    voices = []
    for number, (kind, data) in enumerate(said):
        voice = Voice(f"service{number}", clock)
        voice.say(kind, data, final=True)
        voices.append(voice)
    return voices


def views(events: list[Event]) -> dict[str, object]:
    """What is expected of the events: the view of all, and of the moment in their middle."""
    middle = sorted(event.time for event in events)[len(events) // 2]
    shown: dict[str, object] = {"middle": middle}
    for name, until in (("whole", None), ("at", middle)):
        summary = fold_streams(events, until)
        shown[name] = fold(events, until).view(tally=summary, medians=MEDIANS)
    return shown


def write(name: str, events: list[Event]) -> None:
    """Make the files of one name.

    Raises:
        FileExistsError: they are there.
    """
    with (FOLDER / f"{name}.jsonl").open("xb") as lines:
        for event in shuffled(Random(1), events):
            lines.write(codec.encode(event) + b"\n")
    with (FOLDER / f"{name}.json").open("x") as expected:
        json.dump(views(events), expected, indent=1, sort_keys=True, ensure_ascii=False)


if __name__ == "__main__":
    write(f"{sys.argv[1]}-etl", etl())
    write(f"{sys.argv[1]}-chance", random_run(Random(5), sessions=6, steps=10))
