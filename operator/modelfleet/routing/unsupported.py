"""Clauses that this version reads and checks, but that no gateway enforces yet: said, and never ignored."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.spec import Mode
from modelfleet.api.routingpolicy.unenforced import UNENFORCED
from modelfleet.api.rule import locate, split
from modelfleet.findings import Finding, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot

MESSAGE = "this version checks the clause but cannot enforce it yet, and refuses the policy: leave it out for now"

PLACES = tuple(split(pattern) for pattern in UNENFORCED)


def check_support(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """The clauses of each policy that cannot be enforced yet."""
    for policy in snapshot.policies.values():
        for path in _unsupported(policy):
            yield Finding(policy.key, path, Reason.UNSUPPORTED, MESSAGE, Severity.WARNING)


def _unsupported(policy: RoutingPolicy) -> Iterator[Path]:
    for place in PLACES:
        # An empty list asks for nothing, and templates render it.
        yield from (path for path, said in locate(policy, place) if said)
    if policy.spec.mode is Mode.OBSERVE:
        yield ("spec", "mode")
