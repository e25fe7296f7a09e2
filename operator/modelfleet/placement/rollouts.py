"""Rollouts that get nowhere: the replica of the new version that is made first finds no place beside the old ones."""

from collections.abc import Iterable
from typing import Final

from modelfleet.fleet.pods import Pod
from modelfleet.fleet.workloads import Workload

GRACE: Final = 10.0
"""So long, in seconds, the scheduler may take to find a place that there is: what it says before that may pass."""


def waits_since(workload: Workload, pods: Iterable[Pod], fading: int) -> float | None:
    """Since when the scheduler has no node for a replica beyond those that are wanted, in seconds since 1970.

    None where nothing is being replaced, or none waits. `pods` are those of the model; so many of the class are fading,
    each of which leaves its place to one that waits.
    """
    if workload.seen < workload.generation or not workload.older:
        return None
    here = [pod for pod in pods if pod.hardware == workload.hardware and not (pod.ended or pod.terminating)]
    bound = sum(bool(pod.node) for pod in here)
    waits = sorted(pod.waiting for pod in here if pod.waiting and not pod.node)
    # Whichever of them is the one too many, it is told once enough of them wait.
    surplus = waits[max(0, workload.desired - bound) + fading :]
    return surplus[0] if surplus else None
