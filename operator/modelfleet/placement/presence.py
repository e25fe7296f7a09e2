"""The pods of a model, counted by the class of hardware that they were made for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelfleet.fleet.pods import Pod
from modelfleet.fleet.workloads import Workload


@dataclass(slots=True)
class Presence:
    """What a model has on one class."""

    bound: int = 0
    """Pods with a node."""
    ready: int = 0
    """Those of them that serve."""
    outgrown: int = 0
    """Those of them that take another number of units than is declared now."""
    waiting: int = 0
    """Pods without a node, and within their time."""
    late: int = 0
    """Pods without a node, and beyond it."""
    late_from: float = 0.0
    """Since when the first of those that are late waits."""
    pods: int = 0
    """All of these, before any is left out."""
    units: int = 0
    """And the units that they take."""
    fading: list[str] = field(default_factory=list)
    """The nodes of pods that are about to go."""
    words: str = ""
    """What the scheduler says of those that are late; of several the first in the alphabet, so that it stays so."""
    first: float | None = None
    """Since when the first waits of those that are within their time."""

    def add(self, pod: Pod, declared: int, late_since: float) -> None:
        """Counts a pod of a class of which one replica is declared to take so many units."""
        if pod.terminating:
            self.fading.append(pod.node)
            return
        self.pods += 1
        self.units += pod.units
        if pod.node:
            self.bound += 1
            self.ready += pod.ready
            self.outgrown += pod.units not in (0, declared)
        elif pod.waiting and pod.waiting <= late_since:
            self.late += 1
            self.late_from = min(self.late_from or pod.waiting, pod.waiting)
            said = pod.trouble.message if pod.trouble else ""
            self.words = min(self.words, said) if self.words else said
        else:
            self.waiting += 1
            if pod.waiting:
                self.first = min(self.first or pod.waiting, pod.waiting)

    def hold_to(self, desired: int) -> None:
        """Leaves out pods beyond what their Deployment is to have: while a version is rolled out there are more."""
        self.bound = min(self.bound, desired)
        self.ready = min(self.ready, self.bound)
        self.waiting = min(self.waiting, desired - self.bound)


def presence(
    pods: Iterable[Pod], workloads: Iterable[Workload], units: Mapping[str, int], late_since: float
) -> dict[str, Presence]:
    """These pods by the label of their class; `units` has what a replica takes now, by the same labels."""
    found: dict[str, Presence] = {}
    for pod in pods:
        if not pod.ended:
            here = found.get(pod.hardware)
            if here is None:
                here = found[pod.hardware] = Presence()
            here.add(pod, units.get(pod.hardware, 0), late_since)
    for workload in workloads:
        if workload.hardware in found:
            found[workload.hardware].hold_to(workload.desired)
    return found
