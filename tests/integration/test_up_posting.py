"""Events over HTTP to `runreel up`: what was acknowledged is stored, though its broker forgets."""

from __future__ import annotations

import threading
import time
import urllib.request
from pathlib import Path

import pytest

from runreel import codec, ids
from runreel import events as ev
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import open_store
from runreel_server.up import machine

POSTERS, BATCHES, EVENTS = 4, 4, 10


def batch(run: str, session: str, first: int) -> bytes:
    """1 MB of lines: with what the others send at the same time, more than the broker keeps."""
    now = time.time_ns() // 1000
    data = codec.encode_data(ev.Logs(time=[now] * 100, level=["INFO"] * 100, text=["x" * 1000] * 100))
    events = [
        ev.Event(
            type=ev.LOGS, run=run, time=now, id=f"{session}-{seq}", source="/d/t", session=session, seq=seq,
            subject="s", execution="e", data=data,
        )
        for seq in range(first, first + EVENTS)
    ]  # fmt: skip
    return b"[" + b",".join(codec.encode(event) for event in events) + b"]"


@pytest.mark.slow
def test_what_was_acknowledged_over_http_is_stored(tmp_path: Path) -> None:
    settings = Settings(environ={"RUNREEL_STATE_DIR": str(tmp_path / "state"), "RUNREEL_PORT": "0"}, folder=tmp_path)
    run, acknowledged = ids.new_run(), []

    def post(url: str) -> None:
        session = ids.new_session()
        for first in range(0, BATCHES * EVENTS, EVENTS):
            kind = {"Content-Type": codec.BATCH_CONTENT_TYPE}
            request = urllib.request.Request(f"{url}/api/v1/events", batch(run, session, first), kind)
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
            acknowledged.extend((session, seq) for seq in range(first, first + EVENTS))

    with machine(settings) as up:

        def work() -> None:
            try:
                up.listening()
                posters = [threading.Thread(target=post, args=(up.hub.url,)) for _ in range(POSTERS)]
                for poster in posters:
                    poster.start()
                for poster in posters:
                    poster.join()
            finally:
                up.stop()

        threading.Thread(target=work).start()
        up.serve()
        store = open_store(settings.replace(store=up.hub.store))
        assert len(acknowledged) == POSTERS * BATCHES * EVENTS
        stored = {(row.event.session, row.event.seq) for row in Reader(store).rows(run)}
        assert stored == set(acknowledged)
