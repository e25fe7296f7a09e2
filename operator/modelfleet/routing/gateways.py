"""Policies become the plans of the gateways that serve them."""

from collections.abc import Iterator, Mapping
from operator import attrgetter

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.world import Gateway
from modelfleet.routing.claims import Claim as OnGateway
from modelfleet.routing.claims import owners_of
from modelfleet.routing.clauses.classes import plan_classes
from modelfleet.routing.clauses.identifiers import plan_identifiers
from modelfleet.routing.clauses.ladder import plan_ladder, plan_retries
from modelfleet.routing.clauses.rules import plan_rules
from modelfleet.routing.clauses.tiers import Targets, model_keys, plan_tiers, targets_of
from modelfleet.routing.clauses.timeouts import plan_times, plan_whole_stream
from modelfleet.routing.plan import Claim, GatewayPlan, PolicyPlan, TargetPlan


def plan_gateways(snapshot: FleetSnapshot, recall: Recall | None = None) -> Iterator[GatewayPlan]:
    """A plan for every gateway there is, also for one that no policy names."""
    owners = owners_of(snapshot.policies.values())
    for _, gateway in sorted(snapshot.world.gateways.items()):
        yield _gateway(gateway, snapshot, owners, recall or Recall())


def _gateway(gateway: Gateway, snapshot: FleetSnapshot, owners: Mapping[OnGateway, Key], recall: Recall) -> GatewayPlan:
    policies, targets = [], dict[str, TargetPlan]()
    for policy in snapshot.policies.values():
        if gateway.name in policy.spec.serves.gateways:
            key = policy.key
            models = tuple(map(snapshot.models.get, recall.of(("models", key), model_keys, policy)))
            claims = _claims(policy, gateway.name, owners)
            own, plan = recall.of(("plan", gateway.name, key), _policy, policy, models, claims)
            for target in own.by_model.values():
                known = targets.get(target.name, target)
                targets[target.name] = max(known, target, key=attrgetter("tries"))
            policies.append(plan)
    return GatewayPlan(gateway, tuple(policies), tuple(targets[name] for name in sorted(targets)))


def _policy(
    policy: RoutingPolicy, models: tuple[ModelDeployment | None, ...], claims: tuple[Claim, ...]
) -> tuple[Targets, PolicyPlan]:
    spec, targets = policy.spec, targets_of(policy, models)
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
    plan = PolicyPlan(
        key=policy.key,
        claims=claims,
        numbers=numbers,
        stream_ms=plan_whole_stream(spec),
        targets=tuple(sorted(target.name for target in targets.by_model.values())),
    )
    return targets, plan


def _claims(policy: RoutingPolicy, gateway: str, owners: Mapping[OnGateway, Key]) -> tuple[Claim, ...]:
    """The names that it serves there: those that no older policy has."""
    serves = policy.spec.serves
    claims = ((host, model) for host in serves.hosts or ("",) for model in serves.models)
    return tuple(sorted(claim for claim in claims if owners.get((gateway, *claim)) == policy.key))
