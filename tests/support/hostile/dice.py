"""Chance that can be told again: the same seed gives the same fleet on every machine and in every order of tests."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Maker = Callable[[], Any]


class Dice(random.Random):
    """What generators ask chance for."""

    def often(self, share: float) -> bool:
        return self.random() < share

    def several(self, things: Sequence[T], least: int = 1, most: int = 3) -> list[T]:
        """Some of them, each once."""
        distinct = list(dict.fromkeys(things))
        return self.sample(distinct, min(self.randint(least, most), len(distinct)))

    def some(self, share: float, required: dict[str, Maker], **optional: Maker) -> dict[str, Any]:
        """A mapping with all of the first fields and about this share of the others, in no order."""
        makers = [*required.items(), *((name, make) for name, make in optional.items() if self.often(share))]
        self.shuffle(makers)
        return {name: make() for name, make in makers}

    def whole(self, least: int, most: int) -> int:
        """A number in the range: near one of its ends more often than anywhere else."""
        low, high = min(least + 1, most), max(most - 1, least)
        return self.choice(
            [least, most, low, high, self.randint(least, most), self.randint(least, min(most, least + 20))]
        )
