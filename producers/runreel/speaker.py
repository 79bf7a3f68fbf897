"""What a run and a step have in common: everything that can be said."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from runreel import codec, events, levels, values
from runreel.artifacts import Artifact
from runreel.outcome import text_of, worth_telling
from runreel.track import Track

if TYPE_CHECKING:
    from runreel.run import Run
    from runreel.step import Parent, Step
    from runreel.voice import Voice

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

LARGEST: Final = 512 << 10  # bytes of params, tags or metadata in one event; a message holds twice that
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class _Series(NamedTuple):
    point: Callable[[int, int | float | None, int | float], None]
    handle: int


class Speaker:
    """Someone who can speak: a `Run` or a `Step`.

    No method raises after `runreel.start` but for a wrong argument, at once (TypeError or ValueError), and SpoolFull
    where RUNREEL_ON_FULL is `raise`. What is said is on disk when the call returns; delivery goes on behind it.
    """

    run: Run
    parent: Speaker | None
    path: str | None
    execution: str | None
    open: bool

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    @property
    def _voice(self) -> Voice:
        return self.run.voice

    def metric(self, name: str, value: Any, *, at: Any = None) -> None:
        """Say one point of the series `name`.

        Args:
            name: the series; with the step's attempt it is one curve.
            value: a number of Python, numpy, torch...; NaN and the infinities are numbers too.
            at: the point's index (an epoch, a batch). Without it the points of this process are counted.

        Raises:
            TypeError: `value` or `at` is no number.
        """
        try:
            series = self._series[name]
        except (KeyError, TypeError):
            series = self._open_series(name)
        if type(value) is not float and (type(value) is not int or not _LEAST <= value <= _MOST):
            value = values.number(f"metric {name!r}", value)
        if at is not None and type(at) is not int and type(at) is not float:
            at = values.number(f"at of metric {name!r}", at)
        series.point(series.handle, at, value)

    def metrics(self, values: Mapping[str, Any], *, at: Any = None) -> None:
        """Say one point of each series in `values`, all at the same index; see `metric`.

        Raises:
            TypeError: `values` is no mapping of names to numbers.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"metrics are {values!r:.80}: give a mapping of names to numbers")
        for name, value in values.items():
            self.metric(name, value, at=at)

    def points(self, name: str, *, value: Any, at: Any = None, time: Iterable[Any] | None = None) -> None:
        """Say many points of one series at once.

        Args:
            name: the series.
            value: a column of numbers: a list, a numpy array, a pandas or torch column, any iterable.
            at: their indices, as many. Without it they are counted.
            time: their moments, as many: microseconds since 1970, or aware datetimes. Without it, now.

        Raises:
            TypeError: a column holds what is no number; names the place.
            ValueError: the columns differ in length.
        """
        column = values.column(f"value of {name!r}", value)
        indices = None if at is None else values.column(f"at of {name!r}", at)
        moments = None if time is None else values.times(f"time of {name!r}", time)
        for field, other in (("at", indices), ("time", moments)):
            if other is not None and len(other) != len(column):
                raise ValueError(
                    f"{field} of {name!r} has {len(other)} values and value has {len(column)}: give as many"
                )
        series = self._open_series(name)
        if column:
            self._voice.points(series.handle, indices, column, moments)

    def progress(self, done: Any, total: Any = None, *, unit: str | None = None, message: str | None = None) -> None:
        """Say how far this is.

        Args:
            done: how many units are done.
            total: how many there are, where that is known.
            unit: what they are: `"file"`, `"epoch"`.
            message: what is being done, in a few words.

        Raises:
            TypeError: `done` or `total` is no number, `unit` or `message` no text.
            ValueError: `done` or `total` is not finite, or below 0.
        """
        far = values.amount("done", done)
        whole = None if total is None else values.amount("total", total)
        unit = None if unit is None else values.name("unit", unit)
        if message is not None and not isinstance(message, str):
            raise TypeError(f"message is {values.shown(message)}, a {type(message).__name__}: give text")
        self._voice.progress(self.path, self.execution, far, whole, unit, message)

    def log(
        self,
        text: object,
        level: str | int = "INFO",
        *,
        stream: Literal["log", "stdout", "stderr"] = "log",
    ) -> None:
        """Say a line of the log; of any length, and it may have lines of its own.

        Args:
            text: text, or bytes (what is not UTF-8 survives, marked); anything else as `str` gives it.
            level: DEBUG, INFO, WARNING, ERROR, CRITICAL, any level known to `logging`, or its number.
            stream: where it was read: `log`, or a command's `stdout` or `stderr`.

        Raises:
            ValueError: no such level or stream.
        """
        if stream not in ("log", "stdout", "stderr"):
            raise ValueError(f"stream is {values.shown(stream)}: give log, stdout or stderr")
        said = text if isinstance(text, bytes) else str(text)
        self._voice.line(self.path, self.execution, said, levels.level(level), stream)

    def record(self, text: str, level: str, time: int) -> None:
        """Say a line that was logged at `time`, in microseconds since 1970; for adapters of logging systems."""
        self._voice.line(self.path, self.execution, text, level, "log", time)

    def output(
        self,
        name: str,
        obj: Any = None,
        *,
        type: str | None = None,  # noqa: A002  # the field's word
        metadata: Mapping[str, Any] | None = None,
        uri: str | None = None,
        move: bool = False,
        media_type: str | None = None,
    ) -> Artifact:
        """Say that this made an artifact, and keep its bytes.

        They are safe when the call returns: what is done to `obj` afterwards does not show. What fails on the way
        (conversion, a missing library, the disk) is an artifact with `state` "failed" and a `reason`, not an exception.

        Args:
            name: what it is called; the nth output of this name in this step is version n.
            obj: a path (text or PathLike) of a file, or of a folder, which becomes one zip file; bytes; text; a pandas
                frame (Parquet, or CSV without pyarrow); a Plotly figure (JSON); a Matplotlib figure (PNG); a mapping
                or list (JSON). A text is a path where a file or folder of that name is there.
            type: Dataset, Model, Metrics, ClassificationMetrics, HTML, Markdown, Table, Image, Plotly, or a word of
                your own. Without it, what `obj` is says so.
            metadata: names to plain values.
            uri: where the bytes lie already (a mounted volume, another bucket): nothing is copied then.
            move: a file need not stay where it is: it is renamed into the spool where that is the same file system.
            media_type: what is in it (`text/csv`). Without it, what `obj` is says so.

        Raises:
            TypeError: `obj` is nothing that can be kept, or there is neither `obj` nor `uri`.
            ValueError: `move` for what is no file, or metadata too large for an event.
        """
        from runreel import outputs

        return outputs.output(self, name, obj, type, metadata, uri, move, media_type)

    def show(
        self,
        name: str,
        obj: Any = None,
        *,
        type: str | None = None,  # noqa: A002
        metadata: Mapping[str, Any] | None = None,
        uri: str | None = None,
        media_type: str | None = None,
    ) -> Artifact:
        """An `output` that is meant to be looked at: the page shows it with the run."""
        from runreel import outputs

        return outputs.output(self, name, obj, type, metadata, uri, False, media_type, show=True)

    def input(self, source: Artifact | str | tuple[str | Step | tuple[str, ...], str]) -> Artifact:
        """Say that this uses an artifact; without `after`, it makes the step follow the one that made it.

        Args:
            source: what `output` answered; the name of an output; (step, name); or a uri (`s3://...`, `file:///...`).
                One that nobody has made yet stays pending and is found when it comes.

        Returns:
            A handle, whose `path()` and `open()` fetch the bytes.

        Raises:
            TypeError: it is none of these.
        """
        from runreel import outputs

        return outputs.use(self, source)

    def params(self, params: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Say parameters: what this was given. Names to values, of any nesting; the last word counts.

        Raises:
            TypeError: not a mapping with text as its keys.
            ValueError: one value is larger than an event holds.
        """
        self._say_values(events.PARAMS, "params", {**(params or {}), **more} if more else params or {})

    def tags(self, tags: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Say tags: by what this is to be found. Names to values; the last word counts.

        Raises:
            TypeError: not a mapping with text as its keys.
            ValueError: one value is larger than an event holds.
        """
        self._say_values(events.TAGS, "tags", {**(tags or {}), **more} if more else tags or {})

    def track(
        self, iterable: Iterable[T] | None = None, total: float | None = None, unit: str | None = None
    ) -> Track[T]:
        """Go through `iterable` and say how far that is.

        `for path in step.track(paths): ...`; or by hand, `bar = step.track(total=100)`, `bar.update(5)`,
        `bar.close()`, with or without `with`.

        Args:
            iterable: anything to go through, or nothing.
            total: how many there will be; without it `len(iterable)`, where it has one.
            unit: what they are: `"file"`.
        """
        return Track(self, iterable, total, unit)

    def bind(self, fn: F) -> F:
        """`fn`, carried into any thread: while it runs, this is the step that speaks.

        `pool.map(step.bind(work), items)`. For functions, coroutine functions, generators and async generators.
        """
        from runreel.decorator import carried

        return carried(fn, self)

    def step(
        self,
        name: str,
        *,
        after: Sequence[Parent] | None = None,
        total: float | None = None,
        unit: str | None = None,
        params: Mapping[str, Any] | None = None,
        kind: str | None = None,
        join: bool = False,
    ) -> Step:
        """Begin a step (of a run), or a step within this one. Use it with `with`, or `finish` it.

        The same name again is another attempt of the same step.

        Args:
            name: any text; `/` in it is no syntax.
            after: its parents: steps, names of steps at the same level, or tuples of names from the outermost on.
                Without it, the makers of its inputs.
            total: how many units it will do.
            unit: what they are.
            params: what it was given.
            kind: what sort of step it is, in a word of your own.
            join: several processes make this one execution together (four workers of one `train`).

        Raises:
            TypeError, ValueError: a name is no text or empty.
        """
        from runreel.step import begin

        return begin(self, name, after, total, unit, params, kind, join)

    def environ(self) -> dict[str, str]:
        """The environment variables by which another process speaks here: `env={**os.environ, **step.environ()}`.

        `runreel.start` in that process joins the run; in pools, `runreel.join` as initialiser does. Empty where
        runreel is disabled.
        """
        return self.run.identity(self)

    def _open_series(self, name: str) -> _Series:
        said = values.name("a metric's name", name)
        voice = self._voice
        series = _Series(voice.point, voice.series(self.path, self.execution, said))
        self._series[name] = series
        _with_series[id(self)] = weakref.ref(self, partial(_gone, id(self)))
        return series

    def _say(self, type: str, data: Any) -> None:  # noqa: A002
        self._voice.say(type, data, subject=self.path, execution=self.execution)

    def _say_values(self, type: str, field: str, given: object) -> None:  # noqa: A002
        said = values.masked(field, given)
        if len(codec.encode_data(said)) <= LARGEST:
            if said:
                self._say(type, said)
            return
        for name, value in said.items():
            check_size(f"{field} {name!r}", {name: value})
        for name, value in said.items():
            self._say(type, {name: value})

    def _tell(self, error: object) -> None:
        """Put an exception's traceback into the log, once however many steps it passes through."""
        if isinstance(error, BaseException) and worth_telling(error):
            self._voice.line(self.path, self.execution, text_of(error), "ERROR")


def check_size(field: str, data: Mapping[str, Any]) -> None:
    """Refuse what no event holds.

    Raises:
        ValueError: it is larger than `LARGEST`.
    """
    size = len(codec.encode_data(data))
    if size > LARGEST:
        raise ValueError(f"{field} has {size:,} bytes, an event takes {LARGEST:,}: keep it by output()")


_with_series: dict[int, weakref.ref[Speaker]] = {}  # by `id()`; a WeakSet may not grow while somebody looks at it


def _gone(key: int, known: weakref.ref[Speaker]) -> None:
    if _with_series.get(key) is known:  # another speaker may have taken the place of one that has gone
        _with_series.pop(key, None)


def forget_series(run: Run | None = None) -> None:
    """Let go of handles: of all, in a forked child that gets a session of its own; of one run, when it is over."""
    for known in list(_with_series.values()):
        speaker = known()
        if speaker is not None and (run is None or speaker.run is run):
            speaker._series = {}


os.register_at_fork(after_in_child=forget_series)
