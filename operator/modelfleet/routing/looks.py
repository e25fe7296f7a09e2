"""How much of a body the rules look into: each path is a walk through all of it, in a gateway that all share."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.decision import When
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Finding, Path, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.clauses.conditions import HEADER

MOST = 16


def check_looks(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Policies that look into the body at more places than a gateway can afford for each request."""
    for policy in snapshot.policies.values():
        seen: set[str] = set()
        for path, item in _looks(policy):
            seen.add(item)
            if len(seen) > MOST:
                message = (
                    f"the rules of a policy look at {MOST} different places of the body at most: ask for fewer,"
                    " or for a header"
                )
                yield Finding(policy.key, path, Reason.OUT_OF_RANGE, message)
                break


def _looks(policy: RoutingPolicy) -> Iterator[tuple[Path, str]]:
    conditions: list[tuple[Path, When | None]] = [
        *((("spec", "rules", index, "when"), rule.when) for index, rule in enumerate(policy.spec.rules or ())),
        *((("spec", "classes", name, "when"), it.when) for name, it in (policy.spec.classes or {}).items()),
    ]
    for path, when in conditions:
        for field in ("missing", "empty"):
            for index, item in enumerate((when and getattr(when, field)) or ()):
                if not item.startswith(HEADER):
                    yield (*path, field, index), item
