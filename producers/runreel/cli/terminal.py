"""A run's page in a terminal, drawn with rich, which the extra `terminal` brings."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from runreel.cli.runs import MARKS, when
from runreel.events import ENDED
from runreel.ids import short
from runreel.measures import guess, size_of, span

if TYPE_CHECKING:  # imported where it draws: the core has no rich
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

Json = dict[str, Any]

STYLES: Final = {
    "RUNNING": "bold blue",
    "SUCCEEDED": "green",
    "CACHED": "green",
    "FAILED": "bold red",
    "STALLED": "magenta",
    "CANCELED": "yellow",
}
LEVELS: Final = {"WARNING": "magenta", "ERROR": "bold red", "CRITICAL": "bold red", "DEBUG": "dim"}
FRAMES: Final = 4  # a second: more only costs
MOST_STEPS, MOST_METRICS, MOST_LINES = 40, 12, 500
BAR: Final = 12


class Terminal:
    """The page of one run, kept current while it is entered.

    Args:
        url: the page's address, shown in the head.
        console: where it is drawn; None: the process's own terminal.
    """

    def __init__(self, url: str, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._url, self._console = url, console or Console()
        self._lines: deque[Json] = deque(maxlen=MOST_LINES)
        self.state: Json = {}
        self.now: datetime | None = None
        self._live = Live(console=self._console, refresh_per_second=FRAMES, get_renderable=self.page)

    def __enter__(self) -> Terminal:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def print(self) -> None:
        """Draw it once."""
        self._console.print(self.page())

    def show(self, state: Json) -> None:
        """Show this state from now on."""
        self.state = state

    def patch(self, patch: Json) -> None:
        """Show what this merge patch (RFC 7396) makes of the state."""
        self.state = merged(self.state, patch)

    def lines(self, lines: Iterable[Json]) -> None:
        """Add lines of the log."""
        self._lines.extend(lines)

    def page(self) -> RenderableType:
        """What is drawn: head, steps, metrics, and as much of the log's end as there is room for."""
        from rich.console import Group
        from rich.text import Text

        steps, others = self._steps(), [one for one in (self._metrics(), self._coming()) if one is not None]
        height = self._console.height - 4 - steps.row_count - len(others)
        log = [self._line(one) for one in list(self._lines)[-max(3, height) :]]
        return Group(self._head(), steps, *others, Text(""), *log)

    def _head(self) -> Text:
        from rich.text import Text

        state = self.state.get("state", "PENDING")
        head = Text.assemble((f"{MARKS.get(state, ' ')} {state.title()}", STYLES.get(state, "")))
        head.append(f"  {self.state.get('pipeline', '')} {short(self.state.get('id', ''))}", "bold")
        took = self._took(self.state)
        left = "" if state in ENDED else self._left(self.state)
        missing = sum(gap["to"] - gap["from"] + 1 for gap in self.state.get("missing") or ())
        record = f"{missing:,} missing" if missing else "complete" if self.state.get("complete") else "no gap"
        head.append(f"  {took}{left}  {record}, {self.state.get('events') or 0:,} events  ")
        head.append(self._url, "dim")
        return head

    def _steps(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for least in (1, 12, 0, 12, 14, 0):
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=least)
        every = dict(begun_first(self.state.get("steps") or {}))
        steps = {path: step for path, step in every.items() if not over(path, every)}
        wrong_first = sorted(steps, key=lambda path: (steps[path]["state"] not in ("FAILED", "STALLED", "RUNNING"),))
        shown = set(wrong_first[:MOST_STEPS]) if len(steps) > MOST_STEPS else set(steps)
        for path, step in steps.items():
            if path not in shown:
                continue
            state, progress = step["state"], step.get("progress") or {}
            done, total = progress.get("done"), progress.get("total")
            bar: RenderableType = ProgressBar(total, min(done, total), width=BAR) if total and done is not None else ""
            error = (step.get("error") or {}).get("message") or ""
            told = error or progress.get("message") or ""
            table.add_row(
                Text(MARKS.get(state, " "), STYLES.get(state, "dim")),
                Text(path, "" if state != "PENDING" else "dim"),
                bar,
                Text(far(progress)),
                Text(self._took(step) + (self._left(step) if state == "RUNNING" else "")),
                Text(told, STYLES.get(state, "") if error else "dim", no_wrap=True, overflow="ellipsis"),
            )
        if len(shown) < len(every):
            table.add_row("", Text(f"{len(every) - len(shown):,} steps more", "dim"))
        return table

    def _metrics(self) -> Text | None:
        from rich.text import Text

        found = last_values(self.state.get("series") or {})
        if not found:
            return None
        text = Text(no_wrap=True, overflow="ellipsis")
        for label, last in found[-MOST_METRICS:]:
            text.append(f"{label} ", "dim").append(f"{last}  ", "bold")
        return text

    def _coming(self) -> Text | None:
        """The artifacts that are on their way, and how far they are."""
        from rich.text import Text

        found = [one for one in (self.state.get("artifacts") or {}).values() if one["state"] == "pending"]
        if not found:
            return None
        text = Text("on its way  ", "dim", no_wrap=True, overflow="ellipsis")
        for one in found[-MOST_METRICS:]:
            text.append(f"{one['name']} ", "dim").append(f"{size_of(one)}  ", "bold")
        return text

    def _line(self, line: Json) -> Text:
        from rich.text import Text

        clock = datetime.fromtimestamp(line["time"] / 1e6).strftime("%H:%M:%S")
        level = line.get("level") or "INFO"
        text = Text(f"{clock} ", "dim", no_wrap=True, overflow="ellipsis").append(
            f"{line.get('step') or '':<20} ", "dim"
        )
        if level != "INFO":
            text.append(f"{level} ", LEVELS.get(level, ""))
        return text.append(line["text"], LEVELS.get(level, "not dim") if level in ("ERROR", "CRITICAL") else "not dim")

    def _took(self, what: Json) -> str:
        started, finished = when(what.get("started")), when(what.get("finished"))
        return "" if started is None else span(((finished or self._present()) - started).total_seconds())

    def _present(self) -> datetime:
        return self.now or datetime.now(UTC)

    def _left(self, what: Json) -> str:
        eta = when(what.get("eta"))
        if eta is None:
            return ""
        return f", {guess((eta - self._present()).total_seconds())} left"


def begun_first(steps: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """The steps in the order in which they began; those that have not, at the end."""
    return sorted(steps.items(), key=lambda item: (not item[1].get("started"), item[1].get("started") or "", item[0]))


def over(path: str, steps: Mapping[str, Json]) -> bool:
    """Whether a step went well and lies in one that has ended: the outer one says it all."""
    above = path.rpartition("/")[0]
    good = steps[path]["state"] not in ("FAILED", "STALLED")
    return good and above in steps and steps[above]["state"] in ENDED


def last_values(series: Mapping[str, Mapping[str, Json]]) -> list[tuple[str, str]]:
    """The series of all steps, each with its last value as it is shown."""
    found = [
        (f"{path}/{name}" if path else name, one.get("last"))
        for path, all_ in series.items()
        for name, one in all_.items()
    ]
    return [(label, f"{last:.4g}" if isinstance(last, (int, float)) else str(last)) for label, last in found]


def far(progress: Json) -> str:
    """How far a step is, in its own units."""
    done, total, unit = progress.get("done"), progress.get("total"), progress.get("unit") or ""
    if done is None:
        return ""
    return f"{done:,.10g} of {total:,.10g} {unit}".rstrip() if total else f"{done:,.10g} {unit}".rstrip()


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, all else replaces. `target` is not changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
