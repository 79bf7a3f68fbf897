"""Values as people read them. `static/js/core/format.js` says the same in the browser; one table tests both."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from runreel import ids, measures

MICRO = 1_000_000
NOTHING = measures.NOTHING
LONGEST = 200
"""Characters of a name that are shown."""
MOST = 2_000
"""Characters of a value that are shown, and of a name that goes into an address: servers refuse much longer ones."""

# Controls and marks that turn the direction of text or hide in it: in a name they are shown, never obeyed.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


span, guess, size, size_of = measures.span, measures.guess, measures.size, measures.size_of


def micros(time: Any) -> int | None:
    """A moment in microseconds since 1970, from an ISO 8601 string or from microseconds; None where it is neither."""
    if isinstance(time, bool) or time is None:
        return None
    if isinstance(time, (int, float)):
        return int(time)
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * MICRO + since.microseconds


def iso(time: int) -> str:
    """Microseconds since 1970 as ISO 8601 UTC, with as many digits of the second as it takes."""
    seconds, rest = divmod(time, MICRO)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}Z" if rest else f"{text}Z"


def clock(time: int | None) -> str:
    """A moment as HH:MM:SS in this machine's zone (the browser says it again in its own)."""
    if time is None:
        return NOTHING
    return datetime.fromtimestamp(time // MICRO).astimezone().strftime("%H:%M:%S")


def day(time: int | None, now: int) -> str:
    """A moment as HH:MM on the day of `now`, else as "20 Nov", with the year where it is another."""
    if time is None:
        return NOTHING
    moment, today = (datetime.fromtimestamp(t // MICRO).astimezone() for t in (time, now))
    if moment.date() == today.date():
        return moment.strftime("%H:%M")
    return f"{moment.day} {moment:%b}" + ("" if moment.year == today.year else f" {moment.year}")


def moment(time: int | None, now: int) -> str:
    """A moment as HH:MM:SS on the day of `now`, else with its day: "20 Nov, 13:58:22"."""
    said = day(time, now)
    return clock(time) if time is None or ":" in said else f"{said}, {clock(time)}"


def utc(time: int | None) -> str:
    """A moment as UTC, to the second, for who points at it: "2026-11-20 12:58:22 UTC"."""
    said = "" if time is None else iso(time)
    return said and f"{said[:10]} {said[11:19]} UTC"


def count(number: float | None) -> str:
    """A whole number with its thousands parted."""
    return NOTHING if number is None else f"{round(number):,}"


def value(number: Any) -> str:
    """A metric's value: whole numbers whole, else four significant digits; the non-finite ones by name."""
    if number is None:
        return NOTHING
    if isinstance(number, str):
        return {"Infinity": "∞", "-Infinity": "−∞"}.get(number, number)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else ("∞" if number > 0 else "−∞")
    size = abs(number)
    if size >= 1e15 or 0 < size < 1e-4:
        mantissa, exponent = f"{number:.3e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    elif number == int(number) or size >= 1000:
        text = f"{round(number):,}"
    else:
        text = f"{number:.{max(0, 3 - max(0, math.floor(math.log10(size))))}f}" if size >= 1 else f"{number:.4f}"
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share of 1 as a whole percentage; only what is all done says 100."""
    return f"{min(99, math.floor(share * 100 + 0.5)) if share < 1 else 100} %"


def visible(text: str) -> str:
    """A text of which what would turn its direction or hide in it is shown as `\\u202e`."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _cut(text: str, most: int) -> str:
    return f"{text[:most]}…" if len(text) > most else text


def name(text: Any) -> str:
    """A name as visible text: its first `LONGEST` characters."""
    return visible(_cut(str(text), LONGEST))


def fits(text: str) -> bool:
    """Whether a name is short enough to go into an address."""
    return len(text) <= MOST


def key(text: str) -> str:
    """A name by which a script finds its element again; of one that is too long none, and the script makes its own."""
    return text if fits(text) else ""


def step_name(path: str) -> str:
    """A step's path as people read it: its names, `/` between them."""
    return name("/".join(ids.split_path(path)))


def param(given: Any) -> str:
    """A parameter's value, or another long text, in one line: its first `MOST` characters and how many it has."""
    said = _flat(given)
    return visible(_cut(said, MOST)) + (f" ({count(len(said))} characters)" if len(said) > MOST else "")


def _flat(given: Any) -> str:
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "null"}[given]
    if isinstance(given, (int, float)):
        return value(given)
    if isinstance(given, dict):
        return ", ".join(f"{key}: {_flat(one)}" for key, one in given.items())
    if isinstance(given, (list, tuple)):
        return ", ".join(_flat(one) for one in given)
    return str(given)


def cell(given: Any) -> str:
    """A table's cell as it stands: no grouping, no rounding."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given.is_integer() and abs(given) < 1e15:
        given = int(given)
    return str(given).replace("-", "−", 1) if isinstance(given, (int, float)) else str(given)


def plural(number: int, word: str) -> str:
    """ "1 step", "2 steps"."""
    return f"{count(number)} {word}" + ("" if number == 1 else "s")
