"""Whether the process lives, and whether it knows enough to be of use: two questions with two answers.

It lives while its threads get to work and its watches are not silent for no reason. An API server that does not
answer is no reason to end: another process would find it no better.
"""

from collections.abc import Iterator

from modelfleet.controllers.frame import Frame
from modelfleet.controllers.loop import CompileLoop
from modelfleet.controllers.watches import Watches
from modelfleet.sources.store import FleetStore

MOST_LAG_S = 30.0
MOST_WORK_S = 120.0
MOST_SILENCE_S = 330.0
"""Longer than a watch lasts before it is made anew, with time to make it."""


class Health:
    """What /healthz and /readyz say."""

    def __init__(self, frame: Frame, loop: CompileLoop, watches: Watches, store: FleetStore) -> None:
        self._frame = frame
        self._loop = loop
        self._watches = watches
        self._store = store

    def ailments(self) -> list[str]:
        """Why the process should be ended; nothing while it lives."""
        return list(self._ailments())

    def lacks(self) -> list[str]:
        """What it has to read yet."""
        return [f"{scope}: {why}" for scope, why in sorted(self._store.unread().items(), key=lambda one: str(one[0]))]

    def _ailments(self) -> Iterator[str]:
        if (lag := self._frame.lag()) > MOST_LAG_S:
            yield f"the loop of the watches has not come round for {lag:.0f} s"
        if (busy := self._loop.busy_for()) > MOST_WORK_S:
            yield f"the fleet has been looked at for {busy:.0f} s without an end"
        excused = {*self._watches.troubles(), *self._store.unread(), *self._store.absent()}
        for scope, age in self._watches.ages().items():
            if age > MOST_SILENCE_S and scope not in excused:
                yield f"{scope}: the watch has been silent for {age:.0f} s"
