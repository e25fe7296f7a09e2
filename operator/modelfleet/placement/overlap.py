"""Classes of hardware that no label tells apart."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Condition, Finding, Reason, Severity
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
        covered = [narrow.metadata.name for narrow in rarest if _covers(wide, narrow)]
        if covered:
            yield _overlapping(wide, covered)


def _overlapping(wide: HardwareClass, covered: Sequence[str]) -> Finding:
    others = f" and of {len(covered) - 1} more" if len(covered) > 1 else ""
    message = f'matches every node of HardwareClass "{covered[0]}"{others}, which would be counted twice'
    path = ("spec", "nodes", "selector")
    return Finding(
        wide.key,
        path,
        Reason.OVERLAPPING,
        f"{message}: add a label that tells them apart",
        Severity.WARNING,
        Condition.OVERLAPPING,
    )


def _covers(wide: HardwareClass, narrow: HardwareClass) -> bool:
    own, other = wide.spec.nodes.selector.items(), narrow.spec.nodes.selector.items()
    # Of two that are equal only one is told, or each would be told about the other.
    return own < other or (own == other and wide.metadata.name > narrow.metadata.name)
