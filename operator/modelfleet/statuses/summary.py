"""The statuses of a whole fleet, from what is known of it and what was found in it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from modelfleet.findings import Finding, Key, keeps_out
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.result import FleetPlacement
from modelfleet.statuses.capacity import Capacity
from modelfleet.statuses.hardware import hardware_status
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.model import model_status
from modelfleet.statuses.policy import Names, policy_status
from modelfleet.statuses.scene import Scenes
from modelfleet.statuses.supply import Supply
from modelfleet.statuses.verdict import Verdict


def summarise(
    snapshot: FleetSnapshot,
    judged: Iterable[Judged],
    findings: Iterable[Finding],
    placement: FleetPlacement | None = None,
    recall: Recall | None = None,
) -> dict[Key, dict[str, Any]]:
    """The status of each judged object of our kinds, as it is written but without times: `settle` puts them in.

    `findings` are those of the fleet; each verdict has its own beside them. Without a `placement` nothing is said of
    where replicas are to be, nor of the units that there are.
    """
    judged, recall = tuple(judged), recall or Recall()
    found: defaultdict[Key, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.subject].append(finding)
    capacity, names, scenes = Capacity(snapshot), Names(snapshot), Scenes(snapshot, placement, recall)
    supply = Supply(snapshot, judged, {key for key, some in found.items() if any(map(keeps_out, some))}, recall)
    # Who holds what is known where both nodes and pods are.
    stock = placement.stock if placement and not snapshot.unknown.keys() & {"Node", "Pod"} else None
    statuses: dict[Key, dict[str, Any]] = {}
    for one in judged:
        verdict = Verdict(one, (*one.findings, *found.get(one.key, ())), snapshot.unknown, snapshot.unread)
        match one.key.kind:
            case "HardwareClass":
                statuses[one.key] = hardware_status(verdict, capacity, stock)
            case "ModelDeployment":
                statuses[one.key] = recall.of(("status", one.key), model_status, verdict, scenes.of(one.key))
            case "RoutingPolicy":
                statuses[one.key] = policy_status(verdict, names, supply)
            case _:
                pass  # nothing is written on what is not ours
    return statuses
