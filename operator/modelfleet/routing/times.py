"""Bounds on time that can never be reached."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_times(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Bounds of one try that are longer than the bound of all."""
    for policy in snapshot.policies.values():
        yield from _check(policy)


def _check(policy: RoutingPolicy) -> Iterator[Finding]:
    timeouts = policy.spec.timeouts
    if timeouts is None or timeouts.total is None:
        return
    for field, bound in (("firstToken", timeouts.first_token), ("answer", timeouts.answer)):
        if bound and bound.milliseconds > timeouts.total.milliseconds:
            yield Finding(
                policy.key,
                ("spec", "timeouts", field),
                Reason.INCOHERENT,
                f"{bound} is longer than total ({timeouts.total}), which always ends first: lower it, or raise total",
                Severity.WARNING,
            )
