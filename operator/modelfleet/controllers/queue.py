"""A queue of objects that want attention: each once however often it is named, at its time, by one worker at a time."""

import time
from collections.abc import Callable
from heapq import heappop, heappush
from threading import Condition

from modelfleet.findings import Key


class KeyQueue:
    """For several threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._condition = Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        """What is due when. An entry counts only where it is the one in `_due`."""
        self._taken: set[Key] = set()
        self._ended = False

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Wants attention for it, in so many seconds or sooner."""
        with self._condition:
            due = self._clock() + delay
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                if key not in self._taken:
                    heappush(self._heap, (due, key))
                    self._condition.notify()

    def take(self) -> Key | None:
        """The next one that is due; waits for it. None at the end."""
        with self._condition:
            while not self._ended:
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heappop(self._heap)
                left = self._heap[0][0] - self._clock() if self._heap else None
                if left is not None and left <= 0:
                    _, key = heappop(self._heap)
                    del self._due[key]
                    self._taken.add(key)
                    return key
                self._condition.wait(left)
            return None

    def done(self, key: Key, again_in: float | None = None) -> None:
        """It has had attention, and wants it once more where a time is given."""
        with self._condition:
            self._taken.discard(key)
            if key in self._due:  # it was named meanwhile
                heappush(self._heap, (self._due[key], key))
                self._condition.notify()
        if again_in is not None:
            self.add(key, again_in)

    def end(self) -> None:
        """Sends those home who wait."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def __len__(self) -> int:
        with self._condition:
            return len(self._due.keys() | self._taken)
