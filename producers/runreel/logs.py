"""The standard library's logging, into the log of the step that speaks."""

from __future__ import annotations

import logging

from runreel import current

OURS = "runreel"


class StepHandler(logging.Handler):
    """Says each record as a line of the log of the step whose context emitted it; without a run, nothing.

    The line is the record's message with its traceback, or what a formatter that was set makes of it; the level keeps
    its name and the moment is the record's. What runreel itself logs is passed over, so that it never feeds itself.
    """

    def createLock(self) -> None:
        """No lock: a line needs none, and a signal handler that logs must never wait for one."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        if record.name == OURS or record.name.startswith(OURS + "."):
            return
        speaker = current.speaker()
        if speaker is None:
            return
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        speaker.record(text, record.levelname, int(record.created * 1e6))


def logging_handler(level: int | str = logging.NOTSET) -> logging.Handler:
    """A handler for the standard library's logging: `logging.getLogger().addHandler(runreel.logging_handler())`.

    Args:
        level: the least level that it takes, as `logging.Handler` has it.

    Raises:
        ValueError: no such level.
    """
    return StepHandler(level)
