"""The replicas of a model, and what is wrong with them: many pods fold up into a few sentences."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Condition, Reason
from modelfleet.fleet.labels import label_value
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.statuses.conditions import sentences
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.money import cost_per_hour
from modelfleet.statuses.scene import Scene

MOST_REGIONS = 64
RANK = {reason: rank for rank, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Replicas:
    """What is known of the replicas of one model."""

    desired: int
    live: Sequence[Pod]
    """Pods that are replicas, or become some: neither ended nor about to go."""
    ended: Sequence[Pod]
    workloads: Sequence[Workload]
    refused: Sequence[Trouble]
    """What of the model's children cannot be made at all."""
    by_class: Mapping[str, Sequence[Pod]]
    """The live ones by the names of the classes that they were made for; "" is none."""
    scene: Scene

    @property
    def are_none(self) -> bool:
        """Whether nothing was made for the model, as far as can be seen."""
        return not (self.live or self.workloads)

    @property
    def total(self) -> int:
        """How many there are or should be: while a new version is rolled out there are more than are wanted."""
        return max(self.desired, len(self.live))

    @property
    def ready(self) -> int:
        """How many serve."""
        return sum(pod.ready for pod in self.live)

    def ready_on(self, hardware: str) -> int:
        """How many of them serve from a class."""
        return sum(pod.ready for pod in self.by_class.get(hardware, ()))

    @property
    def placed(self) -> int:
        """How many have a node."""
        return sum(bool(pod.node) for pod in self.live)

    @property
    def unknown(self) -> Mapping[str, str]:
        """Kinds of which nothing is known, and why."""
        return self.scene.ground.unknown

    def troubles(self, type_: Condition) -> list[tuple[Reason, str]]:
        """What speaks against this condition: one sentence for each reason, the hardest reason first."""
        found: defaultdict[Reason, list[str]] = defaultdict(list)
        parts = (self.refusals(type_), self._of_pods(type_), self._of_workloads(type_), self._of_ended(type_))
        for reason, sentence in chain.from_iterable(parts):
            found[reason].append(sentence)
        return [(reason, sentences(found[reason])) for reason in sorted(found, key=RANK.__getitem__)]

    def refusals(self, type_: Condition) -> list[tuple[Reason, str]]:
        """What of it is not made for other causes than a lack of room, and speaks against this condition."""
        return sorted((one.reason, one.message) for one in self.refused if one.condition is type_)

    def _of_pods(self, type_: Condition) -> Iterator[tuple[Reason, str]]:
        by_reason: defaultdict[Reason, list[str]] = defaultdict(list)
        for pod in self.live:
            trouble = pod.trouble or self._of_node(pod)
            if trouble and trouble.condition is type_:
                by_reason[trouble.reason].append(trouble.message)
        for reason, messages in by_reason.items():
            # Of several pods with one trouble the same is told each time, so that nothing new is written.
            several = f"{len(messages)} of {self.total} replicas: " if self.total > 1 else ""
            yield reason, several + min(messages)

    def _of_node(self, pod: Pod) -> Trouble | None:
        node = self.scene.nodes.get(pod.node)
        if pod.ready or node is None or node.ready:
            return None
        return Trouble(Condition.AVAILABLE, Reason.NODES_NOT_READY, f'its node "{node.name}" is not ready')

    def _of_workloads(self, type_: Condition) -> Iterator[tuple[Reason, str]]:
        troubles = [one.trouble for one in self.workloads if one.trouble and one.trouble.condition is type_]
        yield from sorted((trouble.reason, trouble.message) for trouble in troubles)

    def _of_ended(self, type_: Condition) -> Iterator[tuple[Reason, str]]:
        # They lie around for a long time, and are nobody's concern once others have taken their place.
        if self.ready >= self.desired:
            return
        troubles = [pod.trouble for pod in self.ended if pod.trouble and pod.trouble.condition is type_]
        for reason, message in sorted({(trouble.reason, trouble.message) for trouble in troubles}):
            yield reason, f"a replica before: {message}"

    def cost_per_hour(self, classes: Collection[str] | None = None) -> str:
        """What those of them cost that have a node, and are on these classes; empty where no price is known."""
        return cost_per_hour(
            (self.scene.class_of(pod.hardware), pod.units)
            for name, pods in self.by_class.items()
            for pod in pods
            if pod.node and (classes is None or name in classes)
        )

    def by_region(self) -> list[dict[str, Any]]:
        """These replicas by region, as they stand in a status; those whose region nobody knows are left out."""
        nodes = self.scene.nodes
        regions = [(node.region, pod.ready) for pod in self.live if (node := nodes.get(pod.node)) and node.region]
        every = Counter(region for region, _ in regions)
        ready = Counter(region for region, is_ready in regions if is_ready)
        largest = sorted(every, key=lambda region: (-every[region], region))[:MOST_REGIONS]
        return [
            {"name": region, "replicas": every[region], "readyReplicas": ready[region]} for region in sorted(largest)
        ]


def declared(judged: Judged) -> list[str]:
    """The names of the classes that a model names, in the order of its preference."""
    placement = judged.resource.spec.placement if isinstance(judged.resource, ModelDeployment) else None
    return [choice.name for choice in placement.classes] if placement else []


def replicas_of(judged: Judged, scene: Scene) -> Replicas:
    """What is known of the replicas of this model; what was made for another object of its name is not its own."""
    pods = [pod for pod in scene.pods if not pod.terminating]
    workloads = [one for one in scene.workloads if one.owner_uid in ("", judged.uid)]
    resource = judged.resource
    if isinstance(resource, ModelDeployment):
        desired = resource.spec.scale.replicas if resource.spec.scale else 1
    else:
        desired = sum(one.desired for one in workloads)
    live = [pod for pod in pods if not pod.ended]
    # A class that is gone is known by its name all the same where the model still names it.
    own = {label_value(name): name for name in declared(judged)}
    by_class: defaultdict[str, list[Pod]] = defaultdict(list)
    for pod in live:
        by_class[own.get(pod.hardware) or scene.name_of(pod.hardware)].append(pod)
    ended = [pod for pod in pods if pod.ended]
    return Replicas(desired, live, ended, workloads, scene.refused, by_class, scene)
