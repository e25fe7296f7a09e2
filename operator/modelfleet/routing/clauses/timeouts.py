"""timeouts: how long things may take; what is left out has a default, and the smaller bound wins."""

from typing import Any

from modelfleet.api.routingpolicy.ladder import DEFAULT_STREAM, DEFAULT_TOTAL, Timeouts
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.scalars.duration import Duration
from modelfleet.routing.plan import StreamPlan

DEFAULT_FIRST_TOKEN = Duration.parse("60s")
DEFAULT_GAP = Duration.parse("60s")
NONE = Timeouts()


def plan_times(spec: RoutingPolicySpec) -> dict[str, Any]:
    """The bounds that hold up to the first byte of a stream, or up to a whole JSON answer."""
    times = spec.timeouts or NONE
    total = (times.total or DEFAULT_TOTAL).milliseconds
    return {
        "total": total,
        "firstToken": (times.first_token or DEFAULT_FIRST_TOKEN).milliseconds,
        "answer": times.answer.milliseconds if times.answer else total,
        "lower": times.client_may_lower,
    }


def plan_stream(spec: RoutingPolicySpec) -> StreamPlan:
    """The bounds of a stream that runs.

    Envoy watches the gap from the end of the request on, so before the first byte, too: a gap that is shorter than
    firstToken would cut what firstToken allows, and is as long as that.
    """
    times = spec.timeouts or NONE
    gap = (times.between_tokens or DEFAULT_GAP).milliseconds
    first = (times.first_token or DEFAULT_FIRST_TOKEN).milliseconds
    return StreamPlan(max(gap, first), (times.stream or DEFAULT_STREAM).milliseconds)
