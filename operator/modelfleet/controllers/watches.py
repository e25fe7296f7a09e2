"""How the watches do: when each last showed a sign of life, and what keeps those that show none."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from modelfleet.sources.kinds import Scope

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    alive: float
    trouble: str = ""


class Watches:
    """The state of every watch. For several threads at once."""

    def __init__(self, scopes: Iterable[Scope], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._states = {scope: _State(clock()) for scope in scopes}

    def alive(self, scope: Scope) -> None:
        """Something came, if only a bookmark."""
        with self._lock:
            state = self._states[scope]
            if state.trouble:
                log.info("%s: the watch is back", scope)
            state.alive, state.trouble = self._clock(), ""

    def trouble(self, scope: Scope, why: str) -> None:
        """It cannot be read now."""
        with self._lock:
            state = self._states[scope]
            # Once for each trouble, and not for each try to be rid of it.
            if not state.trouble:
                log.warning("%s: the watch is broken, and is made again: %s", scope, why)
            state.trouble = why

    def ages(self) -> Mapping[Scope, float]:
        """Seconds since the last sign of life."""
        with self._lock:
            now = self._clock()
            return {scope: now - state.alive for scope, state in self._states.items()}

    def troubles(self) -> Mapping[Scope, str]:
        """What keeps the watches that cannot be read."""
        with self._lock:
            return {scope: state.trouble for scope, state in self._states.items() if state.trouble}
