"""Classes of hardware that no label tells apart."""

from collections import defaultdict
from collections.abc import Iterator

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_overlap(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Classes whose selector matches every node of another class: such a node would be counted twice."""
    holders: dict[tuple[str, str], list[HardwareClass]] = defaultdict(list)
    for hardware in snapshot.classes.values():
        for label in hardware.spec.nodes.selector.items():
            holders[label].append(hardware)
    for wide in snapshot.classes.values():
        # Who matches fewer nodes has all of these labels, so whoever has the rarest of them will do to look at.
        rarest = min((holders[label] for label in wide.spec.nodes.selector.items()), key=len)
        for narrow in (other for other in rarest if _covers(wide, other)):
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
