"""The status of a class of hardware: how much there is of it, who has it, and whether its nodes are its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.hardwareclass.spec import HardwareClassSpec
from modelfleet.findings import Condition, Reason
from modelfleet.fleet.nodes import Node
from modelfleet.placement.stock import Stock, Units
from modelfleet.statuses.capacity import Capacity, by_region
from modelfleet.statuses.conditions import FALSE, TRUE, Row, counted, ready, sentences, told, unread, wire
from modelfleet.statuses.money import cost_per_hour
from modelfleet.statuses.verdict import Verdict, not_judged

MOST_MODELS = 100


def hardware_status(verdict: Verdict, capacity: Capacity, stock: Stock | None = None) -> dict[str, Any]:
    """The status of a HardwareClass. Without a stock nothing is known of its units."""
    resource, generation = verdict.judged.resource, verdict.judged.generation
    accepted = verdict.accepted(Condition.OVERLAPPING)
    if not isinstance(resource, HardwareClass):
        rows = [accepted, not_judged(Condition.CAPACITY_KNOWN), not_judged(Condition.OVERLAPPING)]
        return wire([*rows, ready(rows[:2], "")], generation)
    nodes = capacity.nodes(resource.spec.nodes.selector)
    lacking = stock.lacking(resource.metadata.name) if stock else {}
    known = _known(resource.spec, capacity, nodes, lacking)
    rows = [accepted, known, _overlapping(verdict, capacity, nodes)]
    status = wire([*rows, _ready(resource.spec, accepted, known, nodes)], generation)
    if capacity.unread is None:
        status["matchingNodes"] = len(nodes)
        status["readyNodes"] = sum(node.ready for node in nodes)
        if regions := by_region(nodes):
            status["regions"] = regions
    return {**status, **_held(resource, stock, status.get("regions", ()))} if stock else status


def _held(hardware: HardwareClass, stock: Stock, regions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The units of a class, all of them and by region, and who has them."""
    name = hardware.metadata.name
    units, places = stock.units(name), stock.regions(name)
    held: dict[str, Any] = {"units": _written(units)}
    if regions:
        held["regions"] = [{**one, **_written(places.get(one["name"]))} for one in regions]
    if holders := stock.holders(name)[:MOST_MODELS]:
        held["models"] = [{"namespace": key.namespace, "name": key.name, "units": number} for key, number in holders]
    if cost := cost_per_hour([(hardware, units.used)]):
        held["costPerHour"] = cost
    return held


def _written(units: Units | None) -> dict[str, int]:
    if units is None:
        return {}
    numbers = {"total": units.total, "used": units.used, "free": units.free}
    return {name: number for name, number in numbers.items() if number is not None}


def _known(spec: HardwareClassSpec, capacity: Capacity, nodes: Sequence[Node], lacking: Mapping[str, int]) -> Row:
    type_ = Condition.CAPACITY_KNOWN
    if capacity.unread is not None:
        return unread(type_, "Node", capacity.unread)
    selector = spec.nodes.selector
    if not nodes:
        labels = ", ".join(f"{label}={value}" for label, value in selector.items())
        message = f"spec.nodes.selector: no node has {labels}: {capacity.nearest(selector)}; correct the selector, or"
        return Row(type_, FALSE, Reason.NO_MATCHING_NODES, f"{message} label the nodes")
    said = [_lacks(resource, number, len(nodes)) for resource, number in lacking.items() if number]
    if len(nodes) in lacking.values():
        return Row(type_, FALSE, Reason.DEVICE_PLUGIN_MISSING, sentences(said))
    return Row(type_, TRUE, Reason.NODES_FOUND, sentences([_counts(nodes), *said]))


def _lacks(resource: str, number: int, every: int) -> str:
    have = "has" if number == 1 else "have"
    message = (
        f"spec.unit.resources: {number} of {counted(every, 'node')} {have} no {resource}, and so no unit: see that"
    )
    return f"{message} its device plugin runs there, or correct the name of the resource"


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
