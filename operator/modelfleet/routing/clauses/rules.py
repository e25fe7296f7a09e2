"""rules: which request goes where; the first that fits."""

from typing import Any

from modelfleet.api.routingpolicy.decision import Answer, RoutingRule
from modelfleet.api.routingpolicy.rules.tiers import tier_names
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.routing.clauses.conditions import plan_condition
from modelfleet.routing.clauses.tiers import Targets


def plan_rules(spec: RoutingPolicySpec, targets: Targets) -> list[dict[str, Any]]:
    """The rules in their order, each with where it leads."""
    return [_rule(rule, spec, targets) for rule in spec.rules or ()]


def _rule(rule: RoutingRule, spec: RoutingPolicySpec, targets: Targets) -> dict[str, Any]:
    return {"name": rule.name, "when": plan_condition(rule.when), **_way(rule, spec, targets)}


def _way(rule: RoutingRule, spec: RoutingPolicySpec, targets: Targets) -> dict[str, Any]:
    if rule.tier:
        # Lua counts from one.
        return {"tier": tier_names(spec).index(rule.tier) + 1}
    if rule.models:
        return {"models": targets.models(rule.models)}
    assert rule.answer is not None
    return {"answer": plan_answer(rule.answer)}


def plan_answer(answer: Answer) -> dict[str, Any]:
    """What is said without asking a model."""
    return {"status": answer.status, "body": answer.body}
