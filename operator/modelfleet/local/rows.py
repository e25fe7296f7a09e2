"""What is served, a row for each policy and model: the same for a terminal that shows it alive and for plain lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.world import Endpoint


@dataclass(frozen=True, slots=True)
class Row:
    """A model of a policy."""

    policy: str
    serves: str
    tier: str
    model: str
    ready: str
    state: str

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is a row of."""
        return self.policy, self.tier, self.model

    def name(self) -> str:
        """The same for people."""
        return f"{self.policy}: {self.tier} -> {self.model}"

    def line(self) -> str:
        """The row as a sentence."""
        return f"{self.name()}: {self.ready}, {self.state}"


def rows(
    in_force: InForce, gateway: str, endpoints: Mapping[Key, tuple[Endpoint, ...]], states: Mapping[Key, str]
) -> tuple[Row, ...]:
    """The rows of everything in force on the gateway, in the order of policies and of their tiers."""
    found = []
    for policy in in_force.policies.values():
        if gateway not in policy.spec.serves.gateways:
            continue
        for tier, name in _models(policy):
            key = Key("ModelDeployment", policy.key.namespace, name)
            ready, state = _state(in_force.models.get(key), len(endpoints.get(key, ())), states.get(key, ""))
            label = f"{policy.key.namespace}/{policy.key.name}"
            found.append(Row(label, _serves(policy), tier, name, ready, state))
    return tuple(found)


def _models(policy: RoutingPolicy) -> Iterator[tuple[str, str]]:
    for tier in policy.spec.tiers:
        yield from ((tier.name, model.name) for model in tier.models)
    for rule in policy.spec.rules or ():
        yield from ((f"rule {rule.name}", model.name) for model in rule.models or ())


def _serves(policy: RoutingPolicy) -> str:
    names = ", ".join(policy.spec.serves.models)
    hosts = policy.spec.serves.hosts
    return f"{names} on {', '.join(hosts)}" if hosts else names


def _state(model: ModelDeployment | None, ready: int, state: str) -> tuple[str, str]:
    if model is None:
        return "0 of 0", "there is no such model"
    if model.spec.external:
        return "hosted", model.spec.external.url
    wanted = model.spec.scale.replicas if model.spec.scale else 1
    return f"{ready} of {wanted}", state or ("serving" if ready else "has no replica")
