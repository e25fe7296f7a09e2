"""The heartbeat: after a short quiet the whole fleet is looked at anew. Nothing depends on what was changed by whom.

Where time alone will change what is to be done, it is looked at then, too: nobody else has a timer.
"""

import logging
import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import NamedTuple

from modelfleet.controllers.threads import wait_for_end
from modelfleet.kube.backoff import Backoff


class Pace(NamedTuple):
    """How long to wait for more, in seconds."""

    quiet: float = 0.1
    """Since something last changed."""
    most: float = 1.0
    """Since something first changed: who is poked without end goes to work all the same, but never for more than half
    of the time.
    """


log = logging.getLogger(__name__)


class CompileLoop:
    """Calls `work` when something has changed, or its time has come.

    One that fails is tried again, and what it did before stays.
    """

    def __init__(
        self, work: Callable[[], None], on_failure: Callable[[], None] = lambda: None, pace: Pace | None = None
    ) -> None:
        self._work = work
        self._pace = pace or Pace()
        self._on_failure = on_failure
        self._condition = Condition()
        self._first: float | None = None
        self._last = 0.0
        self._wake_at: float | None = None
        self._began: float | None = None
        self._rested = 0.0
        self._ending = False
        self._thread = Thread(target=self._run, name="compile", daemon=True)
        self._pause = Backoff(0.5, 300.0)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after what is being done."""
        with self._condition:
            self._ending = True
            self._condition.notify_all()
        wait_for_end(self._thread, 5)

    def poke(self, *, at_once: bool = False) -> None:
        """Something may have changed; `at_once` where nothing more is to be waited for."""
        with self._condition:
            self._last = time.monotonic()
            self._first = self._first if self._first is not None else self._last
            if at_once:
                self._first = self._last - self._pace.most
            self._condition.notify_all()

    def wake_at(self, moment: float | None) -> None:
        """Looks at this moment of the monotonic clock even where nothing changes, and never where it is None.

        The last word counts. A look that begins sooner does not take it back: what it finds says when the next is due.
        """
        with self._condition:
            self._wake_at = moment
            self._condition.notify_all()

    def busy_for(self) -> float:
        """Seconds that the work now being done has taken."""
        began = self._began
        return time.monotonic() - began if began is not None else 0.0

    def _run(self) -> None:
        while self._settled():
            self._began = time.monotonic()
            try:
                self._work()
                self._pause.reset()
            except Exception:
                log.exception("the fleet could not be looked at, what was said of it stays")
                self._on_failure()
                self._again_in(self._pause.next())
            finally:
                now = time.monotonic()
                self._rested = now + (now - self._began)
                self._began = None

    def _settled(self) -> bool:
        """Waits until there is something to do, and quiet; False at the end."""
        with self._condition:
            while not self._ending:
                now = time.monotonic()
                if self._first is None and self._wake_at is not None and self._wake_at <= now:
                    # Nothing more is waited for: it was known for long that this moment would come.
                    self._first, self._last, self._wake_at = now - self._pace.most, now, None
                if self._first is None:
                    self._condition.wait(None if self._wake_at is None else self._wake_at - now)
                    continue
                due = max(min(self._last + self._pace.quiet, self._first + self._pace.most), self._rested)
                left = due - now
                if left <= 0:
                    self._first = None
                    return True
                self._condition.wait(left)
            return False

    def _again_in(self, seconds: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._ending or self._first is not None, seconds)
            now = time.monotonic()
            self._first, self._last = now, now
