"""What pure functions gave the last time, so that an edit costs what it changes and not the whole fleet."""

from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Recall:
    """Results by name, each with the arguments that it was made from: those of one round, for the next.

    It never changes a result: who hands one in gets sooner what the functions would give. What a round did not ask for
    is forgotten with it.
    """

    def __init__(self, last: "Recall | None" = None) -> None:
        self._last = last.made if last else {}
        self.made: dict[Hashable, tuple[tuple[Any, ...], Any]] = {}

    def of(self, name: Hashable, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function gives for these arguments; it is called only where they are not those of the last time."""
        assert not kwargs, "arguments are compared in their order"
        known = self._last.get(name)
        if known is None or known[0] != args:
            known = (args, function(*args, **kwargs))
        self.made[name] = known
        result: R = known[1]
        return result
