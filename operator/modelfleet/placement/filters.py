"""Why a class of hardware cannot take a replica of a model, each reason in a function of its own.

What a class suits and how its nodes are bought refuse nobody: they are told, and the order of the list is the user's
own score. A score of ours would be one more thing to explain when it is asked why a model is where it is.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.findings import Reason
from modelfleet.fleet.nodes import Taint
from modelfleet.placement.stock import Stock
from modelfleet.placement.taints import hard_taints
from modelfleet.placement.words import counted, listed

MOST_NAMED = 3


class Refusal(NamedTuple):
    """Why a class takes no replica, in a word and for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a class takes a replica of so many units from a namespace, in one of these regions or in any."""

    name: str
    hardware: HardwareClass
    units: int
    regions: tuple[str, ...]
    namespace: str
    stock: Stock


def not_permitted(question: Question) -> Refusal | None:
    """The class is not for models of this namespace."""
    allowed = question.hardware.spec.allowed_namespaces
    if allowed is None or question.namespace in allowed:
        return None
    message = f'the class does not allow namespace "{question.namespace}": have it added to its allowedNamespaces'
    return Refusal(Reason.REF_NOT_PERMITTED, f"{message}, or choose another class")


def beyond_its_bound(question: Question) -> Refusal | None:
    """One replica alone takes more than may be used of the class."""
    most = question.hardware.spec.capacity.max_units
    if most is None or question.units <= most:
        return None
    message = f"one replica takes {counted(question.units, 'unit')}, and the class has {most} at most"
    return Refusal(Reason.DOES_NOT_FIT, f"{message}: lower units, or raise its maxUnits")


def no_matching_nodes(question: Question) -> Refusal | None:
    """There is no node of the class."""
    if question.stock.nodes(question.name):
        return None
    labels = listed([f"{label}={value}" for label, value in question.hardware.spec.nodes.selector.items()])
    message = f"no node has the labels of the class, {labels}: label nodes, correct its selector, or set"
    return Refusal(Reason.NO_MATCHING_NODES, f"{message} capacity.provision where nodes are made on demand")


def no_nodes_in_region(question: Question) -> Refusal | None:
    """There are nodes of the class, and none where the model may run."""
    if question.stock.nodes(question.name, question.regions):
        return None
    regions = sorted({node.region for node in question.stock.nodes(question.name)} - {""})
    where = f"they are in {listed(regions[:MOST_NAMED])}" if regions else "no region is known of them"
    message = f"no node of the class is in {listed(question.regions)}, {where}: add nodes there, or a region to"
    return Refusal(Reason.NO_NODES_IN_REGION, f"{message} spec.placement.regions")


def tainted(question: Question) -> Refusal | None:
    """Every node that could take it has a taint that the class does not tolerate."""
    tolerations = question.hardware.spec.nodes.tolerations or ()
    found: Counter[str] = Counter()
    for node in question.stock.nodes(question.name, question.regions):
        if node.ready and node.schedulable:
            taints = hard_taints(node, tolerations)
            if not taints:
                return None
            found[_written(taints[0])] += 1
    if not found:
        return None
    (taint, _), *_ = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    message = f"every node of the class that is ready has a taint that it does not tolerate, such as {taint}: add a"
    return Refusal(Reason.TAINTED, f"{message} toleration to its spec.nodes.tolerations, or remove the taint")


def _written(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def nodes_not_ready(question: Question) -> Refusal | None:
    """No node of the class takes new pods for now."""
    nodes = question.stock.nodes(question.name, question.regions)
    if any(node.ready and node.schedulable for node in nodes):
        return None
    cordoned = sum(node.ready for node in nodes)
    states = [
        *([f"{len(nodes) - cordoned} not ready"] if cordoned < len(nodes) else ()),
        *([f"{cordoned} cordoned"] if cordoned else ()),
    ]
    message = f"of {counted(len(nodes), 'node')} of the class {listed(states)}: see kubectl describe node"
    return Refusal(Reason.NODES_NOT_READY, f"{message}, or kubectl uncordon those that may take pods again")


def too_large_for_a_node(question: Question) -> Refusal | None:
    """No node of the class holds one replica, even when it is empty."""
    largest = question.stock.largest_node(question.name, question.regions)
    if question.units <= largest:
        return None
    message = f"one replica takes {counted(question.units, 'unit')}, and no node of the class holds more than {largest}"
    lacking = list(question.stock.lacking(question.name)) if not largest else []
    if lacking:
        fix = f"nodes have no {listed(lacking)}: see whether the device plugin runs there, or correct spec.unit"
        return Refusal(Reason.DOES_NOT_FIT, f"{message}: {fix}")
    return Refusal(Reason.DOES_NOT_FIT, f"{message}, even when it is empty: lower units, or add larger nodes")


ALWAYS = (not_permitted, beyond_its_bound)
BY_NODES = (no_matching_nodes, no_nodes_in_region, tainted, nodes_not_ready, too_large_for_a_node)
"""What nodes that are made on demand would put right."""


def refusal(question: Question) -> Refusal | None:
    """The first reason that the class has against a replica, None where it may take one."""
    provision = question.hardware.spec.capacity.provision
    filters: tuple[Callable[[Question], Refusal | None], ...] = ALWAYS if provision else (*ALWAYS, *BY_NODES)
    return next((found for one in filters if (found := one(question))), None)


def not_found(name: str) -> Refusal:
    """What there is to say of a class that is not there."""
    message = f'no HardwareClass "{name}" is declared: correct the name in spec.placement.classes, or add the class'
    return Refusal(Reason.HARDWARE_CLASS_NOT_FOUND, message)
