"""runreel: say what a pipeline step does, while it does it.

::

    with runreel.start("nyc-flights", params={"rows": 336_776}) as run:
        with run.step("extract") as extract:
            for path in extract.track(paths):
                ...
            extract.metric("rows", n)
            extract.output("flights", frame)
"""

from runreel.artifacts import Artifact
from runreel.current import current_run, current_step
from runreel.decorator import step
from runreel.errors import CodecError, NotFound, NotReachable, RunreelError, SettingError, SpoolFull
from runreel.join import join
from runreel.logs import logging_handler
from runreel.run import Run, start
from runreel.step import Step
from runreel.track import Track
from runreel.words import input, log, metric, metrics, output, params, points, progress, show, tags, track  # noqa: A004

__all__ = [
    "Artifact",
    "CodecError",
    "NotFound",
    "NotReachable",
    "Run",
    "RunreelError",
    "SettingError",
    "SpoolFull",
    "Step",
    "Track",
    "current_run",
    "current_step",
    "input",
    "join",
    "log",
    "logging_handler",
    "metric",
    "metrics",
    "output",
    "params",
    "points",
    "progress",
    "show",
    "start",
    "step",
    "tags",
    "track",
]
