"""timeouts: how long things may take; what is left out has a default, and the smaller bound wins."""

from typing import Any

from modelfleet.api.routingpolicy.ladder import DEFAULT_STREAM, DEFAULT_TOTAL, Timeouts
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.scalars.duration import Duration

DEFAULT_FIRST_TOKEN = Duration.parse("60s")
DEFAULT_GAP = Duration.parse("60s")
NONE = Timeouts()
CONNECT_MS = 1000
"""How long a connection may take to come about, where nothing that a policy says is shorter."""


def plan_times(spec: RoutingPolicySpec) -> dict[str, Any]:
    """The bounds that the script puts on each request."""
    times = spec.timeouts or NONE
    total = (times.total or DEFAULT_TOTAL).milliseconds
    return {
        "total": total,
        "firstToken": (times.first_token or DEFAULT_FIRST_TOKEN).milliseconds,
        "answer": times.answer.milliseconds if times.answer else total,
        "gap": (times.between_tokens or DEFAULT_GAP).milliseconds,
        "lower": times.client_may_lower,
    }


def plan_connect(spec: RoutingPolicySpec) -> int:
    """How long connecting may take, in milliseconds: Envoy bounds a try only from there on."""
    times = spec.timeouts or NONE
    bounds = (times.total, times.first_token, times.answer)
    return min([CONNECT_MS, *(bound.milliseconds for bound in bounds if bound)])


def plan_whole_stream(spec: RoutingPolicySpec) -> int:
    """The longest that a stream may last, in milliseconds."""
    return ((spec.timeouts or NONE).stream or DEFAULT_STREAM).milliseconds
