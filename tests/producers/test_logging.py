"""The standard library's logging, into the step's log."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator

import pytest

import runreel
from runreel import events
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.pipeline")
    handler = runreel.logging_handler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)


def test_records_go_to_the_step_whose_context_emitted_them(said: Said, logger: logging.Logger) -> None:
    with runreel.start("p") as run:
        logger.info("of the run")
        with run.step("a") as a:
            logger.warning("late %s", "file")
            with a.step("b"):
                logger.debug("deep")
    assert said.lines() == [("INFO", "of the run")]
    assert said.lines("a") == [("WARNING", "late file")]
    assert said.lines("a/b") == [("DEBUG", "deep")]


def test_the_line_has_the_records_moment(said: Said, logger: logging.Logger) -> None:
    record = logger.makeRecord(logger.name, logging.INFO, "f", 1, "then", (), None)
    record.created = 1_700_000_000.5
    with runreel.start("p"):
        logger.handle(record)
    assert [data.time for data in said.data(events.LOGS)] == [[1_700_000_000_500_000]]


def test_tracebacks_come_along(said: Said, logger: logging.Logger) -> None:
    with runreel.start("p"):
        try:
            raise ValueError("broken")
        except ValueError:
            logger.exception("it failed")
    ((level, text),) = said.lines()
    assert level == "ERROR"
    assert text.startswith("it failed\nTraceback")
    assert text.endswith("ValueError: broken")


def test_custom_levels_and_formatters_are_kept(said: Said, logger: logging.Logger) -> None:
    logging.addLevelName(25, "NOTICE")
    logger.handlers[0].setFormatter(logging.Formatter("%(name)s: %(message)s"))
    with runreel.start("p") as run:
        logger.log(25, "hello")
        run.log("again", level="notice")
    assert said.lines() == [("NOTICE", "tests.pipeline: hello"), ("NOTICE", "again")]


def test_our_own_logger_is_passed_over(said: Said, logger: logging.Logger) -> None:
    ours = logging.getLogger("runreel.worker")
    ours.addHandler(logger.handlers[0])
    try:
        with runreel.start("p"):
            ours.warning("broker away")
            logging.getLogger("runreelish").addHandler(logger.handlers[0])
            logging.getLogger("runreelish").warning("not ours")
    finally:
        ours.removeHandler(logger.handlers[0])
    assert said.lines() == [("WARNING", "not ours")]


def test_without_a_run_nothing_happens(logger: logging.Logger) -> None:
    logger.info("nobody listens")


def test_a_level_may_be_set(said: Said) -> None:
    handler = runreel.logging_handler("ERROR")
    assert handler.level == logging.ERROR
    with pytest.raises(ValueError, match="LOUD"):
        runreel.logging_handler("LOUD")


def test_a_record_that_cannot_be_formatted_does_not_reach_the_step(
    said: Said, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logger.makeRecord(logger.name, logging.INFO, "f", 1, "%d files", ("many",), None)
    with runreel.start("p"):
        runreel.logging_handler().handle(record)
    assert said.lines() == []
    assert "Logging error" in capsys.readouterr().err


def test_a_signal_handler_that_logs_waits_for_nobody(said: Said, logger: logging.Logger) -> None:
    """Interrupted in the middle of a line of its own, it says its line all the same."""
    heard = []

    def handle(number: int, frame: object) -> None:
        heard.append(number)
        logger.info("from the handler")

    before = signal.signal(signal.SIGUSR1, handle)
    stop = threading.Event()

    def disturb() -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not stop.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)
            stop.wait(0.001)

    with runreel.start("p"):
        thread = threading.Thread(target=disturb)
        thread.start()
        for number in range(2000):
            logger.info("line %d", number)
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)
        texts = [text for _, text in said.lines()]
    assert [text for text in texts if text.startswith("line")] == [f"line {i}" for i in range(2000)]
    assert texts.count("from the handler") == len(heard) > 0
