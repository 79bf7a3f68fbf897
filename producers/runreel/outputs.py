"""output and input: from what a user gives to a file that is safe in the spool, and the word of it."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from runreel import events, formats, ids, masks, values
from runreel.artifacts import Artifact
from runreel.digest import hash_of
from runreel.settings import Settings
from runreel.speaker import check_size
from runreel.step import Step, inside
from runreel.voice import SILENCE

if TYPE_CHECKING:
    from runreel.speaker import Speaker

FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)

_log = logging.getLogger("runreel")


def output(
    speaker: Speaker,
    name: str,
    obj: Any,
    type_: str | None,
    metadata: Mapping[str, Any] | None,
    uri: str | None,
    move: bool,
    media_type: str | None,
    *,
    show: bool = False,
) -> Artifact:
    """Keep an artifact's bytes and say that it is there; see `Speaker.output`."""
    name = values.name("an output's name", name)
    given = values.masked(f"metadata of output {name!r}", metadata or {})
    check_size(f"metadata of output {name!r}", given)
    for field, word in (("type", type_), ("uri", uri), ("media_type", media_type)):
        if word is not None:
            values.name(f"{field} of output {name!r}", word)
    if obj is None and uri is None:
        raise TypeError(f"output {name!r} has neither an object nor a uri: give one of them")
    if obj is not None and uri is not None:
        raise TypeError(f"output {name!r} has an object and a uri: give one of them")
    number = ids.new_artifact()
    said = events.Artifact(name=name, id=number, type=type_ or "Artifact", metadata=given, show=show)
    copy: Path | None = None
    file_name = None
    if uri is not None:
        guessed, guessed_media = formats.of_uri(uri)
        said.type, said.uri, said.media_type = (
            type_ or guessed,
            masks.text(values.clean(uri)),
            media_type or guessed_media,
        )
    else:
        content = formats.content(name, obj, type_)
        if move and content.file is None:
            raise ValueError(f"move=True for output {name!r}, which is no file: leave move out")
        said.type, said.media_type = type_ or content.type, media_type or content.media_type
        file_name = _file_name(name, content.suffix)
        if speaker.run.voice is not SILENCE:
            copy = _keep(speaker, said, content, move)
    speaker.run.voice.say(events.ARTIFACT, said, subject=speaker.path, execution=speaker.execution)
    if copy is not None and speaker.run.shelf is None:
        _ship(speaker, said, copy)
    artifact = Artifact(
        run=speaker.run.id,
        name=name,
        id=number,
        type=said.type,
        step=speaker.path,
        uri=None if uri is None else values.clean(uri),
        size=said.size,
        sha256=said.sha256,
        media_type=said.media_type,
        metadata=given,
        state=said.state,
        reason=said.reason,
        copy=None if copy is None else str(copy),
        file_name=file_name,
    )
    speaker.run.outputs[speaker.path, name] = speaker.run.outputs[None, name] = artifact
    return artifact


def _file_name(name: str, suffix: str) -> str:
    safe = ids.encode_segment(name)[:200]
    return safe if suffix and safe.endswith(suffix) else safe + suffix


def _keep(speaker: Speaker, said: events.Artifact, content: formats.Content, move: bool) -> Path | None:
    """The bytes as a file in the spool; its size and hash, or why it failed, go into `said`."""
    target: Path | None = None
    try:
        target = (speaker.run.shelf or speaker.run.voice.files()) / str(said.id)
        if content.file is None:
            content.write(target)
        else:
            take(content.file, target, move=move)
        said.size, said.sha256 = target.stat().st_size, hash_of(target)
        said.by = travels(speaker.run.settings, said.size)
    except Exception as error:  # conversion is others' code and may raise anything: the step goes on
        said.state, said.reason = "failed", values.clean(f"{type(error).__name__}: {error}")[:10_000]
        said.size = said.sha256 = None
        _log.warning("output %r failed: %s", said.name, said.reason)
        if target is not None:
            target.unlink(missing_ok=True)
        return None
    return target


def _ship(speaker: Speaker, said: events.Artifact, copy: Path) -> None:
    assert said.id is not None
    assert said.size is not None
    assert said.sha256 is not None
    assert said.by != "reference"
    speaker.run.voice.upload(said.id, copy, said.by, size=said.size, sha256=said.sha256, name=said.name)


def take(source: Path, target: Path, *, move: bool = False) -> None:
    """`source` at `target`: moved by renaming, else cloned where the file system can, else copied by the kernel.

    Raises:
        OSError: it is no file, cannot be read, or the disk is full.
    """
    if not source.is_file():
        raise FileNotFoundError(f"no file {source} is there" if not source.exists() else f"{source} is no file")
    if move:
        try:
            source.rename(target)
        except OSError:
            shutil.copyfile(source, target)
            source.unlink()
        return
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new, FICLONE, old.fileno())
            return
        except OSError:
            pass  # another file system, or one that shares no blocks
    shutil.copyfile(source, target)


def travels(settings: Settings, size: int) -> Literal["chunks", "claim"]:
    """How an artifact's bytes go: in chunks through Kafka, or straight to the store for what is large, and always
    where there is no Kafka but the built-in one, whose memory is small.
    """
    through_kafka = bool(settings.kafka) and settings.transport in ("", "kafka")
    return "chunks" if through_kafka and (size <= settings.claim_above or not settings.url) else "claim"


def use(speaker: Speaker, source: object) -> Artifact:
    """Say that an artifact is used; see `Speaker.input`."""
    artifact = _named(speaker, source)
    said = events.Artifact(
        name=artifact.name,
        id=artifact.id,
        type=artifact.type,
        role="input",
        step=None if artifact.id else artifact.step,
        uri=None if artifact.id or artifact.uri is None else masks.text(artifact.uri),
    )
    speaker.run.voice.say(events.ARTIFACT, said, subject=speaker.path, execution=speaker.execution)
    return artifact


def _named(speaker: Speaker, source: object) -> Artifact:
    run = speaker.run
    if isinstance(source, Artifact):
        return source
    if isinstance(source, os.PathLike):
        path = Path(os.fsdecode(source)).absolute()
        return Artifact(run=run.id, name=path.name, uri=path.as_uri())
    if isinstance(source, str) and "://" in source:
        uri = values.clean(source)
        kind, media_type = formats.of_uri(uri)
        shown = masks.text(uri)
        name = shown.rstrip("/").rpartition("/")[2] or shown
        return Artifact(run=run.id, name=name, type=kind, uri=uri, media_type=media_type)
    if isinstance(source, str):
        name = values.name("an input's name", source)
        return run.outputs.get((None, name)) or Artifact(run=run.id, name=name)
    if isinstance(source, tuple) and len(source) == 2:
        maker, name = source[0], values.name("an input's name", source[1])
        step = maker.path if isinstance(maker, Step) else _path(maker)
        return run.outputs.get((step, name)) or Artifact(run=run.id, name=name, step=step)
    raise TypeError(
        f"input is {values.shown(source)}, a {type(source).__name__}: give an artifact, its name, (step, name) or a uri"
    )


def _path(step: object) -> str:
    if isinstance(step, tuple) and step:
        return ids.join_path(values.name("an input's step", part) for part in step)
    return inside(None, values.name("an input's step", step))
