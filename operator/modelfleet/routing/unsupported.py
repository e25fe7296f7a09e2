"""Clauses that this version reads and checks, but that no gateway enforces yet: said, and never ignored."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.spec import Mode, RoutingPolicySpec
from modelfleet.api.rule import attributes
from modelfleet.findings import Finding, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot

ENFORCED = frozenset({"serves", "identifiers", "tiers", "rules", "timeouts", "retries", "degrade", "breaker", "mode"})
"""The clauses of which a policy may be made today; what comes to be enforced comes to stand here."""

MESSAGE = "this version checks the clause but cannot enforce it yet, and refuses the policy: leave it out for now"


def check_support(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """The clauses of each policy that cannot be enforced yet."""
    for policy in snapshot.policies.values():
        for clause in _unsupported(policy.spec):
            yield Finding(policy.key, ("spec", *clause), Reason.UNSUPPORTED, MESSAGE, Severity.WARNING)


def _unsupported(spec: RoutingPolicySpec) -> Iterator[Path]:
    for clause, name in attributes(RoutingPolicySpec).items():
        # An empty list asks for nothing, and templates render it.
        if clause not in ENFORCED and getattr(spec, name):
            yield (clause,)
    for index, tier in enumerate(spec.tiers):
        if tier.max_in_flight is not None:
            yield "tiers", index, "maxInFlight"
    for index, rule in enumerate(spec.rules or ()):
        if rule.classify:
            yield "rules", index, "classify"
    if spec.mode is Mode.OBSERVE:
        yield ("mode",)
