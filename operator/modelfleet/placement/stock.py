"""What there is of each class of hardware: its nodes, what is free on them, and who holds the rest.

Only pods of models are known. What others run on these nodes is not, so the scheduler may find less room than this.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Key
from modelfleet.fleet.amounts import thousandths
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.requests import Requests
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.ledger import PLENTY, Ledger, Lot, fitting
from modelfleet.placement.taints import hard_taints

PODS = "pods"
"""The resource that every pod takes one of."""
EACH = 1000


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one class, counted."""

    total: int | None
    """What the ready nodes hold, at most maxUnits; None where nodes do not tell."""
    used: int
    """What pods of models hold that have a node, until they are gone from it."""
    free: int | None
    """What another model could take; None where nodes do not tell."""


class Stock:
    """The nodes of each class, and what is free on them."""

    def __init__(self, snapshot: FleetSnapshot) -> None:
        self._classes = snapshot.classes
        self._by_name = {node.name: node for node in snapshot.nodes}
        self._nodes = dict(_nodes_of_classes(snapshot))
        self._whole = {node.name: _allocatable(node) for node in snapshot.nodes}
        self._held: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._holders: defaultdict[str, Counter[Key]] = defaultdict(Counter)
        self._used: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.live: Counter[str] = Counter()
        """Units of the pods that are there to stay, with a node or without, by the label of their class."""
        self._count(snapshot)
        self.free = {name: _less(whole, self._held.get(name)) for name, whole in self._whole.items()}
        """What is free on each node."""
        self._ledger = Ledger(self.free)
        self._lots: dict[tuple[str, int, tuple[str, ...]], Lot] = {}
        self._usable: dict[tuple[str, tuple[str, ...]], dict[str, Node]] = {}

    def _count(self, snapshot: FleetSnapshot) -> None:
        for key, pods in snapshot.pods.items():
            for pod in pods:
                if pod.ended:
                    continue
                if not pod.terminating:
                    self.live[pod.hardware] += pod.units
                if pod.node:
                    held = self._held[pod.node]
                    held[PODS] += EACH
                    for name, amount in pod.requests:
                        held[name] += amount
                    self._holders[pod.hardware][key] += pod.units
                    self._used[pod.hardware][self._region(pod.node)] += pod.units

    def _region(self, node: str) -> str:
        return self._by_name[node].region if node in self._by_name else ""

    def nodes(self, hardware: str, regions: tuple[str, ...] = ()) -> tuple[Node, ...]:
        """The nodes of the class, in these regions where some are named; in what state they are does not matter."""
        nodes = self._nodes.get(hardware, ())
        return tuple(node for node in nodes if node.region in regions) if regions else nodes

    def usable(self, hardware: str, regions: tuple[str, ...] = ()) -> Mapping[str, Node]:
        """Those of them, by their names, that take new pods of the class."""
        known = self._usable.get((hardware, regions))
        if known is None:
            tolerations = self._classes[hardware].spec.nodes.tolerations or () if hardware in self._classes else ()
            known = self._usable[hardware, regions] = {
                node.name: node
                for node in self.nodes(hardware, regions)
                if node.ready and node.schedulable and not hard_taints(node, tolerations)
            }
        return known

    def lot(self, hardware: str, units: int, regions: tuple[str, ...] = ()) -> Lot:
        """Replicas of so many units of the class, and the nodes that may take them now."""
        known = self._lots.get((hardware, units, regions))
        if known is None:
            usable = tuple(self.usable(hardware, regions))
            known = self._lots[hardware, units, regions] = Lot(self._need(hardware, units), usable)
        return known

    def fit(self, lot: Lot) -> int:
        """How many replicas of a lot find a node now; maxUnits is not looked at."""
        return self._ledger.room(lot)

    def room(self, hardware: str, units: int, regions: tuple[str, ...] = ()) -> int:
        """The same of replicas of so many units of a class."""
        return self.fit(self.lot(hardware, units, regions))

    def largest_on(self, hardware: str, nodes: Iterable[str]) -> int:
        """The most units of the class that are free on one of these nodes."""
        need = self._need(hardware, 1)
        return max((fitting(need, self.free[name]) for name in nodes), default=0)

    def largest_node(self, hardware: str, regions: tuple[str, ...] = ()) -> int:
        """The most units that one node of the class holds when it is empty."""
        need = self._need(hardware, 1)
        return max((fitting(need, self._whole[node.name]) for node in self.nodes(hardware, regions)), default=0)

    def holders(self, hardware: str) -> tuple[tuple[Key, int], ...]:
        """The models that hold units of the class, and how many, those with the most first."""
        held: Mapping[Key, int] = self._holders.get(label_value(hardware), {})
        return tuple(sorted(((key, units) for key, units in held.items() if units), key=lambda one: (-one[1], one[0])))

    def lacking(self, hardware: str) -> Mapping[str, int]:
        """Resources of the unit that nodes of the class do not have at all, and how many nodes do not."""
        names = [name for name, _ in self._need(hardware, 1) if name != PODS]
        nodes = self.nodes(hardware)
        lacking = {name: sum(not self._whole[node.name].get(name) for node in nodes) for name in names}
        return {name: number for name, number in lacking.items() if number}

    def units(self, hardware: str) -> Units:
        """The units of the class, over all regions."""
        used = self._used.get(label_value(hardware), Counter())
        return self._units(hardware, self.nodes(hardware), used.total())

    def regions(self, hardware: str) -> Mapping[str, Units]:
        """The same by region, that of nodes that name none as an empty text; maxUnits bounds each of them alone."""
        used = self._used.get(label_value(hardware), Counter())
        nodes: defaultdict[str, list[Node]] = defaultdict(list)
        for node in self.nodes(hardware):
            nodes[node.region].append(node)
        return {region: self._units(hardware, nodes[region], used[region]) for region in sorted({*nodes, *used})}

    def _units(self, hardware: str, nodes: Iterable[Node], used: int) -> Units:
        need = self._need(hardware, 1)
        if not need:
            return Units(None, used, None)
        most = self._classes[hardware].spec.capacity.max_units
        usable = self.usable(hardware)
        total = sum(fitting(need, self._whole[node.name]) for node in nodes if node.ready)
        free = sum(fitting(need, self.free[node.name]) for node in nodes if node.name in usable)
        if most is not None:
            everywhere = self._used.get(label_value(hardware), Counter()).total()
            total, free = min(total, most), min(free, max(0, most - everywhere))
        return Units(total, used, free)

    def _need(self, hardware: str, units: int) -> Requests:
        declared = self._classes.get(hardware)
        return _need(declared, units) if declared else ()


def _need(hardware: HardwareClass, units: int) -> Requests:
    resources = hardware.spec.unit.resources
    if not resources:
        return ()  # devices are claimed, and which nodes have some only the scheduler knows
    amounts = ((name, quantity.amount * units * 1000) for name, quantity in sorted(resources.items()))
    return ((PODS, EACH), *((name, -(-exact.numerator // exact.denominator)) for name, exact in amounts))


def _nodes_of_classes(snapshot: FleetSnapshot) -> Iterable[tuple[str, tuple[Node, ...]]]:
    holders: defaultdict[tuple[str, str], list[Node]] = defaultdict(list)
    for node in snapshot.nodes:
        for label in node.labels.items():
            holders[label].append(node)
    for name, hardware in snapshot.classes.items():
        selector = hardware.spec.nodes.selector.items()
        rarest = min((holders.get(label, []) for label in selector), key=len)
        yield name, tuple(node for node in rarest if selector <= node.labels.items())


def _allocatable(node: Node) -> dict[str, int]:
    known = ((name, thousandths(text)) for name, text in node.allocatable.items())
    # A node that does not say how many pods it takes is not held to a number.
    return {PODS: PLENTY * EACH, **{name: number for name, number in known if number is not None}}


def _less(whole: Mapping[str, int], held: Mapping[str, int] | None) -> Mapping[str, int]:
    return {name: number - held.get(name, 0) for name, number in whole.items()} if held else whole
