"""The order of a round, and what a figure is compared with: what ran just before and just after, on the same machine.

Neighbours on a machine come and go within seconds, so a target is never compared with a reference of another minute.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Turn(Generic[T]):
    """One run of a round, and the runs of each reference that stand nearest to it on either side."""

    name: str
    found: T
    before: dict[str, T]
    after: dict[str, T]


def ordered(targets: Sequence[str], references: Sequence[str], every: int, rng: random.Random) -> list[str]:
    """The targets in random order, with all references before each few of them and at the end."""
    drawn = rng.sample(targets, len(targets))
    order: list[str] = []
    for start in range(0, len(drawn), every):
        order += [*references, *drawn[start : start + every]]
    return [*order, *references]


def turns(runs: Sequence[tuple[str, T]], references: Sequence[str]) -> Iterator[Turn[T]]:
    """Each target's run together with its neighbours; `runs` are in the order in which they were made."""
    for at, (name, found) in enumerate(runs):
        if name not in references:
            before = {one: _nearest(runs[:at][::-1], one) for one in references}
            after = {one: _nearest(runs[at + 1 :], one) for one in references}
            yield Turn(name, found, before, after)


def ratio(value: float, before: float, after: float) -> float:
    """As a multiple of what the reference took around it."""
    return value / fmean((before, after))


def added(value: float, before: float, after: float) -> float:
    """What comes on top of what the reference took around it."""
    return value - fmean((before, after))


def _nearest(runs: Sequence[tuple[str, T]], name: str) -> T:
    for one, found in runs:
        if one == name:
            return found
    raise ValueError(f"no run of {name} on one side")
