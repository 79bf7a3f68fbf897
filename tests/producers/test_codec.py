"""Bytes <-> event: what is said arrives, what is no event is refused with the reason."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runreel import codec
from runreel import events as ev
from runreel.errors import CodecError
from runreel.events import Event
from runs import START, random_run

MINIMAL = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-11-22T09:00:00Z", "run": "r"}


def message(**fields: Any) -> bytes:
    """A message with some fields changed; those that are None are absent."""
    return json.dumps({key: value for key, value in {**MINIMAL, **fields}.items() if value is not None}).encode()


@given(st.integers(0, 2**32))
def test_an_event_is_what_its_bytes_say(seed: int) -> None:
    for event in random_run(Random(seed)):
        said = codec.encode(event)
        assert codec.decode(said) == event
        assert codec.encode(codec.decode(said)) == said
        assert codec.decode(memoryview(said)) == event


def test_the_bytes_of_an_event_are_those_of_the_contract() -> None:
    event = Event(
        type=ev.METRICS,
        run="0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11",
        time=START + 123_456,
        id="5f0c-42",
        source="/default/nyc-flights",
        session="5f0c",
        seq=42,
        subject="train/fold-3",
        execution="9be1",
        data=b'{"name":"loss"}',
    )
    assert codec.encode(event) == (
        b'{"specversion":"1.0","id":"5f0c-42","source":"/default/nyc-flights","type":"runreel.metrics",'
        b'"time":"2026-11-22T09:00:00.123456Z","subject":"train/fold-3","datacontenttype":"application/json",'
        b'"dataschema":"urn:runreel:1","workspace":"default","run":"0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11",'
        b'"session":"5f0c","seq":42,"execution":"9be1","data":{"name":"loss"}}'
    )


def test_what_may_be_absent_may_be_absent() -> None:
    event = codec.decode(message())
    assert (event.workspace, event.session, event.seq, event.data, event.extra) == ("default", None, None, b"{}", None)


def test_attributes_that_are_not_known_are_kept() -> None:
    event = codec.decode(message(traceparent="00-ab", data={"a": 1}))
    assert event.extra == {"traceparent": "00-ab"}
    assert codec.decode(codec.encode(event)) == event


def test_an_attribute_is_kept_where_absent_data_would_be_as_long() -> None:
    """`,"data":{}` and `,"x":"abc"` have the same length: a comparison of lengths would lose the attribute."""
    event = codec.decode(message(x="abc"))
    assert event.extra == {"x": "abc"}


def test_foreign_spelling_is_read() -> None:
    event = codec.decode(message(time="2026-11-22T11:00:00.5+02:00", run="r"))
    assert event.time == START + 500_000


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, r"\$\.id"),
        ({"id": None}, "`id`"),
        ({"source": ""}, r"\$\.source"),
        ({"type": None}, "`type`"),
        ({"time": "2026-11-22T09:00:00"}, r"\$\.time"),
        ({"time": "yesterday"}, r"\$\.time"),
        ({"run": ""}, r"\$\.run"),
        ({"run": "../../etc"}, r"\$\.run"),
        ({"run": "a\n"}, r"\$\.run"),
        ({"workspace": ".."}, r"\$\.workspace"),
        ({"session": "a/b"}, r"\$\.session"),
        ({"seq": -1}, r"\$\.seq"),
        ({"seq": 2**31}, r"\$\.seq"),
        ({"seq": 1.5}, r"\$\.seq"),
        ({"subject": ""}, r"\$\.subject"),
        ({"execution": ""}, r"\$\.execution"),
        ({"final": "yes"}, r"\$\.final"),
    ],
)
def test_a_wrong_envelope_is_refused_by_the_name_of_its_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        codec.decode(message(**fields))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        message()[:-1] + b',"deep":' + b"[" * 5000 + b"]" * 5000 + b"}",
        message()[:-1] + b',"data":' + b"[" * 5000 + b"]" * 5000 + b"}",
        message()[:-1] + b',"long":' + b"9" * 5000 + b"}",
        message()[:-1] + b',"half":"\\ud800"}',
    ],
)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(CodecError, match="not an event of the contract"):
        codec.decode(raw)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with suppress(CodecError):
        codec.decode(raw)


def data_of(kind: str, data: bytes) -> Any:
    """What an event of this type and data says."""
    return codec.payload(Event(type=kind, run="r", time=START, id="1", source="/s", data=data))


def test_data_are_read_as_their_type() -> None:
    assert data_of(ev.STEP_FINISHED, b'{"state":"FAILED"}') == ev.StepFinished(state="FAILED")
    assert data_of("other", b'{"a":[1]}') == {"a": [1]}


def test_fields_of_data_that_are_not_known_are_passed_over() -> None:
    assert data_of(ev.STEP_FINISHED, b'{"state":"FAILED","new":{"a":[1]}}') == ev.StepFinished(state="FAILED")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (ev.STEP_FINISHED, b"{}"),
        (ev.STEP_FINISHED, b'{"state":"DONE"}'),
        (ev.METRICS, b'{"name":"x","time":[1],"value":[true]}'),
        (ev.PARAMS, b"[1]"),
        (ev.LOSS, b'{"a":"b"}'),
        (ev.PARAMS, b'{"a":"\xff"}'),
        (ev.PARAMS, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        (ev.PARAMS, b'{"a":' + b"[" * 150 + b"]" * 150 + b"}"),
        (ev.RUN_STARTED, b'{"environment":' + b'{"a":' * 150 + b"1" + b"}" * 151),
        ("other", b'{"a":' + b"9" * 5000 + b"}"),
        (ev.PARAMS, b'{"a":1e400}'),
    ],
)
def test_wrong_data_are_refused_by_the_name_of_their_type(kind: str, data: bytes) -> None:
    with pytest.raises(CodecError, match=f"data of {kind}"):
        data_of(kind, data)


def test_many_brackets_are_not_deep() -> None:
    assert data_of(ev.PARAMS, b'{"a":' + b"[" * 90 + b"]" * 90 + b"}")["a"]
    assert len(data_of(ev.PARAMS, b'{"a":[' + b"[]," * 500 + b"[]]}")["a"]) == 501
    assert data_of(ev.LOGS, b'{"time":[1],"level":["INFO"],"text":["' + b"[" * 500 + b'"]}').text == ["[" * 500]


def test_numbers_survive() -> None:
    values = [1, 2**70, 0.1, -0.0, math.inf, -math.inf, math.nan, None, "NaN"]
    said = codec.encode_data(ev.Metrics(name="x", time=[START] * len(values), value=values))
    data = data_of(ev.METRICS, said)
    assert data.value == [1, 2**70, 0.1, -0.0, "Infinity", "-Infinity", "NaN", None, "NaN"]
    back = codec.read(data.value)
    assert back[:6] == values[:6]
    assert all(isinstance(back[i], float) and math.isnan(back[i]) for i in (6, 8))


@given(st.lists(st.one_of(st.integers(), st.floats(), st.none())))
def test_a_column_that_is_spelled_is_read_as_it_was(values: list[int | float | None]) -> None:
    text = msgspec.json.encode(codec.spell(values))
    assert b"null" not in text or None in values
    back = codec.read(codec.spell(values))
    assert [repr(value) for value in back] == [repr(value) for value in values]


def test_a_column_whose_sum_overflows_is_still_finite() -> None:
    assert codec.spell([1e308, 1e308]) == [1e308, 1e308]
    assert codec.spell([10**400, 0.5]) == [10**400, 0.5]


def test_non_finite_numbers_are_spelled_wherever_they_are() -> None:
    assert codec.encode_data({"a": [math.nan, {"b": -math.inf}], 1: 2}) == b'{"a":["NaN",{"b":"-Infinity"}],"1":2}'
    assert codec.encode_data(ev.Graph(steps={"a": ev.GraphStep(total=math.inf)})) == (
        b'{"steps":{"a":{"total":"Infinity"}}}'
    )


def test_text_that_is_no_unicode_is_shown_by_its_code() -> None:
    assert codec.encode_data({"file": "a\udcff"}) == b'{"file":"a\\\\udcff"}'
    line = ev.Logs(time=[1], level=["INFO"], text=["\ud800"])
    assert codec.encode_data(line) == b'{"time":[1],"level":["INFO"],"text":["\\\\ud800"]}'


def test_what_has_no_place_in_json_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        codec.encode_data({"a": object()})


@given(st.binary())
@example(b"\\x41")
@example(b"\\\xff\\x41\\\\")
def test_bytes_survive_as_text(raw: bytes) -> None:
    text, escaped = codec.escape(raw)
    assert (codec.unescape(text) if escaped else text.encode()) == raw


def test_text_is_escaped_as_the_contract_says() -> None:
    assert codec.escape(b"a\\b\xff") == ("a\\\\b\\xff", True)
    assert codec.escape(b"a\\b") == ("a\\b", False)
    assert codec.unescape("\\x4 \\q \\") == b"\\x4 \\q \\"


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_times_are_written_as_iso_8601(when: int) -> None:
    text = codec.iso(when)
    assert len(text) == 27
    assert codec.parse_time(text) == when
    assert codec.micros(codec.moment(when)) == when


def test_a_time_beyond_the_calendar_is_shown_as_its_edge() -> None:
    assert codec.iso(10**20) == "9999-12-31T23:59:59.999999Z"
    assert codec.iso(-(10**20)) == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("text", ["2026-11-22T09:00:00", "soon", ""])
def test_a_time_without_a_zone_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 2026-11-22T09:00:00Z"):
        codec.parse_time(text)
    with pytest.raises(ValueError, match="has no zone"):
        codec.micros(datetime(2026, 11, 22))
    assert codec.micros(datetime(2026, 11, 22, 9, tzinfo=UTC)) == START


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (ev.METRICS, {"name": "x", "time": [1 << 63], "value": [1]}, "time"),
        (ev.LOGS, {"time": [-(10**30)], "level": ["INFO"], "text": ["a"]}, "time"),
        (ev.PROGRESS, {"time": [1 << 62], "done": [1]}, "time"),
        (ev.SESSION_OFFSET, {"session": "s", "offset": 10**30}, "offset"),
        (ev.METRICS, {"name": "x", "time": [1], "value": [1, 2]}, "unequal length: 1, 2, 1"),
        (ev.METRICS, {"name": "x", "time": [1], "value": [1], "at": []}, "unequal length: 1, 1, 0"),
        (ev.LOGS, {"time": [1], "level": [], "text": ["a"]}, "unequal length"),
        (ev.PROGRESS, {"time": [], "done": [1]}, "unequal length"),
    ],
)
def test_columns_that_cannot_be_a_table_are_refused(kind: str, data: Any, reason: str) -> None:
    event = codec.decode(message(type=kind, data=data))
    with pytest.raises(CodecError, match=reason):
        codec.payload(event)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_utc_has_no_year_for_is_refused(time: str) -> None:
    with pytest.raises(CodecError, match="years 1 to 9999"):
        codec.decode(message(time=time))


@pytest.mark.parametrize(
    ("said", "real"),
    [(10**400, math.inf), (-(10**400), -math.inf), ("Infinity", math.inf), (3, 3.0), (1 << 70, 2.0**70)],
)
def test_any_number_has_a_place_in_a_column(said: Any, real: float) -> None:
    assert codec.real(said) == real
    assert math.isnan(codec.real(None))
    assert math.isnan(codec.real("NaN"))
