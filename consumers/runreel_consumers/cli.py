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
from runreel.deadline import Deadline
from runreel.errors import SettingError
from runreel.hub import Hub
from runreel.settings import Settings

if TYPE_CHECKING:
    from runreel_consumers.archive.reader import Reader
    from runreel_consumers.outbox import Outbox

CONSUMERS: Final = ("archive", "blobs")
_FLUSH_SECONDS: Final = 60.0


@click.command("consume")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Choice([*CONSUMERS, "all"]))
def consume(names: tuple[str, ...]) -> None:
    """Run consumers until Ctrl-C or SIGTERM: archive, blobs, or all in one process. Any number of each may run."""
    from runreel_consumers.checks import require_kafka, require_store, require_topics
    from runreel_consumers.together import Consumers

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
    """The archive: make its caches anew, merge its segments, remove a run."""


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
    click.echo(f"{count:,} events sent")


@click.command("replay")
@click.argument("run", default="last")
@click.option("--speed", default="1", show_default=True, help="Seconds of the run in one of yours, or `max`.")
@click.option("--from", "start", help="Begin there: a time (ISO 8601), or seconds since the run's start.")
@click.option("--until", help="End there: likewise.")
@click.option("--to", type=click.Choice(["terminal", "kafka"]), default="terminal", show_default=True, help="Where.")
@click.option("--as", "new", help="With --to kafka, the new run's id. The same one again repeats nothing.")
def replay(run: str, speed: str, start: str | None, until: str | None, to: str, new: str | None) -> None:
    """Play the stored events of RUN again: any unique end of a run's id, or `last`.

    To the terminal: its steps and log. To Kafka: as a new run that names its origin, its times moved so that it ends
    now.
    """
    from runreel_consumers.replaying import Replay

    pace = _speed(speed)
    settings = Settings()
    told = Replay(_reader(settings), _run_of(settings, run), speed=pace, start=start, until=until)
    with until_told() as stop:
        if to == "terminal":
            told.show(click.echo, stop)
            return
        number = told.send(_outbox(settings), settings.event_topics[0], new, stop)
    click.echo(f"replayed as run {number}")


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
    from runreel_consumers.checks import require_kafka, require_store
    from runreel_consumers.embedded import EmbeddedOutbox
    from runreel_consumers.outbox import Outbox

    hub = None if settings.kafka else Hub.find(settings)
    if hub is None:
        return Outbox(settings, require_kafka(settings))
    return EmbeddedOutbox(settings, hub, require_store(settings.replace(store=hub.store)))


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
