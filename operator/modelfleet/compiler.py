"""The only place that knows in which order a fleet is looked at."""

from modelfleet.findings import Finding
from modelfleet.fleet.references import check_references
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.fit import check_fit
from modelfleet.placement.overlap import check_overlap
from modelfleet.placement.suits import check_suits
from modelfleet.routing.claims import check_claims
from modelfleet.routing.facts import check_facts
from modelfleet.routing.isolation import check_isolation
from modelfleet.routing.reach import check_reach
from modelfleet.routing.shadow import check_shadows
from modelfleet.routing.times import check_times
from modelfleet.routing.transport import check_transport
from modelfleet.routing.unsupported import check_support

CHECKS = (
    check_references,
    check_fit,
    check_suits,
    check_overlap,
    check_claims,
    check_reach,
    check_shadows,
    check_facts,
    check_times,
    check_isolation,
    check_transport,
    check_support,
)


def check_fleet(snapshot: FleetSnapshot) -> tuple[Finding, ...]:
    """What is to be said of objects that are each valid by themselves, once they stand side by side."""
    return tuple(finding for check in CHECKS for finding in check(snapshot))
