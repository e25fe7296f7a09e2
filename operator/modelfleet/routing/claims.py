"""Who serves a name: of two policies that claim one name on one host the older has it, and the oldest hosts have room.

A gateway's script is told of all hosts at once. Without a bound, whoever names enough of them would take it from all.
"""

from collections.abc import Iterable, Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Condition, Finding, Key, Reason
from modelfleet.fleet.snapshot import FleetSnapshot

Claim = tuple[str, str, str]
"""Gateway, host and model name; the host is empty for every host on which nobody claims the name by itself."""

MOST_OF_HOSTS = 512 * 1024
"""Bytes of all hosts of one gateway and of the names on them: half of the largest resource, and one has them all."""
ENTRY = 8
"""What stands around each of them there."""


def check_claims(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """The names that a policy loses to an older one."""
    owners = owners_of(snapshot.policies.values())
    for policy in sorted(snapshot.policies.values(), key=_age):
        told = set[tuple[object, ...]]()
        for index, claim in _claims(policy):
            owner = owners.get(claim)
            # Gateways are many and the conflict is one.
            if owner is None and (claim[1], owner) not in told:
                told.add((claim[1], owner))
                yield _crowded_out(policy, claim)
            elif owner and owner != policy.key and (index, claim[1], owner) not in told:
                told.add((index, claim[1], owner))
                yield _lost(policy, index, claim, owner)


def owners_of(policies: Iterable[RoutingPolicy]) -> dict[Claim, Key]:
    """Who serves each name that is claimed: the oldest of those who claim it, and nobody else loses more than that.

    Names on hosts for which older policies have left no room are nobody's.
    """
    owners: dict[Claim, Key] = {}
    by_age = sorted(policies, key=_age)
    known = _hosts_with_room(by_age)
    for policy in by_age:
        for _, claim in _claims(policy):
            if not claim[1] or (policy.key, *claim[:2]) in known:
                owners.setdefault(claim, policy.key)
    return owners


def _hosts_with_room(by_age: Iterable[RoutingPolicy]) -> set[tuple[Key, str, str]]:
    """Each policy with the gateways and hosts that are told of its names, the oldest first."""
    known: set[tuple[Key, str, str]] = set()
    left: dict[str, int] = {}
    for policy in by_age:
        names = sum(len(model) + ENTRY for model in policy.spec.serves.models)
        for host in policy.spec.serves.hosts or ():
            for gateway in policy.spec.serves.gateways:
                room = left.get(gateway, MOST_OF_HOSTS) - len(host) - ENTRY - names
                if room >= 0:
                    known.add((policy.key, gateway, host))
                    left[gateway] = room
    return known


def _age(policy: RoutingPolicy) -> tuple[bool, str, str, str]:
    created = policy.metadata.creation_timestamp  # in UTC to the second, so that the text sorts as the time does
    return (not created, created, policy.key.namespace, policy.key.name)


def _claims(policy: RoutingPolicy) -> Iterator[tuple[int, Claim]]:
    serves = policy.spec.serves
    for index, model in enumerate(serves.models):
        for host in serves.hosts or ("",):
            for gateway in serves.gateways:
                yield index, (gateway, host, model)


def _crowded_out(policy: RoutingPolicy, claim: Claim) -> Finding:
    gateway, host, _ = claim
    return Finding(
        policy.key,
        ("spec", "serves", "hosts", (policy.spec.serves.hosts or ()).index(host)),
        Reason.OUT_OF_RANGE,
        f"older policies name so many hosts that the gateway {gateway} has no room for another: leave some out"
        " anywhere, or use another gateway",
        condition=Condition.CONFLICTED,
    )


def _lost(policy: RoutingPolicy, index: int, claim: Claim, owner: Key) -> Finding:
    _, host, model = claim
    where = f"on host {host}" if host else "on every host"
    return Finding(
        policy.key,
        ("spec", "serves", "models", index),
        Reason.CONFLICTED,
        f'"{model}" {where} is served by {owner} already: choose another name or host, or remove it there',
        condition=Condition.CONFLICTED,
    )
