"""When an object may be written next: at a pace of its own, and later and later while it is refused.

The others do not wait for it. What is refused is tried at once again when it, or what is to be written, has changed.
"""

import time
from collections.abc import Container
from dataclasses import dataclass
from threading import Lock
from typing import Any

from modelfleet.findings import Key
from modelfleet.kube.backoff import Backoff
from modelfleet.kube.errors import Conflict, KubeError, Unprocessable
from modelfleet.kube.rate import TokenBuckets

TRIES = 5
"""So often a conflict is tried again at once."""
AT_ONCE_S = 0.05
FIRST_S = 0.5
BURST, MOST_OBJECTS = 10, 1_000
"""An object is written so often at once, and then seldom, as far as so many were written lately: who fights with us
over one makes no storm of it.
"""
SAID_EVERY_S = 60.0
"""What keeps all objects of a kind from being written is said so often, and not of each of them."""


@dataclass(slots=True)
class _Refused:
    """The last write of an object failed: what it was about, and when there is to be another."""

    about: tuple[Any, ...]
    pause: Backoff
    until: float = 0.0
    tries: int = 1


class Paces:
    """The paces of all objects that one writer writes. Of one object only one thread at a time may ask."""

    def __init__(self, each: float, longest: float) -> None:
        """After a burst once in `each` seconds; who is refused waits `longest` at most."""
        self._each = each
        self._longest = longest
        self._lock = Lock()
        self._buckets = TokenBuckets(1 / each, BURST, MOST_OBJECTS)
        self._refused: dict[Key, _Refused] = {}
        self._said: dict[tuple[str, type[KubeError]], float] = {}

    def left(self, key: Key, about: tuple[Any, ...]) -> float:
        """Seconds that a write has yet to wait because it was refused."""
        refused = self._refused.get(key)
        return max(0.0, refused.until - time.monotonic()) if refused and refused.about == about else 0.0

    def turn(self, who: str) -> float:
        """Seconds that a write has yet to wait for its pace; where there are none, it counts as made."""
        return 0.0 if self._buckets.try_take(who) else self._each

    def refuse(self, key: Key, about: tuple[Any, ...], error: KubeError) -> tuple[float, bool]:
        """Seconds until there is to be another try, and whether this one is worth a word."""
        before = last = self._refused.get(key)
        if last is None or last.about != about:
            last = self._refused[key] = _Refused(about, Backoff(FIRST_S, self._longest))
        else:
            last.tries += 1
        is_late = isinstance(error, Conflict)
        at_once = is_late and last.tries < TRIES
        # That somebody was faster is worth a word only where it happens again and again.
        worth = last.tries == TRIES if is_late else before is None
        wait = AT_ONCE_S if at_once else last.pause.next(error.retry_after or 0.0)
        last.until = time.monotonic() + wait
        return wait, worth and self._is_news(key, error)

    def done(self, key: Key) -> None:
        """It is as it should be."""
        self._refused.pop(key, None)

    def keep(self, keys: Container[Key]) -> None:
        """Forgets all others."""
        for key in list(self._refused):
            if key not in keys:
                self._refused.pop(key, None)

    def _is_news(self, key: Key, error: KubeError) -> bool:
        """Whether this was not just said of another object of the kind. What an object itself causes always is."""
        if isinstance(error, Unprocessable | Conflict):
            return True
        sort, now = (key.kind, type(error)), time.monotonic()
        with self._lock:
            if now - self._said.get(sort, -SAID_EVERY_S) < SAID_EVERY_S:
                return False
            self._said[sort] = now
        return True
