"""tiers: models of one size and their shares, and the targets that they come to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tiers import weight
from modelfleet.api.routingpolicy.rules.tries import worst_case
from modelfleet.api.routingpolicy.tiers import WeightedModel
from modelfleet.findings import Key
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.clauses.breaker import DEFAULT, plan_breaker
from modelfleet.routing.clauses.timeouts import CONNECT_MS, plan_connect
from modelfleet.routing.external import plan_host
from modelfleet.routing.plan import BreakerPlan, TargetPlan


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of one policy, by the names of its models."""

    by_model: dict[str, TargetPlan]

    def models(self, models: Iterable[WeightedModel]) -> list[dict[str, Any]]:
        """Models with their weights, as the script draws from them. Those without a share are left out."""
        return [_model(self.by_model[model.name], weight(model)) for model in models if weight(model)]


def model_keys(policy: RoutingPolicy) -> tuple[Key, ...]:
    """The models that take a share of the policy's requests, in the order of their names."""
    names = {model.name for models in _model_lists(policy) for model in models if weight(model)}
    return tuple(Key("ModelDeployment", policy.key.namespace, name) for name in sorted(names))


def plan_targets(policy: RoutingPolicy, snapshot: FleetSnapshot) -> Targets:
    """A target for every model that the policy names, also for one that is gone: it then has no endpoint."""
    return targets_of(policy, map(snapshot.models.get, model_keys(policy)))


def targets_of(policy: RoutingPolicy, models: Iterable[ModelDeployment | None]) -> Targets:
    """The same, from the models of its `model_keys`."""
    bounds = plan_breaker(policy.spec), plan_connect(policy.spec)
    tries = worst_case(policy.spec).tries
    pairs = zip(model_keys(policy), models, strict=True)
    return Targets({key.name: replace(_target(key, model, *bounds), tries=tries) for key, model in pairs})


def plan_tiers(policy: RoutingPolicy, targets: Targets) -> list[dict[str, Any]]:
    """The tiers, from small to large."""
    return [{"name": tier.name, "models": targets.models(tier.models)} for tier in policy.spec.tiers]


def _model_lists(policy: RoutingPolicy) -> Iterable[tuple[WeightedModel, ...]]:
    yield from (tier.models for tier in policy.spec.tiers)
    yield from (rule.models for rule in policy.spec.rules or () if rule.models)


def _target(key: Key, model: ModelDeployment | None, breaker: BreakerPlan, connect_ms: int) -> TargetPlan:
    spec = model.spec if model else None
    slow = spec.warmup.slow_start if spec and spec.warmup else None
    return TargetPlan(
        name=_name(key, breaker, connect_ms),
        model=key,
        declared=model is not None,
        alias=spec.model.name if spec else key.name,
        breaker=breaker,
        connect_ms=connect_ms,
        slow_start_ms=slow.milliseconds if slow else 0,
        tries=1,
        host=plan_host(key, spec.external) if spec and spec.external else None,
    )


def _name(key: Key, breaker: BreakerPlan, connect_ms: int) -> str:
    # Ejections belong to a target, so policies that would eject differently need one each.
    name = f"{key.namespace}/{key.name}"
    usual = breaker == BreakerPlan(DEFAULT.consecutive, DEFAULT.eject_for.milliseconds)
    name = name if usual else f"{name}/{breaker.consecutive}x{breaker.eject_ms}ms"
    return name if connect_ms == CONNECT_MS else f"{name}/connect-{connect_ms}ms"


def _model(target: TargetPlan, share: int) -> dict[str, Any]:
    model: dict[str, Any] = {
        "name": target.model.name,
        "weight": share,
        "cluster": target.way,
        "alias": target.alias,
    }
    if target.host and target.host.path != "/v1":
        model["path"] = target.host.path
    if target.host and target.host.passes_through:
        model["passThrough"] = True
    return model
