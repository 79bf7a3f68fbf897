"""What a reader answers: each event once, points in columns, lines in slices; the same before and after a run's own
objects are made."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from archiving import START, Speaker, make_objects, store_events
from runreel import codec, ids
from runreel.errors import NotFound
from runreel.events import LOGS, METRICS, PARAMS, Event, Metrics
from runreel_consumers.archive.density import Buckets, Of
from runreel_consumers.archive.lines import Span
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


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
    heard = {event.id: received for event, received in Reader(store).heard(speaker.run)}
    assert heard == {row.event.id: row.received for row in Reader(store).rows(speaker.run)}
    assert [event.type for event, _ in Reader(store).heard(speaker.run, frozenset({LOGS}))] == [LOGS] * 26


def test_all_is_heard_though_segments_are_merged_away_meanwhile(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, read = Speaker(), Log.table
    said = speaker.mixture(40)
    store_events(store, said, each=9)
    gone = [NotFound("merged away"), None, NotFound("merged away"), None]

    def table(log: Log, piece: Piece, kinds: Any, columns: Any = None) -> Any:
        if columns is None and gone and (trouble := gone.pop()):
            raise trouble
        return read(log, piece, kinds, columns)

    monkeypatch.setattr(Log, "table", table)
    assert {event.id for event, _ in Reader(store).heard(speaker.run)} == {event.id for event in said}
    assert not gone


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
    assert [event for event, _ in Reader(store).heard(speaker.run)] == [kept]


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
    assert [line.text for line in reader.lines(speaker.run, Span()).lines] == ["b"]


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

        def texts(
            match: Match | None = None, reader: Reader = reader, until: int | None = None, **where: Any
        ) -> list[str]:
            return [line.text for line in reader.lines(speaker.run, Span(until=until), match, **where).lines]

        assert texts(steps=frozenset({"a"})) == ["Alpha", "beta", "delta alpha"]
        assert texts(steps=frozenset({"a", None})) == ["Alpha", "beta", "delta alpha"]
        assert texts(Match(frozenset({"ERROR"}))) == ["gamma"]
        assert texts(Match(frozenset({"ERROR"})), steps=frozenset({"a"})) == []
        found = reader.lines(speaker.run, Span(), Match(q="ALPHA"))
        assert ([line.text for line in found.lines], found.hits, found.scanned) == (["Alpha", "delta alpha"], 2, 4)
        assert texts(Match(regex="^[a-z]+ta")) == ["beta", "delta alpha"]
        assert texts(Match(regex="a$", q="l")) == ["Alpha", "delta alpha"]
        assert texts(until=said[1].time) == ["Alpha", "beta", "gamma"]
        if not again:
            make_objects(store, speaker.run, 2)


def test_a_cursor_that_is_none_is_refused(store: DirectoryStore) -> None:
    with pytest.raises(ValueError, match="cursor 'x' is none"):
        Reader(store).lines(ids.new_run(), Span(after="x"))


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
        "lines": [msgspec.structs.asdict(line) for line in reader.lines(run, Span(limit=10_000)).lines],
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


@pytest.mark.parametrize("each", [0, 2])
def test_lines_and_errors_are_counted_in_buckets_of_time(store: DirectoryStore, each: int) -> None:
    speaker = Speaker()
    said = [
        speaker.param(1),
        speaker.lines("a", "b", step="x"),
        speaker.lines("c", step="x/y", level="ERROR"),
        speaker.lines('says "ERROR"', step="x/y"),
        speaker.lines("d", "e", "f", step="z", level="Critical"),
        msgspec.structs.replace(speaker.lines("g"), data=b'{"time":[],"level":[],"text":[]}'),
    ]
    store_events(store, [*said, said[2]], each=each)
    start, end = said[0].time, said[-1].time

    def counts(of: Of, *, width: int = 5, **rest: Any) -> list[int]:
        found: list[int] = reader.line_counts(speaker.run, of, Buckets(start, end, width), **rest).tolist()
        return found

    for again in range(2):
        reader = Reader(store)
        for _ in range(2):  # the second time from memory
            assert counts("lines") == [1, 1, 1, 3, 1]
            assert counts("errors") == [0, 0, 1, 2, 1]
        late = {speaker.session: 1 + end - said[4].time}
        assert sum(counts("errors", offsets=late)) == 3
        if not again:
            make_objects(store, speaker.run, 3)
