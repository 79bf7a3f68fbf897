"""Bytes <-> event: CloudEvents 1.0, structured JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from runreel.errors import CodecError
from runreel.events import DATA, Event, Logs, Metrics, Number

CONTENT_TYPE: Final = "application/cloudevents+json"
BATCH_CONTENT_TYPE: Final = "application/cloudevents-batch+json"
SCHEMA: Final = "urn:runreel:1"
MAX_EVENT: Final = 1_000_000
"""An event's bytes, at most: Kafka's default for a message, less room for its headers and key."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class _Wire(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The envelope as it stands in JSON."""

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    workspace: str = ""
    run: str
    session: str | None = None
    seq: int | None = None
    execution: str | None = None
    final: bool = False
    data: msgspec.Raw = msgspec.Raw(b"{}")


_KNOWN = frozenset(_Wire.__struct_fields__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Wire)
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
    """Microseconds since 1970 as ISO 8601 in UTC, with six decimals and a Z."""
    return moment(when).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
    wire = _Wire(
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
    try:
        wire = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CodecError(f"not an event of the contract: {error}") from None
    if wire.specversion != "1.0":
        raise CodecError(f"specversion is {wire.specversion!r}, this is for 1.0")
    if wire.time.tzinfo is None:
        raise CodecError("time has no zone: add Z or an offset")
    if not wire.run:
        raise CodecError("run is empty")
    if wire.seq is not None and not 0 <= wire.seq < 1 << 31:
        raise CodecError(f"seq is {wire.seq}, it counts from 0 to 2^31 - 1")
    # What we wrote has no attribute that we do not know; comparing lengths is cheaper than decoding twice.
    extra = None if len(_encoder.encode(wire)) == len(message) else _extra(message)
    return Event(
        type=wire.type,
        run=wire.run,
        time=(wire.time - _EPOCH) // _MICROSECOND,
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
        return decoder.decode(event.data)
    except msgspec.DecodeError as error:
        raise CodecError(f"data of {event.type}: {error}") from None


def encode_data(data: Any) -> bytes:
    """The bytes of an event's `data`: a struct of `events` or a mapping. Non-finite floats anywhere become strings."""
    if isinstance(data, Metrics):
        data = msgspec.structs.replace(data, value=spell(data.value), at=None if data.at is None else spell(data.at))
    elif not isinstance(data, Logs):  # lines are many and hold no number: the walk is spared
        data = _spelled(msgspec.to_builtins(data))
    return _encoder.encode(data)


def _spelled(data: Any) -> Any:
    if isinstance(data, float):
        return spell_one(data)
    if isinstance(data, dict):
        return {key: _spelled(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_spelled(value) for value in data]
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


def escape(raw: bytes) -> tuple[str, bool]:
    """Bytes as text: `(text, escaped)`. What is not UTF-8 is kept as `\\xNN`, then with each backslash doubled."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace"), True


def unescape(text: str) -> bytes:
    """The bytes behind a text that `escape` marked."""
    out, i = bytearray(), 0
    while i < len(text):
        if text[i] != "\\":
            out += text[i].encode()
            i += 1
        elif text[i + 1 : i + 2] == "x":
            out.append(int(text[i + 2 : i + 4], 16))
            i += 4
        else:
            out += b"\\"
            i += 2
    return bytes(out)
