"""Bytes <-> event: CloudEvents 1.0, structured JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec

from runreel.errors import CodecError
from runreel.events import DATA, STREAMS, Event, Logs, Metrics, Number, Progress
from runreel.ids import SAFE

CONTENT_TYPE: Final = "application/cloudevents+json"
BATCH_CONTENT_TYPE: Final = "application/cloudevents-batch+json"
SCHEMA: Final = "urn:runreel:1"
MAX_EVENT: Final = 1_000_000
"""An event's bytes, at most: Kafka's default for a message, less room for its headers and key."""

MAX_DEPTH: Final = 100
"""How deep lists and objects may lie within each other in `data`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_SAFE = re.compile(SAFE)
_ESCAPED = re.compile(rb"\\(\\|x[0-9a-fA-F]{2})")

Name = Annotated[
    str, msgspec.Meta(pattern=SAFE, description="letters, digits, `.`, `_`, `-`: it names objects in the store")
]
Text = Annotated[str, msgspec.Meta(min_length=1)]


def _nothing() -> msgspec.Raw:
    return msgspec.Raw(b"{}")


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The envelope as it stands in JSON."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    subject: Text | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    workspace: Name | None = None
    run: Name
    session: Name | None = None
    seq: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None = None
    execution: Text | None = None
    final: bool = False
    data: msgspec.Raw = msgspec.field(default_factory=_nothing)


class _Exact(Envelope, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The envelope without any attribute that runreel does not know: the common case, decoded once.

    Names recur in event after event, so that looking them up (`_safe`) is cheaper than matching them each time.
    """

    run: str
    workspace: str | None = None
    session: str | None = None


@lru_cache(8192)
def _safe(name: str | None) -> bool:
    return name is None or _SAFE.search(name) is not None


_KNOWN = frozenset(Envelope.__struct_fields__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)
_exact_decoder = msgspec.json.Decoder(_Exact)
_any_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_payload_decoders = {kind: msgspec.json.Decoder(data) for kind, data in DATA.items()}
_unknown_decoder = msgspec.json.Decoder(dict[str, Any])


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def micros(when: datetime) -> int:
    """An aware datetime as microseconds since 1970.

    Raises:
        ValueError: `when` has no zone.
    """
    if when.tzinfo is None:
        raise ValueError(f"time {when.isoformat()} has no zone: add Z or an offset")
    return (when - _EPOCH) // _MICROSECOND


def iso(when: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC, with six decimals and a Z.

    What lies outside of the years 1 to 9999 is shown as the nearest moment within: a clock may be wrong by any amount.
    """
    second, rest = divmod(min(max(when, _FIRST), _LAST), 1_000_000)
    return f"{_to_second(second)}.{rest:06d}Z"


@lru_cache(4096)
def _to_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


def parse_time(text: str) -> int:
    """ISO 8601 with a zone as microseconds since 1970.

    Raises:
        ValueError: it is no such time.
    """
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: {error}; write it like 2026-11-22T09:00:00Z") from None


def encode(event: Event) -> bytes:
    """An event's exact bytes. The same event gives the same bytes, always."""
    wire = Envelope(
        specversion="1.0",
        id=event.id,
        source=event.source,
        type=event.type,
        time=moment(event.time),
        subject=event.subject,
        datacontenttype="application/json",
        dataschema=SCHEMA,
        workspace=event.workspace,
        run=event.run,
        session=event.session,
        seq=event.seq,
        execution=event.execution,
        final=event.final,
        data=msgspec.Raw(event.data),
    )
    if not event.extra:
        return _encoder.encode(wire)
    fields: dict[str, Any] = {name: getattr(wire, name) for name in wire.__struct_fields__}
    known = {name: value for name, value in fields.items() if value is not None and value is not False}
    return _encoder.encode({**known, **{k: v for k, v in sorted(event.extra.items()) if k not in _KNOWN}})


def decode(message: bytes | memoryview) -> Event:
    """The event in a Kafka message or an HTTP body.

    Raises:
        CodecError: it is none; the message says why.
    """
    extra = None
    try:
        wire = _exact(message)
        if wire is None:
            wire = _decoder.decode(message)
            extra = _extra(message)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"not an event of the contract: {error}") from None
    time = (wire.time - _EPOCH) // _MICROSECOND
    if not _FIRST <= time <= _LAST:  # its own zone has the year, UTC has not
        raise CodecError(f"not an event of the contract: time {wire.time} lies outside of the years 1 to 9999")
    return Event(
        type=wire.type,
        run=wire.run,
        time=time,
        id=wire.id,
        source=wire.source,
        workspace=wire.workspace or "default",
        session=wire.session,
        seq=wire.seq,
        subject=wire.subject,
        execution=wire.execution,
        final=wire.final,
        data=bytes(wire.data),
        extra=extra,
    )


def _exact(message: bytes | memoryview) -> Envelope | None:
    """The envelope, or None where it has to be looked at closely: an attribute is not known here, or one is wrong."""
    try:
        wire = _exact_decoder.decode(message)
    except msgspec.ValidationError:
        return None
    return wire if _safe(wire.run) and _safe(wire.session) and _safe(wire.workspace) else None


def _extra(message: bytes | memoryview) -> dict[str, Any] | None:
    fields = _any_decoder.decode(message)
    return {name: msgspec.json.decode(raw) for name, raw in fields.items() if name not in _KNOWN} or None


def payload(event: Event) -> Any:
    """What an event says: its type's struct of `events`, or a plain dict where the type is unknown.

    Raises:
        CodecError: the data are not what the type says; names the field.
    """
    decoder = _payload_decoders.get(event.type, _unknown_decoder)
    try:
        data = decoder.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"data of {event.type}: {error}") from None
    if event.type in STREAMS:
        check_columns(data)
    # Counting brackets is cheap, and where there are few nothing can lie deep. Columns cannot at all.
    elif event.data.count(b"{") + event.data.count(b"[") > MAX_DEPTH and _deep(data):
        raise CodecError(f"data of {event.type}: deeper than {MAX_DEPTH} lists and objects within each other")
    return data


def check_columns(data: Metrics | Progress | Logs) -> None:
    """See that the columns of a stream have as many rows each.

    Raises:
        CodecError: they have not.
    """
    if isinstance(data, Metrics):
        rows = (len(data.time), len(data.value), len(data.time if data.at is None else data.at))
    elif isinstance(data, Logs):
        rows = (len(data.time), len(data.level), len(data.text))
    else:
        rows = (len(data.time), len(data.done), len(data.done))
    if not rows[0] == rows[1] == rows[2]:
        raise CodecError(f"columns of unequal length: {', '.join(map(str, rows))}")


def _deep(data: Any) -> bool:
    level = [msgspec.to_builtins(data)]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for one in level
            if isinstance(one, (dict, list))
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def encode_data(data: Any) -> bytes:
    """The bytes of an event's `data`: a struct of `events` or a mapping.

    Non-finite floats anywhere become strings; what is no Unicode in a text (lone surrogates) becomes `\\udcNN`.

    Raises:
        TypeError: something in it has no place in JSON.
    """
    if isinstance(data, Metrics):
        data = msgspec.structs.replace(data, value=spell(data.value), at=None if data.at is None else spell(data.at))
    elif not isinstance(data, Logs):  # lines are many and hold no number: the walk is spared
        data = _spelled(msgspec.to_builtins(data, str_keys=True))
    try:
        return _encoder.encode(data)
    except UnicodeEncodeError:
        return _encoder.encode(_unicode(msgspec.to_builtins(data)))


def _spelled(data: Any) -> Any:
    if isinstance(data, float):
        return spell_one(data)
    if isinstance(data, dict):
        return {key: _spelled(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_spelled(value) for value in data]
    return data


def _unicode(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, dict):
        return {_unicode(key): _unicode(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_unicode(value) for value in data]
    return data


def spell_one(value: float) -> Number:
    """A number as it stands in JSON: `"NaN"`, `"Infinity"`, `"-Infinity"` for what JSON cannot say."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def spell(values: Iterable[Number]) -> list[Number]:
    """A column of numbers as it stands in JSON."""
    column = list(values)
    try:
        if math.isfinite(sum(column)):  # type: ignore[arg-type]  # all are finite: the common case, at one sum's cost
            return column
    except (TypeError, OverflowError):
        pass
    return [spell_one(value) if isinstance(value, float) else value for value in column]


def read_one(value: Number) -> int | float | None:
    """A number from JSON. A string that is no number is "no value"."""
    return _NON_FINITE.get(value) if isinstance(value, str) else value


def read(values: Iterable[Number]) -> list[int | float | None]:
    """A column of numbers from JSON."""
    return [_NON_FINITE.get(value) if isinstance(value, str) else value for value in values]


def real(value: Number) -> float:
    """A number from JSON as a column holds it: "no value" is NaN, what is beyond a float is infinite."""
    number = read_one(value)
    if number is None:
        return math.nan
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def escape(raw: bytes) -> tuple[str, bool]:
    """Bytes as text: `(text, escaped)`. What is not UTF-8 is kept as `\\xNN`, then with each backslash doubled."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace"), True


def unescape(text: str) -> bytes:
    """The bytes behind a text that `escape` marked. What is no escape of it stands as it is."""
    return _ESCAPED.sub(
        lambda found: b"\\" if found[1] == b"\\" else bytes.fromhex(found[1][1:].decode()), text.encode()
    )
