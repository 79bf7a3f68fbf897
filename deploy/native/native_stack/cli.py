"""The command line. Only what is meant for `eval` goes to stdout; what a person reads goes to stderr."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from native_stack.errors import NativeError
from native_stack.install import CHROMIUM, install_chromium, kafka_part, minio_part
from native_stack.machine import say, state_folder
from native_stack.service import Service
from native_stack.stack import Stack

SOME_DOWN = 1
"""Exit code of `status` when something that was started does not answer; of any other command when it failed."""

NOTHING_UP = 3
"""Exit code of `status` and `env` when nothing runs, as init scripts have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answer its exit code. A wrong command line exits with 2, by argparse."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except NativeError as error:
        say(f"error: {error}")
        return SOME_DOWN


def _install(options: argparse.Namespace) -> int:
    parts = options.parts or ["kafka", "minio"]
    return 0 if _install_parts([*parts, "chromium"] if options.chromium else parts) else SOME_DOWN


def _install_parts(names: Sequence[str]) -> bool:
    """Install each part by itself: one that cannot be had does not stop the others."""
    whole = True
    for name in names:
        begun = time.monotonic()
        try:
            if name == "chromium":
                done, where = install_chromium(), CHROMIUM
            else:
                part = kafka_part() if name == "kafka" else minio_part()
                if not part.installed():
                    how_long = "minutes" if name == "minio" else "seconds"
                    say(f"{name}: installing {part.folder.name}; this takes {how_long}")
                done, where = part.install(), part.folder
        except NativeError as error:
            say(f"error: {error}")
            whole = False
        else:
            say(f"{name}: {f'installed in {time.monotonic() - begun:.0f} s' if done else 'is there'}: {where}")
    return whole


def _up(options: argparse.Namespace) -> int:
    stack = Stack(options.data, kafka_port=options.kafka_port, minio_port=options.minio_port)
    wanted = [service for service in stack.services if options.only in (None, service.name)]
    whole = _install_parts([service.name for service in wanted if not service.part().installed()])
    with stack.changing():
        for service in wanted:
            if service.part().installed():
                whole = _start(service) and whole
        sys.stdout.write(stack.exports())
    return 0 if whole else SOME_DOWN


def _start(service: Service) -> bool:
    begun = time.monotonic()
    try:
        started = service.start()
    except NativeError as error:
        say(f"error: {error}")
        return False
    how = f"answers after {time.monotonic() - begun:.1f} s" if started else "runs already"
    say(f"{service.name}: {how} on {service.address}, process {service.pid}, log {service.log}")
    return True


def _down(options: argparse.Namespace) -> int:
    if options.after_stdin:
        sys.stdin.buffer.read()
    stack = Stack(options.data)
    if not stack.data.is_dir():
        say(f"nothing was started in {stack.data}")
        return 0
    with stack.changing():
        for service in reversed(stack.services):
            say(f"{service.name}: {'stopped' if service.stop() else 'did not run'}")
        if options.purge:
            stack.purge()
            say(f"removed the data in {stack.data}")
    return 0


def _status(options: argparse.Namespace) -> int:
    stack = Stack(options.data)
    healthy = running = 0
    started = [service for service in stack.services if service.record()]
    for service in started:
        if not service.running():
            say(f"{service.name}: stopped; its data: {service.folder}")
            continue
        running += 1
        answers = service.answers()
        healthy += answers
        how = "answers" if answers else "runs but does not answer"
        say(f"{service.name}: {how} on {service.address}, process {service.pid}, log {service.log}")
    if not running:
        say(f"nothing runs in {stack.data}; start it: python deploy/native/stack.py up")
        return NOTHING_UP
    return 0 if healthy == len(started) else SOME_DOWN


def _env(options: argparse.Namespace) -> int:
    stack = Stack(options.data)
    if not stack.environ():
        say(f"nothing runs in {stack.data}; start it: python deploy/native/stack.py up")
        return NOTHING_UP
    sys.stdout.write(stack.exports())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python deploy/native/stack.py", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    install = command("install", _install, "install parts from registries into the user's cache folder")
    install.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        type=_part,
        help="kafka or minio; both if none is named",
    )
    install.add_argument("--chromium", action="store_true", help="Debian's Chromium, too (through apt, as root)")
    up = command("up", _up, "start Kafka and MinIO and print the settings to eval; what is not installed is installed")
    up.add_argument("--kafka-port", type=_port, help="default: the last one, else a free one")
    up.add_argument("--minio-port", type=_port, help="default: the last one, else a free one")
    up.add_argument("--only", choices=["kafka", "minio"], help="start this one alone")
    down = command("down", _down, "stop both")
    down.add_argument("--purge", action="store_true", help="remove their data, too")
    down.add_argument("--after-stdin", action="store_true", help="first wait for the end of standard input")
    status = command("status", _status, "say what runs; exit code 0: all answers, 1: not all, 3: nothing runs")
    env = command("env", _env, "print the settings of what runs, to eval; exit code 3: nothing runs")
    for added in (up, down, status, env):
        added.add_argument("--data", type=Path, default=state_folder(), help="the folder of all data (%(default)s)")
    return parser


def _part(text: str) -> str:
    if text not in ("kafka", "minio"):
        raise argparse.ArgumentTypeError(f"{text!r} is no part; parts are kafka and minio")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)
