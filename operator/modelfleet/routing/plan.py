"""The plan of a gateway: what policies come to, before anything of it is said in Envoy's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway

Claim = tuple[str, str]
"""A host, empty for every host that nobody names, and the name of a model on it."""


@dataclass(frozen=True, slots=True, order=True)
class BreakerPlan:
    """When a replica is left alone, and for how long."""

    consecutive: int
    eject_ms: int


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Where a hosted model is, and how it knows who calls."""

    secure: bool
    host: str
    port: int
    path: str
    """The path in place of the leading /v1, without a slash at its end."""
    region: str
    secret: tuple[Key, str] | None
    """The Secret and the entry in it that go along as bearer token."""
    passes_through: bool
    """Whether the caller's own credentials go along."""


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """A model as one kind of breaker sees it. Policies that agree on the breaker, and on how long connecting may take,
    share the target and its ejections.
    """

    name: str
    model: Key
    declared: bool
    """Whether there is such a model. One that is gone is asked no more, though its last replicas still end."""
    alias: str
    """What its engine calls the model."""
    breaker: BreakerPlan
    connect_ms: int
    slow_start_ms: int
    tries: int
    """How many tries one request can make, by the policy that allows the most."""
    host: HostPlan | None

    @property
    def way(self) -> str:
        """What requests are sent to: the replicas, and where a request goes when there is none."""
        return way_to(self.name)


def way_to(target: str) -> str:
    """The way to a target of this name."""
    return f"{target}/way"


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """One policy on one gateway."""

    key: Key
    claims: tuple[Claim, ...]
    numbers: Mapping[str, Any]
    """What the script reads: numbers and names, nothing that runs."""
    stream_ms: int
    """How long a stream may last, which its route bounds and no script."""
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """Everything that one gateway serves, in the order of names."""

    gateway: Gateway
    policies: tuple[PolicyPlan, ...]
    targets: tuple[TargetPlan, ...]
