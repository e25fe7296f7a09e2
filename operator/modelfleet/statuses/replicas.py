"""The replicas of a model, and what is wrong with them: many pods fold up into a few sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Condition, Reason
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.statuses.conditions import sentences
from modelfleet.statuses.judged import Judged

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
    nodes: Mapping[str, Node]
    unknown: Mapping[str, str]

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

    @property
    def placed(self) -> int:
        """How many have a node."""
        return sum(bool(pod.node) for pod in self.live)

    def troubles(self, type_: Condition) -> list[tuple[Reason, str]]:
        """What speaks against this condition: one sentence for each reason, the hardest reason first."""
        found: defaultdict[Reason, list[str]] = defaultdict(list)
        for reason, sentence in (*self._of_pods(type_), *self._of_workloads(type_), *self._of_ended(type_)):
            found[reason].append(sentence)
        return [(reason, sentences(found[reason])) for reason in sorted(found, key=RANK.__getitem__)]

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
        node = self.nodes.get(pod.node)
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

    def by_region(self) -> list[dict[str, Any]]:
        """These replicas by region, as they stand in a status; those whose region nobody knows are left out."""
        regions = [(node.region, pod.ready) for pod in self.live if (node := self.nodes.get(pod.node)) and node.region]
        every = Counter(region for region, _ in regions)
        ready = Counter(region for region, is_ready in regions if is_ready)
        largest = sorted(every, key=lambda region: (-every[region], region))[:MOST_REGIONS]
        return [
            {"name": region, "replicas": every[region], "readyReplicas": ready[region]} for region in sorted(largest)
        ]


def replicas_of(judged: Judged, snapshot: FleetSnapshot, nodes: Mapping[str, Node]) -> Replicas:
    """What is known of the replicas of this model; what was made for another object of its name is not its own."""
    pods = [pod for pod in snapshot.pods.get(judged.key, ()) if not pod.terminating]
    workloads = [one for one in snapshot.workloads.get(judged.key, ()) if one.owner_uid in ("", judged.uid)]
    resource = judged.resource
    if isinstance(resource, ModelDeployment):
        desired = resource.spec.scale.replicas if resource.spec.scale else 1
    else:
        desired = sum(one.desired for one in workloads)
    live = [pod for pod in pods if not pod.ended]
    return Replicas(desired, live, [pod for pod in pods if pod.ended], workloads, nodes, snapshot.unknown)
