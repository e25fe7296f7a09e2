"""classes: which class of traffic a request is of, as conditions ask; the shares of classes are not enforced yet."""

from typing import Any

from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.routing.clauses.conditions import plan_condition


def plan_classes(spec: RoutingPolicySpec) -> list[dict[str, Any]]:
    """The classes by name; one without a condition takes what no other takes."""
    classes = sorted((spec.classes or {}).items())
    return [
        {"name": name, **({"when": plan_condition(traffic.when)} if traffic.when else {})} for name, traffic in classes
    ]
