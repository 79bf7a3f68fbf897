"""The same words for whoever speaks here: `runreel.metric(...)` is the current step's `metric`.

Without a run nothing happens, so that a library may say what it does whether or not anybody listens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from runreel import current
from runreel.artifacts import Artifact
from runreel.run import nobody
from runreel.speaker import Speaker
from runreel.track import Track

if TYPE_CHECKING:
    from runreel.step import Step

T = TypeVar("T")


def _speaker() -> Speaker:
    return current.speaker() or nobody()


def metric(name: str, value: Any, *, at: Any = None) -> None:
    """`metric` of the step that speaks here; see `Step.metric`."""
    _speaker().metric(name, value, at=at)


def metrics(values: Mapping[str, Any], *, at: Any = None) -> None:
    """`metrics` of the step that speaks here; see `Step.metrics`."""
    _speaker().metrics(values, at=at)


def points(name: str, *, value: Any, at: Any = None, time: Iterable[Any] | None = None) -> None:
    """`points` of the step that speaks here; see `Step.points`."""
    _speaker().points(name, value=value, at=at, time=time)


def progress(done: Any, total: Any = None, *, unit: str | None = None, message: str | None = None) -> None:
    """`progress` of the step that speaks here; see `Step.progress`."""
    _speaker().progress(done, total, unit=unit, message=message)


def log(text: object, level: str | int = "INFO", *, stream: Literal["log", "stdout", "stderr"] = "log") -> None:
    """`log` of the step that speaks here; see `Step.log`."""
    _speaker().log(text, level, stream=stream)


def output(
    name: str,
    obj: Any = None,
    *,
    type: str | None = None,  # noqa: A002  # the field's word
    metadata: Mapping[str, Any] | None = None,
    uri: str | None = None,
    move: bool = False,
    media_type: str | None = None,
) -> Artifact:
    """`output` of the step that speaks here; see `Step.output`."""
    return _speaker().output(name, obj, type=type, metadata=metadata, uri=uri, move=move, media_type=media_type)


def show(
    name: str,
    obj: Any = None,
    *,
    type: str | None = None,  # noqa: A002
    metadata: Mapping[str, Any] | None = None,
    uri: str | None = None,
    media_type: str | None = None,
) -> Artifact:
    """`show` of the step that speaks here; see `Step.show`."""
    return _speaker().show(name, obj, type=type, metadata=metadata, uri=uri, media_type=media_type)


def input(source: Artifact | str | tuple[str | Step | tuple[str, ...], str]) -> Artifact:  # noqa: A001  # the field's word
    """`input` of the step that speaks here; see `Step.input`."""
    return _speaker().input(source)


def params(params: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """`params` of the step that speaks here; see `Step.params`."""
    _speaker().params(params, **more)


def tags(tags: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """`tags` of the step that speaks here; see `Step.tags`."""
    _speaker().tags(tags, **more)


def track(iterable: Iterable[T] | None = None, total: float | None = None, unit: str | None = None) -> Track[T]:
    """`track` of the step that speaks here; see `Step.track`."""
    return _speaker().track(iterable, total, unit)
