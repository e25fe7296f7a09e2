"""Classes of hardware that no label tells apart."""

from collections.abc import Iterator
from itertools import permutations

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_overlap(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Classes whose selector matches every node of another class: such a node would be counted twice."""
    for wide, narrow in permutations(snapshot.classes.values(), 2):
        if _covers(wide, narrow):
            message = (
                f'matches every node of HardwareClass "{narrow.metadata.name}", which would be counted twice: add a'
            )
            yield Finding(
                wide.key,
                ("spec", "nodes", "selector"),
                Reason.OVERLAPPING,
                f"{message} label that tells the two apart",
                Severity.WARNING,
            )


def _covers(wide: HardwareClass, narrow: HardwareClass) -> bool:
    own, other = wide.spec.nodes.selector.items(), narrow.spec.nodes.selector.items()
    # Of two that are equal only one is told, or each would be told about the other.
    return own < other or (own == other and wide.metadata.name > narrow.metadata.name)
