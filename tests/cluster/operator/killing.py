"""An operator that is killed at a moment that a seed chooses, and what is compared after it."""

import random
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from tests.cluster.operator.process import LEASE, Operator
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
    return without(status, TIMES)


def without(thing: Any, names: Collection[str]) -> Any:
    """A part of an object without the fields of these names, wherever they are in it."""
    if isinstance(thing, dict):
        return {name: without(part, names) for name, part in thing.items() if name not in names}
    return [without(part, names) for part in thing] if isinstance(thing, list) else thing


def again(bed: Bed, operator: Operator) -> None:
    """Another process in the place of a dead one, whose Lease is taken from it: its end is not what this is about."""
    bed.api.delete(LEASE)
    operator.start()
