"""Fleets that are to be placed: nodes, pods and models in a few words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.nodes import Node, Taint
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.placement.plan import plan_placement
from modelfleet.placement.result import Placement, Share
from tests.support.documents import Document, fleet, hardware_class, model

GPU = "nvidia.com/gpu"
SAID = "the scheduler says: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def a_node(name: str, pool: str = "a", *, gpus: int = 1, region: str = "eu", **fields: Any) -> Node:
    """A node of the class whose selector asks for this pool."""
    labels = {"pool": pool, "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": f"{region}-1"}
    allocatable = {"cpu": "8", "pods": "110"} | ({GPU: str(gpus)} if gpus else {})
    node = Node(name, f"uid-{name}", labels, ready=True, schedulable=True, allocatable=allocatable, taints=())
    return replace(node, **fields)


def nodes_of(pool: str, count: int, **fields: Any) -> tuple[Node, ...]:
    """Several of them."""
    return tuple(a_node(f"{pool}-{number}", pool, **fields) for number in range(count))


def a_taint(key: str = "gpu", effect: str = "NoSchedule") -> Taint:
    """A taint without a value."""
    return Taint(key, "", effect)


def a_class(name: str, **fields: Any) -> Document:
    """A class of the nodes of the pool of its name, of which a unit is a GPU."""
    fields.setdefault("nodes", {"selector": {"pool": name}})
    return hardware_class(name=name, **fields)


def a_model(name: str, *classes: str, replicas: int = 1, units: int = 1, **fields: Any) -> Document:
    """A model that may run on these classes. `created` says when it was made; other fields are its spec's."""
    created = fields.pop("created", "")
    placement: Document = {
        name: fields.pop(name) for name in ("pendingTimeout", "returnAfter", "regions") if name in fields
    }
    if classes:
        placement["classes"] = [{"name": one, "units": units} for one in classes]
    raw = model(name=name, scale={"replicas": replicas}, placement=placement or None, **fields)
    raw["metadata"] |= {"namespace": "default", "creationTimestamp": created}
    return raw


def key_of(name: str) -> Key:
    """The key of one of these models."""
    return Key("ModelDeployment", "default", name)


def a_pod(  # noqa: PLR0913 - a pod differs in many ways, and each test names one or two
    of: str, hardware: str, node: str = "", *, number: int = 0, ready: bool = True, waiting: float = 0.0, units: int = 1
) -> Pod:
    """A pod of a model; without a node it waits, and since when the scheduler has said so."""
    name = f"{of}-{hardware}-{node or 'none'}-{number}"
    trouble = Trouble(Condition.PLACED, Reason.UNSCHEDULABLE, SAID) if waiting else None
    pod = Pod(Key("Pod", "default", name), f"uid-{name}", of, hardware, node, bool(node) and ready, False, "", trouble)
    return replace(pod, units=units, requests=((GPU, 1000 * units),), waiting=waiting)


@dataclass
class Ground:
    """What is true around the models, and what it comes to."""

    documents: tuple[Document, ...]
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    standing: Mapping[str, Mapping[str, tuple[Reason, float]]] = field(default_factory=dict)
    """By the names of the model and of the class."""
    now: float = 1_000_000.0
    desired: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What Deployments are to have, by the names of the model and of the class."""

    def snapshot(self) -> FleetSnapshot:
        """All of it as a snapshot."""
        return replace(
            fleet(*self.documents),
            nodes=self.nodes,
            pods=_by_model(self.pods),
            workloads=_by_model(_workload(*one, number) for one, number in self.desired.items()),
            standing={
                key_of(name): {one: Standing(reason, since) for one, (reason, since) in found.items()}
                for name, found in self.standing.items()
            },
            now=self.now,
        )

    def placement(self, name: str) -> Placement:
        """The placement of this model."""
        return plan_placement(self.snapshot()).models[key_of(name)]

    def shares(self, name: str) -> dict[str, Share]:
        """Its shares by the name of the class."""
        return {share.hardware: share for share in self.placement(name).shares}

    def targets(self, name: str) -> dict[str, int]:
        """How many replicas each class is to have in the end, without those that have none."""
        return {share.hardware: share.target for share in self.placement(name).shares if share.target}

    def replicas(self, name: str) -> dict[str, int]:
        """How many each class is to have now."""
        return {share.hardware: share.replicas for share in self.placement(name).shares if share.replicas}

    def reasons(self, name: str) -> dict[str, Reason]:
        """What is said of each class."""
        return {share.hardware: share.reason for share in self.placement(name).shares}


def _by_model(items: Iterable[Any]) -> dict[Key, tuple[Any, ...]]:
    found: dict[Key, list[Any]] = {}
    for item in items:
        found.setdefault(key_of(item.model), []).append(item)
    return {key: tuple(found[key]) for key in sorted(found)}


def _workload(of: str, hardware: str, desired: int) -> Workload:
    name = f"{of}-{hardware}"
    return Workload(Key("Deployment", "default", name), f"uid-{name}", "", of, hardware, desired, 0, 0, 1, 1)


def units_by_class(ground: Ground) -> Counter[str]:
    """The units that all targets together take of each class."""
    found: Counter[str] = Counter()
    for placement in plan_placement(ground.snapshot()).models.values():
        for share in placement.shares:
            found[share.hardware] += share.target * share.units
    return found
