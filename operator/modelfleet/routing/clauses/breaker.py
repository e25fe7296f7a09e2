"""breaker: when a replica is left alone for a while."""

from modelfleet.api.routingpolicy.ladder import Breaker
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.routing.plan import BreakerPlan

DEFAULT = Breaker()


def plan_breaker(spec: RoutingPolicySpec) -> BreakerPlan:
    """The policy's breaker, or the default: a model whose replicas all fail must not be asked for ever."""
    breaker = spec.breaker or DEFAULT
    return BreakerPlan(breaker.consecutive, breaker.eject_for.milliseconds)
