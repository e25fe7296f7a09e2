"""A cluster in miniature: Deployments make pods, a scheduler gives them nodes, and time goes by.

It holds pods of others that a plan does not see, so that what looks free need not be.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from modelfleet.findings import Key, Reason
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.pods import Pod
from modelfleet.placement.plan import plan_placement
from modelfleet.placement.result import FleetPlacement
from tests.support.documents import Document
from tests.support.placing import GPU, Ground, a_pod

START_UP = 7.0
"""Seconds until a pod that has a node is ready."""


@dataclass
class SmallCluster:
    """What is there, and what the operator and Kubernetes make of it."""

    documents: tuple[Document, ...]
    nodes: list[Node]
    foreign: Counter[str] = field(default_factory=Counter)
    """Units on nodes that others hold, which only the scheduler knows of."""
    pods: dict[Key, Pod] = field(default_factory=dict)
    ready_at: dict[Key, float] = field(default_factory=dict)
    desired: dict[tuple[str, str], int] = field(default_factory=dict)
    standing: dict[str, dict[str, tuple[Reason, float]]] = field(default_factory=dict)
    now: float = 1_000_000.0
    seed: int = 0
    made: Counter[str] = field(default_factory=Counter)
    """Pods that were made so far, by model."""
    lost: list[str] = field(default_factory=list)
    """Replicas that went although nobody had taken their place."""

    def ground(self) -> Ground:
        """What the operator sees."""
        pods = tuple(self.pods[key] for key in sorted(self.pods))
        return Ground(self.documents, tuple(self.nodes), pods, self.standing, self.now, self.desired)

    def step(self, seconds: float) -> FleetPlacement:
        """One look of the operator, what Kubernetes does about it, and then some time."""
        plan = plan_placement(self.ground().snapshot())
        self._write(plan)
        self._replicate()
        self._schedule()
        self.now += seconds
        for key, pod in self.pods.items():
            if pod.node and not pod.ready and self.ready_at[key] <= self.now:
                self.pods[key] = replace(pod, ready=True)
        return plan

    def remove(self, node: str) -> None:
        """Takes a node away, with all that runs there."""
        self.nodes = [one for one in self.nodes if one.name != node]
        self.pods = {key: pod for key, pod in self.pods.items() if pod.node != node}

    def ready(self) -> Counter[str]:
        """Replicas that serve, by model."""
        return Counter(pod.model for pod in self.pods.values() if pod.ready)

    def ready_pods(self) -> frozenset[Key]:
        """The replicas that serve."""
        return frozenset(key for key, pod in self.pods.items() if pod.ready)

    def wanted(self) -> dict[str, int]:
        """How many replicas there should be, by model."""
        return {name: spec["scale"]["replicas"] for name, spec in self._specs().items()}

    def classes(self) -> dict[str, dict[str, int]]:
        """How many units a replica takes of each class that it may run on, by model."""
        return {
            name: {choice["name"]: choice["units"] for choice in spec["placement"]["classes"]}
            for name, spec in self._specs().items()
        }

    def _specs(self) -> dict[str, Document]:
        models = [raw for raw in self.documents if raw["kind"] == "ModelDeployment"]
        return {raw["metadata"]["name"]: raw["spec"] for raw in models}

    def _write(self, plan: FleetPlacement) -> None:
        for key, placement in plan.models.items():
            self.standing[key.name] = {one.hardware: (one.reason, float(int(one.since))) for one in placement.shares}
            wanted = {(key.name, one.hardware): one.replicas for one in placement.shares if one.replicas}
            others = {one: number for one, number in self.desired.items() if one[0] != key.name}
            self.desired = {**others, **wanted}

    def _replicate(self) -> None:
        sizes = self.classes()
        before, wanted = self.ready(), self.wanted()
        for owner in sorted({*self.desired, *((pod.model, pod.hardware) for pod in self.pods.values())}):
            self._scale(*owner, sizes[owner[0]].get(owner[1], 1))
        after = self.ready()
        self.lost += [name for name in before if after[name] < min(before[name], wanted[name])]

    def _scale(self, of: str, hardware: str, units: int) -> None:
        there = [pod for pod in self.pods.values() if (pod.model, pod.hardware) == (of, hardware)]
        there.sort(key=lambda pod: (bool(pod.node), pod.ready, pod.key))
        desired = self.desired.get((of, hardware), 0)
        for pod in there[: max(0, len(there) - desired)]:
            del self.pods[pod.key]
        for _ in range(desired - len(there)):
            self.made[of] += 1
            pod = a_pod(of, hardware, number=self.made[of], units=units)
            self.pods[pod.key] = pod

    def _schedule(self) -> None:
        free = {node.name: int(node.allocatable.get(GPU, "0")) - self.foreign[node.name] for node in self.nodes}
        pools = {node.name: node.labels["pool"] for node in self.nodes if node.ready and node.schedulable}
        for pod in self.pods.values():
            if pod.node in free:
                free[pod.node] -= pod.units
        waiting = sorted(key for key, pod in self.pods.items() if not pod.node)
        Random(f"{self.seed} {self.made.total()}").shuffle(waiting)
        for key in waiting:
            pod = self.pods[key]
            fits = [name for name in sorted(pools) if pools[name] == pod.hardware and free[name] >= pod.units]
            if fits:
                free[fits[0]] -= pod.units
                self.pods[key] = replace(pod, node=fits[0], waiting=0.0, trouble=None)
                self.ready_at[key] = self.now + START_UP
            elif not pod.waiting:
                self.pods[key] = replace(pod, waiting=self.now, trouble=None)
