"""An operator that is killed at a moment that a seed chooses, and what is compared after it."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.cluster.operator.conftest import LEASE
from tests.cluster.operator.process import Operator
from tests.testbed.bed import Bed

TIMES = frozenset({"lastTransitionTime", "since"})


class Blow(NamedTuple):
    """When the operator is killed: on either side of its n-th write, or at a moment after the change."""

    how: str
    write: int
    moment: float
    sleeps: bool
    """Whether the next change comes while no operator runs."""


def blows(seed: int, writes: int) -> Iterator[Blow]:
    """Blows without end, each over one of so many writes."""
    chance = random.Random(seed)
    while True:
        how = chance.choice(("before a write", "after a write", "at a moment"))
        yield Blow(how, chance.randrange(writes), chance.uniform(0, 0.5), chance.random() < 0.25)


def timeless(status: Any) -> Any:
    """A status without the times in it."""
    if isinstance(status, dict):
        return {name: timeless(part) for name, part in status.items() if name not in TIMES}
    return [timeless(part) for part in status] if isinstance(status, list) else status


def again(bed: Bed, operator: Operator) -> None:
    """Another process in the place of a dead one, whose Lease is taken from it: its end is not what this is about."""
    bed.api.delete(LEASE)
    operator.start()
