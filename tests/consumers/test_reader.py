"""What a reader answers: each event once, points in columns, lines in slices; the same before and after a run's own
objects are made."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archiving import START, Speaker, store_events
from runreel import codec, ids
from runreel.events import LOGS, METRICS, PARAMS, Event, Logs, Metrics
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def make_objects(store: DirectoryStore, run: str, upto: int) -> None:
    RunObjects(store).make(Log(store), run, "default", Position(0, 0, upto), b"state", b"{}")


def test_rows_come_in_the_order_of_their_stamps_however_late_they_came(store: DirectoryStore) -> None:
    speaker, other = Speaker(), None
    other = Speaker(speaker.run, start=START + 500)
    said = [*speaker.mixture(40), *other.mixture(40)]
    late = said[:]
    random.Random(7).shuffle(late)
    store_events(store, late, each=9)
    assert [row.event for row in Reader(store).rows(speaker.run)] == sorted(
        said, key=lambda event: (event.time, event.session, event.seq)
    )
    assert [row.event.type for row in Reader(store).rows(speaker.run, frozenset({LOGS}))] == [LOGS] * 26


def test_structure_leaves_streams_out_and_runs_apart(store: DirectoryStore) -> None:
    speakers = [Speaker() for _ in range(5)]
    said = [event for i in range(30) for event in (speakers[i % 5].mixture(3)[i % 3],)]
    store_events(store, said, each=7)
    for speaker in speakers:
        expected = [event for event in said if event.run == speaker.run and event.type == PARAMS]
        assert [row.event for row in Reader(store).structure(speaker.run)] == expected
    assert Reader(store).structure(ids.new_run()) == []


def conflicting(speaker: Speaker) -> tuple[Event, Event]:
    one = speaker.param(1)
    return one, msgspec.structs.replace(one, data=codec.encode_data({"p": 2}))


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_contents_of_a_seq_the_same_one_counts_whichever_came_first(
    store: DirectoryStore, swapped: bool
) -> None:
    speaker = Speaker()
    pair = conflicting(speaker)
    kept = min(pair, key=lambda event: __import__("hashlib").sha256(codec.encode(event)).digest())
    store_events(store, [*(reversed(pair) if swapped else pair), pair[0]], each=1)
    assert [row.event for row in Reader(store).structure(speaker.run)] == [kept]
    assert [row.event for row in Reader(store).rows(speaker.run)] == [kept]


def test_points_are_columns_in_stamp_order_with_what_was_not_said_counted(store: DirectoryStore) -> None:
    speaker = Speaker()
    values = [0.5, float("nan"), float("inf"), -1]
    first = speaker.points("loss", values)
    second = speaker.points("loss", [7.0], at=[100])
    third = speaker.points("loss", [8.0])
    gap = speaker.say(METRICS, Metrics(name="loss", time=[speaker.time], value=[None]), "train", "x-train")
    other = speaker.points("acc", [1.0])
    store_events(store, [third, first, second, first, gap, other], each=2)
    reader = Reader(store)
    found = reader.points(speaker.run, [("x-train", "loss")])
    assert list(found) == [("x-train", "loss")]
    loss = found["x-train", "loss"]
    np.testing.assert_array_equal(loss.value, [*values, 7.0, 8.0, np.nan])
    np.testing.assert_array_equal(loss.at, [0, 1, 2, 3, 100, 4, 5])
    assert loss.valid.tolist() == [True] * 6 + [False]
    assert loss.time.tolist() == sorted(loss.time.tolist())
    assert reader.series(speaker.run) == {("x-train", "loss"): 7, ("x-train", "acc"): 1}
    moved = reader.points(speaker.run, offsets={speaker.session: 5_000_000})["x-train", "loss"]
    assert (moved.time - loss.time).tolist() == [5_000_000] * 7


def test_data_that_are_not_what_their_type_says_are_kept_and_count_for_nothing(store: DirectoryStore) -> None:
    speaker = Speaker()
    bad = [
        msgspec.structs.replace(speaker.points("loss", [1.0]), data=b'{"name":7,"time":"x"}'),
        msgspec.structs.replace(speaker.lines("a"), data=b'{"time":[1],"text":"x"}'),
    ]
    good = speaker.lines("b")
    store_events(store, [*bad, good])
    reader = Reader(store)
    assert [row.event for row in reader.rows(speaker.run)] == [*bad, good]
    assert reader.points(speaker.run) == {}
    assert [line.text for line in reader.lines(speaker.run).lines] == ["b"]


def slices(reader: Reader, run: str, *, back: bool, **filters: Any) -> list[str]:
    """All lines of a run, slice by slice."""
    texts: list[str] = []
    found = reader.lines(run, **filters) if back else reader.lines(run, after="0--0-0", **filters)
    while True:
        chunk = [line.text for line in found.lines]
        texts = chunk + texts if back else texts + chunk
        if back:
            if found.before is None:
                return texts
            found = reader.lines(run, before=found.before, **filters)
        else:
            if not found.scanned:
                return texts
            found = reader.lines(run, after=found.after, **filters)


@given(
    batches=st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.integers(0, 40), min_size=1, max_size=6)), min_size=1, max_size=25
    ),
    each=st.integers(1, 9),
    limit=st.integers(1, 30),
    scan=st.integers(1, 40),
    objects=st.booleans(),
)
@hypothesis_settings(deadline=None, max_examples=40)
def test_slices_in_both_directions_make_up_the_log(
    batches: list[tuple[int, list[int]]], each: int, limit: int, scan: int, objects: bool
) -> None:
    """Batches overlap in time, sessions interleave, slices and scans are of any size."""
    speakers = [Speaker()]
    speakers.append(Speaker(speakers[0].run))
    said, expected = [], []
    for number, (who, moments) in enumerate(batches):
        speaker = speakers[who]
        times = [START + moment for moment in sorted(moments)]
        texts = [f"{number}.{row}" for row in range(len(times))]
        event = speaker.say(LOGS, Logs(time=times, level=["INFO"] * len(times), text=texts))
        said.append(msgspec.structs.replace(event, time=times[-1]))
        expected += [
            ((when, speaker.session, event.seq, row), text)
            for row, (when, text) in enumerate(zip(times, texts, strict=True))
        ]
    whole = [text for _, text in sorted(expected)]
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        store_events(store, said, each=each)
        if objects:
            make_objects(store, speakers[0].run, len(said) // 2)
        reader = Reader(store)
        assert slices(reader, speakers[0].run, back=True, limit=limit, scan=scan) == whole
        assert slices(reader, speakers[0].run, back=False, limit=limit, scan=scan) == whole


def test_lines_are_filtered_by_step_level_text_and_moment(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = [
        speaker.lines("Alpha", "beta", step="a"),
        speaker.lines("gamma", step="b", level="ERROR"),
        speaker.lines("delta alpha", step="a"),
    ]
    store_events(store, said)
    for again in range(2):
        reader = Reader(store)
        assert [line.text for line in reader.lines(speaker.run, steps=frozenset({"a"})).lines] == [
            "Alpha",
            "beta",
            "delta alpha",
        ]
        assert reader.lines(speaker.run, steps=frozenset({"a"})).total == 3
        assert [line.text for line in reader.lines(speaker.run, levels=frozenset({"ERROR"})).lines] == ["gamma"]
        found = reader.lines(speaker.run, q="ALPHA")
        assert ([line.text for line in found.lines], found.hits, found.scanned) == (["Alpha", "delta alpha"], 2, 4)
        moment = said[1].time
        assert [line.text for line in reader.lines(speaker.run, until=moment).lines] == ["Alpha", "beta", "gamma"]
        if not again:
            make_objects(store, speaker.run, 2)


def test_a_cursor_that_is_none_is_refused(store: DirectoryStore) -> None:
    with pytest.raises(ValueError, match="cursor 'x' is none"):
        Reader(store).lines(ids.new_run(), after="x")


def answers(reader: Reader, run: str) -> dict[str, Any]:
    """All that a reader answers of a run, in comparable form."""
    points = reader.points(run)
    return {
        "structure": sorted(row.event.id for row in reader.structure(run)),
        "progress": sorted(row.event.id for row in reader.progress(run)),
        "rows": [row.event.id for row in reader.rows(run)],
        "series": reader.series(run),
        "points": {
            key: [getattr(columns, name).tolist() for name in ("at", "time", "value", "valid", "seq", "row")]
            for key, columns in sorted(points.items())
        },
        "sessions": {key: [columns.sessions[i] for i in columns.session] for key, columns in sorted(points.items())},
        "lines": [msgspec.structs.asdict(line) for line in reader.lines(run, limit=10_000).lines],
    }


def test_a_runs_own_objects_answer_as_the_log_does_also_when_more_comes_later(store: DirectoryStore) -> None:
    speaker = Speaker()
    other = Speaker(speaker.run, start=START + 100)
    said = [event for pair in zip(speaker.mixture(60), other.mixture(60), strict=True) for event in pair]
    late = [*said[100:], *said[30:40], said[7]]
    store_events(store, [*said[:100], *late], each=11)
    plain = answers(Reader(store), speaker.run)
    assert len(plain["rows"]) == 120
    make_objects(store, speaker.run, 99)
    assert RunObjects(store).find(speaker.run) is not None
    assert answers(Reader(store), speaker.run) == plain
    make_objects(store, speaker.run, len(said) + 11)
    assert answers(Reader(store), speaker.run) == plain


def test_objects_without_a_manifest_are_none(store: DirectoryStore) -> None:
    speaker = Speaker()
    store_events(store, speaker.mixture(6))
    make_objects(store, speaker.run, 5)
    objects = RunObjects(store).find(speaker.run)
    assert objects is not None
    store.delete([f"{objects.folder}manifest.json"])
    assert RunObjects(store).find(speaker.run) is None
    assert len(answers(Reader(store), speaker.run)["rows"]) == 6


def test_runs_are_found_by_the_end_of_their_id(store: DirectoryStore) -> None:
    speakers = [Speaker(workspace="w") for _ in range(3)]
    store_events(store, [speaker.param(1) for speaker in speakers])
    reader = Reader(store)
    assert reader.find(ids.short(speakers[1].run)) == [speakers[1].run]
    assert reader.runs() == {speaker.run: "w" for speaker in speakers}


def test_only_what_lies_beyond_a_position_is_read_when_asked(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(30)
    store_events(store, said, each=7)
    reader = Reader(store)
    assert [row.event for row in reader.rows(speaker.run, beyond=Position(0, 0, 16))] == said[17:]
    assert [row.position.offset for row in reader.structure(speaker.run, beyond=Position(0, 0, 16))] == [18, 21, 24, 27]
    assert reader.structure(speaker.run, beyond=Position(1, 0, 0)) == []


def test_moments_are_counted_by_events_lines_and_errors_in_all_steps_or_some(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = [
        speaker.param(1),
        speaker.lines("a", "b", step="x"),
        speaker.lines("c", step="x/y", level="ERROR"),
        speaker.points("loss", [1.0, 2.0], step="x"),
        speaker.lines("d", "e", "f", step="z", level="Critical"),
    ]
    store_events(store, [*said, said[1], said[0]], each=2)
    start, end = said[0].time, said[-1].time
    for again in range(2):
        reader = Reader(store)
        events, lines, errors = (reader.moments(speaker.run, of) for of in ("events", "lines", "errors"))
        assert events.counts(start, end, 4).tolist() == [1, 1, 1, 2]
        assert lines.counts(start, end, 4).tolist() == [1, 1, 1, 3]
        assert lines.counts(start, end, 4, ["x"]).tolist() == [1, 1, 1, 0]
        assert errors.counts(start, end, 1).tolist() == [4]
        assert errors.counts(start, end, 2, ["x/y", "q"]).tolist() == [0, 1]
        moved = reader.moments(speaker.run, "lines", offsets={speaker.session: 7})
        assert (moved.time - lines.time).tolist() == [7] * 6
        if not again:
            make_objects(store, speaker.run, 2)
