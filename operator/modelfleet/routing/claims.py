"""Who serves a name: of two policies that claim one name on one host the older has it."""

from collections.abc import Iterable, Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Finding, Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot

Claim = tuple[str, str, str]
"""Gateway, host and model name; the host is empty for every host on which nobody claims the name by itself."""


def check_claims(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """The names that a policy loses to an older one."""
    owners = owners_of(snapshot.policies.values())
    for policy in sorted(snapshot.policies.values(), key=_age):
        told = set()
        for index, claim in _claims(policy):
            owner = owners[claim]
            # Gateways are many and the conflict is one.
            if owner != policy.key and (index, claim[1], owner) not in told:
                told.add((index, claim[1], owner))
                yield _lost(policy, index, claim, owner)


def owners_of(policies: Iterable[RoutingPolicy]) -> dict[Claim, Key]:
    """Who serves each name that is claimed: the oldest of those who claim it, and nobody else loses more than that."""
    owners: dict[Claim, Key] = {}
    for policy in sorted(policies, key=_age):
        for _, claim in _claims(policy):
            owners.setdefault(claim, policy.key)
    return owners


def _age(policy: RoutingPolicy) -> tuple[bool, str, str, str]:
    created = policy.metadata.creation_timestamp  # in UTC to the second, so that the text sorts as the time does
    return (not created, created, policy.key.namespace, policy.key.name)


def _claims(policy: RoutingPolicy) -> Iterator[tuple[int, Claim]]:
    serves = policy.spec.serves
    for index, model in enumerate(serves.models):
        for host in serves.hosts or ("",):
            for gateway in serves.gateways:
                yield index, (gateway, host, model)


def _lost(policy: RoutingPolicy, index: int, claim: Claim, owner: Key) -> Finding:
    _, host, model = claim
    where = f"on host {host}" if host else "on every host"
    return Finding(
        policy.key,
        ("spec", "serves", "models", index),
        Reason.CONFLICTED,
        f'"{model}" {where} is served by {owner} already: choose another name or host, or remove it there',
    )
