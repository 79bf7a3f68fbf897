"""The consumers' commands: `consume`, `topics`, `archive`, `replay`, `export`, `import`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from runreel.cli.service import log_to_stderr, until_told
from runreel.codec import iso
from runreel.deadline import Deadline
from runreel.errors import NotFound, SettingError
from runreel.hub import Hub
from runreel.parsers import age
from runreel.settings import Settings

if TYPE_CHECKING:
    from runreel_consumers.archive.reader import Reader
    from runreel_consumers.catalog.retention import Ages
    from runreel_consumers.outbox import Outbox

CONSUMERS: Final = ("archive", "blobs")
_FLUSH_SECONDS: Final = 60.0


@click.command("consume")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Choice([*CONSUMERS, "all"]))
def consume(names: tuple[str, ...]) -> None:
    """Run consumers until Ctrl-C or SIGTERM: archive, blobs, or all in one process. Any number of each may run."""
    from runreel_consumers import serving
    from runreel_consumers.checks import require_kafka, require_store, require_topics
    from runreel_consumers.together import Consumers

    serving.prepare()
    settings = Settings()
    chosen = CONSUMERS if "all" in names else tuple(dict.fromkeys(names))
    with until_told() as told:  # from the beginning, so that SIGTERM never finds a half-made member of the group
        address = require_kafka(settings)
        needed = {"archive": settings.event_topics, "blobs": [settings.topic_blobs]}
        require_topics(settings, [topic for name in chosen for topic in needed[name]])
        require_store(settings)
        log_to_stderr(logging.INFO)
        click.echo(f"consuming {' and '.join(chosen)} from {address} into {settings.store}")
        consumers = Consumers(settings, names=chosen)
        consumers.start()
        consumers.wait(told)
        ended = consumers.stop(Deadline(settings.exit_wait + 5))
    if consumers.failed is not None:
        raise consumers.failed
    if not ended:
        raise click.ClickException("a consumer did not end in time; what it held is consumed again")


@click.group("topics")
def topics() -> None:
    """The topics of Kafka: make them, compare them with what they should be."""


@topics.command("create")
def create_topics() -> None:
    """Make the topics that are not there; those that are stay as they are."""
    from runreel_consumers.checks import require_kafka
    from runreel_consumers.topics import create

    settings = Settings()
    for name, made in sorted(create(settings, require_kafka(settings)).items()):
        click.echo(f"{name}: {'made' if made else 'is there'}")


@topics.command("compare")
def compare_topics() -> int:
    """Say what about the topics is not as it should be; exit code 1 where something is not."""
    from runreel_consumers.checks import require_kafka
    from runreel_consumers.topics import compare

    settings = Settings()
    differences = compare(settings, require_kafka(settings))
    for found in differences:
        click.echo(f"{found.topic} {found.text}\n    -> {found.way_out}")
    if not differences:
        click.echo("all topics are there and right")
    return 1 if differences else 0


@click.group("archive")
def archive() -> None:
    """The archive: make its caches anew, merge its segments, remove a run, or those that are too old."""


@archive.command("rebuild")
def rebuild() -> None:
    """Delete the catalog, keyframes and runs' own objects, and make them again. No consumer may run meanwhile."""
    from runreel_consumers.catalog.rebuild import rebuild as again
    from runreel_consumers.checks import require_store

    count = again(require_store(Settings()), lambda done, of: click.echo(f"\r{done:,} of {of:,} runs", nl=False))
    click.echo(f"\r{count:,} runs made anew")


@archive.command("merge")
def merge() -> None:
    """Merge small segments now; consumers do so by themselves as time passes."""
    from runreel_consumers.archive.log import Log
    from runreel_consumers.archive.merge import Merger
    from runreel_consumers.checks import require_store

    log = Log(require_store(Settings()))
    merger = Merger(log)
    made = [
        segment
        for epoch in log.epochs.all()
        for partition in range(epoch.partitions)
        for segment in merger.merge(epoch, partition)
    ]
    click.echo(f"{len(made)} segments made")


@archive.command("prune")
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(run: str, yes: bool) -> None:
    """Remove RUN for good: its events, its place in the catalog, its objects. Artifact content stays."""
    from runreel_consumers.archive.log import Log
    from runreel_consumers.brokers import address_of, ends_of_topics
    from runreel_consumers.catalog.prune import end_of
    from runreel_consumers.catalog.prune import prune as remove
    from runreel_consumers.checks import require_store
    from runreel_consumers.outbox import Outbox

    settings = Settings()
    store = require_store(settings)
    number = _run_of(settings, run)
    if not yes:
        click.confirm(f"remove run {number} for good?", abort=True)
    hub = Hub.find(settings)
    address = settings.kafka or (hub.kafka if hub else "") or address_of(settings)
    outbox = Outbox(settings, address)
    ends = ends_of_topics(settings, address, settings.event_topics)
    remove(store, number, end_of(Log(store), number, ends), outbox, settings.topic_runs)
    outbox.flush(Deadline(_FLUSH_SECONDS))
    click.echo(f"run {number} is removed")


@archive.command("dead")
@click.argument("name", required=False)
@click.option("-n", "--limit", default=20, show_default=True, help="How many are listed, the newest last.")
def dead(name: str | None, limit: int) -> None:
    """List the messages that could not be taken, and why; with a NAME of the list, write that one's bytes."""
    from runreel_consumers.checks import require_store
    from runreel_consumers.graveyard import letters

    store = require_store(Settings())
    if name is not None:
        letter = next((one for one in letters(store) if one.name == name), None)
        if letter is None:
            raise NotFound(f"no dead letter {name}: `runreel archive dead` lists them")
        sys.stdout.buffer.write(letter.value or b"")
        return
    found = sorted(letters(store), key=lambda one: one.received)
    for one in found[-limit:] if limit > 0 else ():
        click.echo(f"{iso(one.received * 1000)}  {one.name}  {len(one.value or b''):,} B  {one.reason}")
    click.echo(f"{len(found):,} dead letters")


@archive.command("retain")
@click.option("--older-than", metavar="SPAN", help="Such as 90d; default: RUNREEL_ARCHIVE_RETENTION and ..._OF.")
@click.option("--workspace", help="Only runs of this workspace.")
@click.option("--dry-run", is_flag=True, help="Say which runs would go, and remove nothing.")
def retain(older_than: str | None, workspace: str | None, dry_run: bool) -> None:
    """Remove runs whose last event is too old, and content that no other run refers to; consumers do so hourly.

    Content goes an hour after its last run, by the next consumer's turn or the next call.
    """
    from runreel_consumers.archive.log import Log
    from runreel_consumers.catalog.retention import Retention
    from runreel_consumers.checks import require_store
    from runreel_consumers.consume import telling

    settings = Settings()
    limits = _limits(settings, older_than, workspace)
    hub = Hub.find(settings)
    address = settings.kafka or (hub.kafka if hub else "")
    gone = telling(settings, address) if address else lambda runs: None
    found = Retention(Log(require_store(settings)), limits, settings.retention, gone=gone)
    old = found.due() if dry_run else found.apply()
    for one in old:
        click.echo(f"{one.run}  {one.workspace}  last heard of {iso(one.heard)}")
    click.echo(f"{len(old):,} runs {'would go' if dry_run else 'removed'}")


def _limits(settings: Settings, older_than: str | None, workspace: str | None) -> Ages:
    """How long runs are kept: by the flag, else by the settings.

    Raises:
        SettingError: neither says it.
    """
    from runreel_consumers.catalog.retention import Ages, ages

    try:
        limits = ages(settings) if older_than is None else Ages(age(older_than))
    except ValueError as error:
        raise click.BadParameter(f"{older_than!r}: {error}", param_hint="--older-than") from None
    if limits.every is None and not any(limits.of.values()):
        raise SettingError("RUNREEL_ARCHIVE_RETENTION", None, "is not set: set it, or give --older-than 90d")
    return limits if workspace is None else Ages(None, {workspace: limits.limit(workspace)})


@click.command("export")
@click.argument("run")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: standard output.")
def export(run: str, output: Path | None) -> None:
    """Write the events of RUN that the archive has, as CloudEvents, a JSON line each.

    RUN is any unique end of a run's id, or `last`.
    """
    from runreel_consumers.transfer import export as lines

    settings = Settings()
    reader = _reader(settings)
    found = lines(reader, _run_of(settings, run))
    if output is None:
        for line in found:
            sys.stdout.buffer.write(line)
        return
    count = 0
    with _whole(output) as file:
        for line in found:
            file.write(line)
            count += 1
    click.echo(f"{count:,} events in {output}", err=True)


@click.command("import")
@click.argument("file", type=click.File("rb"))
def import_(file: BinaryIO) -> None:
    """Send the events in FILE (`-`: standard input), as `runreel export` wrote them.

    What is stored already adds nothing, so it may be done again.
    """
    from runreel_consumers.transfer import load

    settings = Settings()
    count = load(file, _outbox(settings), settings.event_topics[0])
    click.echo(f"{count:,} events sent; signs of life stay behind")


@click.command("replay")
@click.argument("run", default="last")
@click.option("--speed", default="1", show_default=True, help="Seconds of the run in one of yours, or `max`.")
@click.option("--from", "start", metavar="TIME", help="Begin there: a time, `17:07`, `90`, `15 min`, or `-30`.")
@click.option("--until", metavar="TIME", help="End there: likewise.")
@click.option("--to", type=click.Choice(["terminal", "kafka"]), default="terminal", show_default=True, help="Where.")
@click.option("--times", type=click.Choice(["moved", "kept"]), default="moved", show_default=True,
              help="With --to kafka: whether the new run happens now, or when the old one did.")  # fmt: skip
@click.option("--as", "new", metavar="ID", help="With --to kafka: the new run's id. One that is there goes on.")
def replay(run: str, speed: str, start: str | None, until: str | None, to: str, times: str, new: str | None) -> int:
    """Play the stored events of RUN again: any unique end of a run's id, or `last`.

    To the terminal: its steps and log. To Kafka, or this machine's `up`: as a new run that names its origin. Space
    pauses it and lets it go on, Ctrl-Z too; after Ctrl-C it says how to go on, and no event is sent twice.

    A time is ISO 8601, a clock's (`17:07`), or a span after the run's start (`90`, `15 min`) or before its end (`-30`).
    """
    from runreel_consumers.playing import Playing
    from runreel_consumers.replaying import Replay

    pace = _speed(speed)
    settings = Settings()
    number = _run_of(settings, run)
    with until_told() as stop:
        told = Replay(_reader(settings), number, speed=pace, start=start, until=until, stop=stop)
        playing = Playing(told, number, speed, stop)
        if to == "terminal":
            return playing.show()
        return playing.send(settings, new, keep=times == "kept")


def _speed(text: str) -> float:
    try:
        speed = float("inf") if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise click.BadParameter(f"{text!r}: write a number above 0, or max", param_hint="--speed")
    return speed


def _reader(settings: Settings) -> Reader:
    from runreel_consumers.archive.reader import Reader
    from runreel_consumers.checks import require_store

    return Reader(require_store(settings))


def _outbox(settings: Settings) -> Outbox:
    """What sends to the Kafka of the settings, or to this machine's `up`."""
    from runreel_consumers.line import Line

    return Line(settings).outbox()


def _run_of(settings: Settings, ending: str) -> str:
    """The run whose id ends so; `last`: the one that started last."""
    from runreel_consumers.checks import require_store
    from runreel_consumers.finding import find_run

    return find_run(require_store(settings), ending)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when the block has ended well, and not before.

    Raises:
        SettingError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            yield file
        new.replace(path)
    except OSError as error:
        raise SettingError("--output", str(path), f"cannot be written ({error.strerror})") from None
    finally:
        new.unlink(missing_ok=True)
