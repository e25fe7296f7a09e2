"""The status of a class of hardware: whether there is any of it, and whether its nodes are its own."""

from collections.abc import Sequence
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.hardwareclass.spec import HardwareClassSpec
from modelfleet.findings import Condition, Reason
from modelfleet.fleet.nodes import Node
from modelfleet.statuses.capacity import Capacity, by_region
from modelfleet.statuses.conditions import FALSE, TRUE, Row, counted, ready, told, unread, wire
from modelfleet.statuses.verdict import Verdict, not_judged


def hardware_status(verdict: Verdict, capacity: Capacity) -> dict[str, Any]:
    """The status of a HardwareClass."""
    resource, generation = verdict.judged.resource, verdict.judged.generation
    accepted = verdict.accepted(Condition.OVERLAPPING)
    if not isinstance(resource, HardwareClass):
        rows = [accepted, not_judged(Condition.CAPACITY_KNOWN), not_judged(Condition.OVERLAPPING)]
        return wire([*rows, ready(rows[:2], "")], generation)
    nodes = capacity.nodes(resource.spec.nodes.selector)
    known = _known(resource.spec, capacity, nodes)
    rows = [accepted, known, _overlapping(verdict, capacity, nodes)]
    status = wire([*rows, _ready(resource.spec, accepted, known, nodes)], generation)
    if capacity.unread is None:
        status["matchingNodes"] = len(nodes)
        status["readyNodes"] = sum(node.ready for node in nodes)
        if regions := by_region(nodes):
            status["regions"] = regions
    return status


def _known(spec: HardwareClassSpec, capacity: Capacity, nodes: Sequence[Node]) -> Row:
    type_ = Condition.CAPACITY_KNOWN
    if capacity.unread is not None:
        return unread(type_, "Node", capacity.unread)
    selector = spec.nodes.selector
    if not nodes:
        labels = ", ".join(f"{label}={value}" for label, value in selector.items())
        message = f"spec.nodes.selector: no node has {labels}: {capacity.nearest(selector)}; correct the selector, or"
        return Row(type_, FALSE, Reason.NO_MATCHING_NODES, f"{message} label the nodes")
    return Row(type_, TRUE, Reason.NODES_FOUND, _counts(nodes))


def _counts(nodes: Sequence[Node]) -> str:
    ready_nodes = [node for node in nodes if node.ready]
    message = f"{counted(len(nodes), 'node')} of the class, {len(ready_nodes)} ready"
    cordoned = sum(not node.schedulable for node in ready_nodes)
    return f"{message}, of which {cordoned} cordoned" if cordoned else message


def _overlapping(verdict: Verdict, capacity: Capacity, nodes: Sequence[Node]) -> Row:
    type_ = Condition.OVERLAPPING
    if found := verdict.of(type_):
        return Row(type_, TRUE, found[0].reason, told(found))
    if capacity.unread is not None:
        return unread(type_, "Node", capacity.unread)
    shared = capacity.shared(verdict.judged.key.name, nodes)
    if not shared:
        return Row(type_, FALSE, Reason.NO_OVERLAP, "no node is of another class as well")
    name, number = min(shared.items(), key=lambda entry: (-entry[1], entry[0]))
    others = f", and some with {len(shared) - 1} more" if len(shared) > 1 else ""
    message = f'spec.nodes.selector: shares {counted(number, "node")} with HardwareClass "{name}"{others}, which would'
    return Row(type_, TRUE, Reason.OVERLAPPING, f"{message} be counted twice: add a label that tells them apart")


def _ready(spec: HardwareClassSpec, accepted: Row, known: Row, nodes: Sequence[Node]) -> Row:
    summed = ready((accepted, known), known.message)
    if accepted.status is not TRUE or known.reason is Reason.NOT_READABLE or any(node.ready for node in nodes):
        return summed
    if spec.capacity.provision:
        message = f"no node of the class is ready, and nodes may be made on demand ({known.message})"
        return Row(Condition.READY, TRUE, Reason.PROVISIONABLE, message)
    if not nodes:
        return summed
    return Row(Condition.READY, FALSE, Reason.NODES_NOT_READY, f"{known.message}: see kubectl describe node")
