"""What the plan of a fleet comes to: how many replicas each class of hardware is to have of each model now."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.findings import Key, Reason
from modelfleet.placement.stock import Stock


@dataclass(frozen=True, slots=True)
class Share:
    """What one class of hardware has of a model, and why not more."""

    hardware: str
    """The name of the class; empty for a model that may run on any node."""
    units: int
    """How many units of it one replica takes; 0 where no unit is known."""
    replicas: int
    """How many replicas its Deployment is to have now."""
    target: int
    """How many it is to have once all successors are ready; fewer than `replicas` while some wait for theirs."""
    reason: Reason
    message: str
    since: float
    """When the reason came to be, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the replicas of a model are to be."""

    shares: tuple[Share, ...]
    """The declared classes in their order, then others that still hold replicas."""
    wake_at: float | None = None
    """When time alone changes this, in seconds since 1970; None where it does not."""
    stuck: frozenset[str] = frozenset()
    """The labels of classes on which no new version can be rolled out: the replica that it takes more has no place."""


@dataclass(frozen=True, slots=True)
class FleetPlacement:
    """Where the replicas of every model are to be."""

    models: Mapping[Key, Placement]
    """Models that run here, by their keys; one that is not there is to be left as it is."""
    stock: Stock
    """What there is of each class of hardware, and who holds it."""
    wake_at: float | None = None
    """The first moment at which time alone changes any of it."""
