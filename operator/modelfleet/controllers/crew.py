"""Threads that give each object its attention, by a queue: statuses and children are both written so."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from modelfleet.controllers.queue import KeyQueue
from modelfleet.controllers.threads import wait_for_end
from modelfleet.findings import Key

AFTER_A_MISTAKE_S = 300.0

log = logging.getLogger(__name__)


class Crew:
    """Calls `attend` with each object that was named, for one object never twice at once.

    It says in how many seconds the object wants attention again, None where it does not.
    """

    def __init__(self, name: str, size: int, attend: Callable[[Key], float | None]) -> None:
        self._name = name
        self._attend = attend
        self._queue = KeyQueue()
        self.ending = Event()
        """Set once nothing is to be begun any more."""
        self._threads = [Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(size)]

    def start(self) -> None:
        """Begins to work."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float) -> None:
        """Ends after what is under way, for which it waits so long."""
        self.ending.set()
        self._queue.end()
        for thread in self._threads:
            wait_for_end(thread, patience)

    def add(self, key: Key) -> None:
        """Wants attention for an object."""
        self._queue.add(key)

    def __len__(self) -> int:
        return len(self._queue)

    def _run(self) -> None:
        while (key := self._queue.take()) is not None:
            again: float | None = AFTER_A_MISTAKE_S
            try:
                again = self._attend(key)
            except Exception:
                log.exception("the %s of %s was not written by a mistake of ours", self._name, key)
            finally:
                self._queue.done(key, again)
