"""The envelope is CloudEvents 1.0: checked by the specification's own reader, which knows nothing of runreel."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from runreel import codec
from runreel import events as ev
from runreel.events import Event
from runs import RUN, START, random_run

GOLDEN = Path(__file__).parents[1] / "data" / "v1-etl.jsonl"


@pytest.mark.parametrize("seed", range(5))
def test_an_outside_reader_takes_every_event(seed: int) -> None:
    for event in random_run(Random(seed)):
        read = JSONFormat().read(CloudEvent, codec.encode(event))
        assert (read.get_id(), read.get_source(), read.get_type()) == (event.id, event.source, event.type)
        assert read.get_specversion() == "1.0"
        assert read.get_subject() == event.subject
        assert read.get_extension("run") == event.run
        assert read.get_extension("seq") == event.seq
        assert read.get_time() == codec.moment(event.time)


def test_an_outside_reader_takes_it_from_kafka() -> None:
    for line in GOLDEN.read_bytes().splitlines()[:50]:
        headers = {"content-type": codec.CONTENT_TYPE.encode()}
        message = KafkaMessage(headers=headers, key=RUN.encode(), value=line)
        read = from_kafka(message, JSONFormat(), CloudEvent)
        assert read.get_extension("run") == codec.decode(line).run


def test_what_an_outside_writer_makes_is_read() -> None:
    attributes = {
        "id": "1",
        "source": "/shell",
        "type": ev.TAGS,
        "specversion": "1.0",
        "time": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "run": RUN,
        "session": "abc",
        "seq": 0,
        "final": True,
        "datacontenttype": "application/json",
    }
    event = codec.decode(JSONFormat().write(CloudEvent(attributes, {"k": "v"})))
    assert (event.time, event.final, codec.payload(event)) == (START, True, {"k": "v"})


def test_names_of_attributes_are_those_that_cloudevents_allows() -> None:
    """Lower case letters and digits, at most 20: other readers refuse the rest."""
    for name in codec.Envelope.__struct_fields__:
        assert name.isalnum(), name
        assert name == name.lower(), name
        assert len(name) <= 20, name


def test_every_type_has_its_data_and_a_prefix() -> None:
    kinds = {value for name, value in vars(ev).items() if name.isupper() and isinstance(value, str)}
    assert kinds == set(ev.DATA)
    assert all(kind.startswith("runreel.") for kind in kinds)
    assert kinds > ev.STREAMS


def test_events_do_not_change() -> None:
    event = Event(type="t", run="r", time=0, id="1", source="/s")
    with pytest.raises(AttributeError):
        event.run = "other"  # type: ignore[misc]
