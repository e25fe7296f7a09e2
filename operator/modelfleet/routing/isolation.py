"""Whether the shares of classes of traffic can be kept."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.tiers import Tier
from modelfleet.findings import Finding, Key, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_isolation(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Tiers of which nobody knows how much they hold, under a policy that divides them."""
    for policy in snapshot.policies.values():
        if policy.spec.classes:
            yield from _check(policy, snapshot)


def _check(policy: RoutingPolicy, snapshot: FleetSnapshot) -> Iterator[Finding]:
    for index, tier in enumerate(policy.spec.tiers):
        if not _is_measured(tier, policy.key.namespace, snapshot):
            yield Finding(
                policy.key,
                ("spec", "tiers", index, "name"),
                Reason.NO_ISOLATION,
                "classes cannot share a tier of unknown size: give it maxInFlight, or its models with an engine"
                " scale.concurrencyPerReplica",
                Severity.WARNING,
            )


def _is_measured(tier: Tier, namespace: str, snapshot: FleetSnapshot) -> bool:
    if tier.max_in_flight is not None:
        return True
    models = [snapshot.models.get(Key("ModelDeployment", namespace, model.name)) for model in tier.models]
    return all(model is None or (model.spec.scale and model.spec.scale.concurrency_per_replica) for model in models)
