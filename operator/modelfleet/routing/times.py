"""Bounds on time that can never be reached."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.ladder import DEFAULT_STREAM, DEFAULT_TOTAL
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_times(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Bounds of a part that are longer than the bound of the whole."""
    for policy in snapshot.policies.values():
        yield from _check(policy)


def _check(policy: RoutingPolicy) -> Iterator[Finding]:
    timeouts = policy.spec.timeouts
    if timeouts is None:
        return
    total, stream = timeouts.total or DEFAULT_TOTAL, timeouts.stream or DEFAULT_STREAM
    bounds = (
        ("firstToken", timeouts.first_token, "total", total),
        ("answer", timeouts.answer, "total", total),
        ("betweenTokens", timeouts.between_tokens, "stream", stream),
    )
    for field, bound, name, outer in bounds:
        if bound and bound.milliseconds > outer.milliseconds:
            message = f"{bound} is longer than {name} ({outer}), which always ends first: lower it, or raise {name}"
            yield Finding(policy.key, ("spec", "timeouts", field), Reason.INCOHERENT, message, Severity.WARNING)
