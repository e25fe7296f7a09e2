"""A model as placement sees it: the classes that it may run on, and what it has on each of them now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelfleet.findings import Key, Reason
from modelfleet.fleet.standings import Standing
from modelfleet.placement.filters import Refusal
from modelfleet.placement.ledger import Lot
from modelfleet.placement.presence import Presence


@dataclass(frozen=True, slots=True)
class Place:
    """A class of hardware for replicas of one size, the same for all models that ask the same of it."""

    name: str
    """Empty where it is no class, but any node that there is."""
    units: int
    refusal: Refusal | None
    lot: Lot
    is_open: bool
    """Whether no bound of its room is known: nodes are made as they are needed, or any will do."""


@dataclass(frozen=True, slots=True)
class Option:
    """A class of hardware, and what one model has there."""

    place: Place
    standing: Standing
    here: Presence
    lasting: int
    """Replicas with a node that may stay."""
    pending: int
    """Replicas without a node that may still wait for one."""
    fading: int
    """Pods that go, and leave room for their successors."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model whose replicas are to be placed."""

    key: Key
    wanted: int
    """Replicas over all classes."""
    may_preempt: bool
    """Whether the scheduler may clear a full class for it."""
    return_after: float
    options: tuple[Option, ...]
    """The classes that it names, in its order."""
    strays: tuple[Option, ...]
    """Classes that it does not name, and has pods on."""
    late_at: float | None
    """When the first of the pods that wait will have waited for too long."""
    now: float
    stuck_at: Mapping[str, float] = field(default_factory=dict)
    """When rollouts count as stuck that wait for a place, by the labels of their classes."""

    def is_blocked(self, option: Option) -> bool:
        """Whether the scheduler has found no node there of late, whatever room there seems to be."""
        if option.here.late:
            return True
        return option.standing.reason == Reason.UNSCHEDULABLE and not self.is_over(option.standing.since)

    def is_over(self, since: float) -> bool:
        """Whether it is so long ago that replicas may come back."""
        return self.now - since >= self.return_after
