"""Several consumers in one process, a thread each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from runreel.deadline import Deadline
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers.consume import NAMES, consume

log = logging.getLogger(__name__)

_LOOK: Final = 0.2  # seconds; a wait without an end would keep signals from the main thread


class Consumers:
    """Runs consumers until `stop`, or until one of them fails: then all of them end.

    Args:
        settings: as `consume` takes them.
        hub: the `runreel up` whose consumers these are; None: they serve the Kafka of the settings.
        names: which.
        ended: called once, by a consumer's thread, when one has ended that nobody told to.
    """

    def __init__(
        self,
        settings: Settings,
        hub: Hub | None = None,
        names: Sequence[str] = NAMES,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.failed: BaseException | None = None
        """What ended a consumer that nobody told to end."""
        self._settings, self._hub, self._ended = settings, hub, ended
        self._told = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"runreel-{name}", daemon=True) for name in names
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def tell(self) -> None:
        """Tell them to end, each after its flush; returns at once."""
        self._told.set()

    def stop(self, deadline: Deadline) -> bool:
        """Tell them, and wait; answers whether all have ended."""
        self.tell()
        for thread in self._threads:
            thread.join(deadline.left(threading.TIMEOUT_MAX))
        return not any(thread.is_alive() for thread in self._threads)

    def wait(self, told: threading.Event) -> None:
        """Return when `told` is set or a consumer has failed."""
        while not told.wait(_LOOK) and self.failed is None:
            pass

    def _run(self, name: str) -> None:
        try:
            consume(name, self._settings, self._told, hub=self._hub)
        except BaseException as error:  # its end must not pass unseen, whatever it is
            log.debug("the consumer %s ended", name, exc_info=True)
            if self.failed is None:
                self.failed = error
                self._ended()
            self.tell()
