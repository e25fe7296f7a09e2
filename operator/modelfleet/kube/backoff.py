"""How long to wait before the next try: longer each time, and never in step with others who failed together."""

import random
from collections.abc import Callable

CHANCE = random.Random()  # noqa: S311 - jitter is no secret
"""Our own, for any thread: whoever gives Python's a seed, to have the same numbers again, is not disturbed."""


class Backoff:
    """Exponential with full jitter. For one thread."""

    def __init__(
        self, first: float = 0.5, most: float = 30.0, uniform: Callable[[float, float], float] = CHANCE.uniform
    ) -> None:
        assert 0 < first <= most
        self._first = first
        self._most = most
        self._uniform = uniform
        self._bound = first

    def next(self, at_least: float = 0) -> float:
        """The seconds to wait now. What a server asked for comes first, and the jitter on top of it."""
        bound, self._bound = self._bound, min(self._most, self._bound * 2)
        return at_least + self._uniform(0.0, bound)

    def reset(self) -> None:
        """Begins anew, after a success."""
        self._bound = self._first
