"""Log lines in slices: whatever their batches, segments and filter, walking by cursors meets each line once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiving import START, Speaker, make_objects, store_events
from runreel.events import LOGS, Event, Logs
from runreel_consumers.archive import matching, segment, stored_lines, walk
from runreel_consumers.archive.lines import ROOM, Slice, Span
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def slices(reader: Reader, run: str, *, back: bool, match: Match | None = None, **which: Any) -> Iterator[Slice]:
    """A run's log, slice by slice."""
    span = Span(**which) if back else Span(since=0, **which)
    while True:
        found = reader.lines(run, span, match)
        yield found
        if not found.more:
            assert not back or found.before is None
            return
        span = Span(before=found.before, **which) if back else Span(after=found.after, **which)


def texts_of(found: list[Slice], *, back: bool) -> list[str]:
    return [line.text for one in (reversed(found) if back else found) for line in one.lines]


def batches_of(batches: list[tuple[int, list[int]]]) -> tuple[list[Event], list[str]]:
    """Events of two speakers of one run with lines at these moments, and all their texts in order."""
    speakers = [Speaker()]
    speakers.append(Speaker(speakers[0].run))
    said, expected = [], []
    for number, (who, moments) in enumerate(batches):
        speaker = speakers[who]
        times = [START + moment for moment in sorted(moments)]
        texts = [f"{number}.{row}" for row in range(len(times))]
        level = "ERROR" if number % 3 == 0 else "INFO"
        event = speaker.say(LOGS, Logs(time=times, level=[level] * len(times), text=texts))
        said.append(msgspec.structs.replace(event, time=times[-1]))
        expected += [
            ((when, speaker.session, event.seq, row), text)
            for row, (when, text) in enumerate(zip(times, texts, strict=True))
        ]
    return said, [text for _, text in sorted(expected)]


@given(
    batches=st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.integers(0, 40), min_size=1, max_size=6)), min_size=1, max_size=25
    ),
    each=st.integers(1, 9),
    limit=st.integers(1, 30),
    small=st.booleans(),
    objects=st.booleans(),
    again=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_slices_in_both_directions_make_up_the_log(
    batches: list[tuple[int, list[int]]], each: int, limit: int, small: bool, objects: bool, again: bool
) -> None:
    """Batches overlap in time, sessions interleave, events come twice, slices end at every block or at none."""
    said, whole = batches_of(batches)
    which: dict[str, Any] = {"limit": limit, "seconds": -1.0 if small else 60.0}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(walk, "_FIRST", 1)
            patch.setattr(walk, "_LARGEST", 1)
            patch.setattr(segment, "_GROUP_ROWS", 2)
            patch.setattr(stored_lines, "_LINES_A_GROUP", 3)
        store = DirectoryStore(Path(folder))
        store_events(store, [*said, *(said[::2] if again else [])], each=each)
        if objects:
            make_objects(store, said[0].run, len(said) // 2)
        reader = Reader(store)
        errors = [text for text in whole if int(text.split(".")[0]) % 3 == 0]
        for back in (True, False):
            found = list(slices(reader, said[0].run, back=back, **which))
            assert texts_of(found, back=back) == whole
            assert sum(one.scanned for one in found) == sum(one.hits for one in found) == len(whole)
            found = list(slices(reader, said[0].run, back=back, match=Match(frozenset({"ERROR"})), **which))
            assert texts_of(found, back=back) == errors
            assert sum(one.hits for one in found) == len(errors)
            counted = list(slices(reader, said[0].run, back=back, match=Match(regex=r"\.0$"), **{**which, "limit": 0}))
            assert sum(len(one.times) for one in counted) == sum(one.hits for one in counted) == len(batches)


def test_a_slice_begins_at_a_line_or_at_a_moment(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = [speaker.lines(f"{n}.a", f"{n}.b") for n in range(5)]
    store_events(store, said)
    reader = Reader(store)
    lines = reader.lines(speaker.run, Span()).lines
    place = "-".join(map(str, lines[3].stamp))
    assert [line.text for line in reader.lines(speaker.run, Span(at=place, limit=2)).lines] == ["1.b", "2.a"]
    assert [line.text for line in reader.lines(speaker.run, Span(since=said[3].time, limit=2)).lines] == ["3.b", "4.a"]
    nothing = reader.lines(speaker.run, Span(since=said[4].time + 1))
    assert (nothing.lines, nothing.more) == ([], False)
    before = reader.lines(speaker.run, Span(before=nothing.before, limit=1))
    assert [line.text for line in before.lines] == ["4.b"]
    with pytest.raises(ValueError, match="exclude each other"):
        reader.lines(speaker.run, Span(at=place, since=0))


@pytest.mark.parametrize("back", [False, True])
def test_a_page_looks_at_about_the_lines_that_it_has(store: DirectoryStore, back: bool) -> None:
    speaker = Speaker()
    store_events(store, [speaker.lines(f"{n}.a", f"{n}.b") for n in range(500)], each=100)
    span = Span(limit=10) if back else Span(since=0, limit=10)
    found = Reader(store).lines(speaker.run, span)
    assert len(found.lines) == 10
    assert len(found.seen) <= 20
    sought = Reader(store).lines(speaker.run, span, Match(regex="a$"))
    assert len(sought.seen) > 20, "how many lines match nobody knows"


@pytest.mark.parametrize("objects", [False, True])
def test_long_texts_are_cut_where_that_is_asked_for_and_say_how_long_they_are(
    store: DirectoryStore, objects: bool
) -> None:
    speaker = Speaker()
    store_events(store, [speaker.lines("é" * 100_000, "short")])
    if objects:
        make_objects(store, speaker.run, 1)
    long, short = Reader(store).lines(speaker.run, Span(width=10)).lines
    assert (long.text, long.length, short.text, short.length) == ("é" * 10, 100_000, "short", 0)
    assert Reader(store).lines(speaker.run, Span()).lines[0].text == "é" * 100_000


def test_a_slice_of_huge_lines_ends_early_and_goes_on(store: DirectoryStore) -> None:
    speaker = Speaker()
    store_events(store, [speaker.lines("x" * (ROOM // 3 + 1)) for _ in range(7)])
    found = list(slices(Reader(store), speaker.run, back=True))
    assert [len(one.lines) for one in found] == [3, 3, 1]


def test_stored_lines_lie_in_groups_of_bounded_size(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_lines, "_BYTES_A_GROUP", 100)
    speaker = Speaker()
    store_events(store, [speaker.lines("x" * 40, step=f"s{n % 2}", level=["INFO", "ERROR"][n == 5]) for n in range(7)])
    make_objects(store, speaker.run, 7)
    reader = Reader(store)
    objects = reader._objects.find(speaker.run)
    assert objects is not None
    assert [(group.count, group.size, group.levels) for group in objects.manifest.groups] == [
        (3, 120, {"INFO": 3}),
        (3, 120, {"INFO": 2, "ERROR": 1}),
        (1, 40, {"INFO": 1}),
    ]
    assert [group.steps for group in objects.manifest.groups] == [[0, 1], [0, 1], [0]]
    found = reader.lines(speaker.run, Span(), Match(frozenset({"ERROR"})))
    assert (len(found.lines), found.scanned) == (1, 7)
    assert len(reader.lines(speaker.run, Span(), steps=frozenset({"s1"})).lines) == 3


@pytest.mark.parametrize(
    ("regex", "reason"),
    [
        ("(", r"regex='\(' is no expression that RE2 takes: missing \)"),
        ("a(?=b)", "is no expression that RE2 takes: invalid perl operator"),
        ("a{2000}", "is no expression that RE2 takes: invalid repetition size"),
        ("((.{100}){10})" * 9, "is too large: repeat less in it"),
        ("|".join(f"a.{{{n}}}b" for n in range(1, 40)), "is too large"),
        ("(" * 200 + ")" * 200 + r"\pL{1,900}", "is too large"),
    ],
)
def test_an_expression_that_is_none_or_would_hold_the_server_is_refused(regex: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Match(regex=regex)


def test_an_expression_that_is_slow_here_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at between parts of a bounded size, whose cost a bounded expression bounds."""
    monkeypatch.setattr(matching, "SECONDS", 0.0)
    monkeypatch.setattr(matching, "PIECE", 1_000)
    match = Match(regex="(a|b|0|x| )*a(a|b|0|x| ){60}y")
    with pytest.raises(ValueError, match="takes too long here"):
        match.text(pa.array(["ab 0x" * 100] * 100))
    with pytest.raises(ValueError, match="takes too long here"):
        match.text(pa.array(["ab 0x" * 1000]))


def test_texts_are_searched_whatever_their_case_and_expressions_as_they_are_said() -> None:
    texts = pa.array(["Connection RESET", "connection reset", "", "Größe", "a\nb"])
    assert Match(q="reset").text(texts).tolist() == [True, True, False, False, False]
    assert Match(q="GRÖSSE".replace("SS", "ß")).text(texts).tolist() == [False, False, False, True, False]
    assert Match(regex="(?i)^conn.*reset$").text(texts).tolist() == [True, True, False, False, False]
    assert Match(regex="reset", q="conn").text(texts).tolist() == [False, True, False, False, False]
    assert Match(q=".*").text(texts).tolist() == [False] * 5


def test_a_long_text_is_searched_in_pieces() -> None:
    text = "x" * matching.PIECE + "needle" + "y" * matching.PIECE
    assert Match(regex="ne+dle").text(pa.array(["short", text])).tolist() == [False, True]
