"""Policies become the plans of the gateways that serve them."""

from collections.abc import Iterator, Mapping

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway
from modelfleet.routing.claims import Claim as OnGateway
from modelfleet.routing.claims import owners_of
from modelfleet.routing.clauses.classes import plan_classes
from modelfleet.routing.clauses.identifiers import plan_identifiers
from modelfleet.routing.clauses.ladder import plan_ladder, plan_retries
from modelfleet.routing.clauses.rules import plan_rules
from modelfleet.routing.clauses.tiers import Targets, plan_targets, plan_tiers
from modelfleet.routing.clauses.timeouts import plan_times, plan_whole_stream
from modelfleet.routing.plan import Claim, GatewayPlan, PolicyPlan, TargetPlan


def plan_gateways(snapshot: FleetSnapshot) -> Iterator[GatewayPlan]:
    """A plan for every gateway there is, also for one that no policy names."""
    for _, gateway in sorted(snapshot.world.gateways.items()):
        yield _gateway(gateway, snapshot)


def _gateway(gateway: Gateway, snapshot: FleetSnapshot) -> GatewayPlan:
    policies, targets = [], dict[str, TargetPlan]()
    owners = owners_of(snapshot.policies.values())
    for policy in snapshot.policies.values():
        if gateway.name in policy.spec.serves.gateways:
            own = plan_targets(policy, snapshot)
            targets.update((target.name, target) for target in own.by_model.values())
            policies.append(_policy(policy, own, _claims(policy, gateway.name, owners)))
    return GatewayPlan(gateway, tuple(policies), tuple(targets[name] for name in sorted(targets)))


def _policy(policy: RoutingPolicy, targets: Targets, claims: tuple[Claim, ...]) -> PolicyPlan:
    spec = policy.spec
    numbers = {
        **plan_identifiers(spec),
        "times": plan_times(spec),
        "tiers": plan_tiers(policy, targets),
        "rules": plan_rules(spec, targets),
        "classes": plan_classes(spec),
        "ladder": plan_ladder(spec),
        "retries": plan_retries(spec),
    }
    if spec.serves.max_body_bytes:
        numbers["maxBodyBytes"] = spec.serves.max_body_bytes
    return PolicyPlan(
        key=policy.key,
        claims=claims,
        numbers=numbers,
        stream_ms=plan_whole_stream(spec),
        targets=tuple(sorted(target.name for target in targets.by_model.values())),
    )


def _claims(policy: RoutingPolicy, gateway: str, owners: Mapping[OnGateway, Key]) -> tuple[Claim, ...]:
    """The names that it serves there: those that no older policy has."""
    serves = policy.spec.serves
    claims = ((host, model) for host in serves.hosts or ("",) for model in serves.models)
    return tuple(sorted(claim for claim in claims if owners[gateway, *claim] == policy.key))
