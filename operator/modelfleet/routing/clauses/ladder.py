"""degrade and retries: where a request falls when its tier cannot serve it, and how often a rung is tried again."""

from typing import Any

from modelfleet.api.routingpolicy.ladder import Retries
from modelfleet.api.routingpolicy.rules.tiers import tier_names
from modelfleet.api.routingpolicy.rules.tries import repeats_of
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.routing.clauses.rules import plan_answer

NONE = Retries()


def plan_ladder(spec: RoutingPolicySpec) -> dict[str, Any]:
    """The tiers below the wanted one, in their order, and the answer at the end where there is one."""
    names = tier_names(spec)
    rungs = spec.degrade or ()
    # Lua counts from one.
    ladder: dict[str, Any] = {"falls": [names.index(rung.tier) + 1 for rung in rungs if rung.tier]}
    for rung in rungs:
        if rung.answer:
            ladder["answer"] = plan_answer(rung.answer)
    return ladder


def plan_retries(spec: RoutingPolicySpec) -> dict[str, Any]:
    """Repeats on one rung: how many, and how large a share of all requests they may be."""
    retries = spec.retries or NONE
    plan: dict[str, Any] = {"attempts": repeats_of(spec), "percent": retries.budget_percent}
    # Left out, all of them; nearly every policy leaves it out, and each has this twice.
    if retries.retry_on:
        plan["on"] = {kind.value: True for kind in sorted(retries.retry_on)}
    return plan
