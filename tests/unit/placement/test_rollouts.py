"""When a rollout counts as stuck: a replica beyond those that are wanted has waited in vain, and no place is coming."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.fleet.pods import Pod
from modelfleet.fleet.workloads import Workload
from modelfleet.placement.plan import plan_placement
from modelfleet.placement.result import Placement
from tests.support.placing import Ground, a_class, a_model, a_pod, key_of, nodes_of

NOW = 1_000_000.0
LONG_AGO, JUST_NOW = NOW - 10, NOW - 9
"""When a pod began to wait that has waited for the grace by now, and one that has not."""
NODES = nodes_of("a", 3)


def old(*numbers: int) -> tuple[Pod, ...]:
    """Replicas that serve, each with a node of its own."""
    return tuple(a_pod("m", "a", f"a-{number}") for number in numbers)


def new(waiting: float = LONG_AGO, **fields: Any) -> Pod:
    """One of the new version that has no node."""
    return a_pod("m", "a", waiting=waiting, **fields)


def leaving(pod: Pod) -> Pod:
    """The same, asked to go."""
    return replace(pod, terminating=True)


def planned(*pods: Pod, desired: int = 2, hardware: Any = None, deployment: Any = None, **spec: Any) -> Placement:
    """The placement of a model on one class while its Deployment replaces all replicas."""
    documents = a_class("a", **(hardware or {})), a_model("m", "a", replicas=desired, **spec)
    ground = Ground(documents, NODES, pods, desired={("m", "a"): desired}, now=NOW)
    snapshot = ground.snapshot()
    (made,) = snapshot.workloads[key_of("m")]
    counts = {"total": desired + 1, "updated": 1, "ready": desired, **(deployment or {})}
    changed: Workload = replace(made, **counts)
    return plan_placement(replace(snapshot, workloads={key_of("m"): (changed,)})).models[key_of("m")]


def test_a_replica_more_that_has_waited_for_the_grace_makes_a_rollout_stuck() -> None:
    assert planned(*old(0, 1), new()).stuck == {"a"}


def test_until_then_somebody_looks_again_when_the_grace_is_over() -> None:
    found = planned(*old(0, 1), new(JUST_NOW))
    assert (found.stuck, found.wake_at) == (frozenset(), JUST_NOW + 10)


def test_what_the_scheduler_has_said_nothing_of_does_not_wait_yet() -> None:
    assert not planned(*old(0, 1), new(0.0)).stuck


def test_a_replica_that_waits_and_is_wanted_is_no_rollout_that_is_stuck() -> None:
    assert not planned(*old(0), new()).stuck
    assert planned(*old(0), new(), new(number=1)).stuck == {"a"}
    assert not planned(*old(0), new(), new(JUST_NOW, number=1)).stuck


@pytest.mark.parametrize("counts", [{"total": 2, "updated": 2}, {"generation": 2}])
def test_where_nothing_is_replaced_or_nobody_knows_yet_nothing_is_stuck(counts: dict[str, int]) -> None:
    assert not planned(*old(0, 1), new(), deployment=counts).stuck


def test_a_place_that_is_being_vacated_is_waited_for() -> None:
    assert not planned(*old(0, 1), leaving(*old(2)), new()).stuck
    lost = replace(NODES[2], ready=False)
    ground = Ground((a_class("a"), a_model("m", "a", replicas=2)), (*NODES[:2], lost), desired={("m", "a"): 2}, now=NOW)
    snapshot = replace(ground, pods=(*old(0, 1), leaving(*old(2)), new())).snapshot()
    (made,) = snapshot.workloads[key_of("m")]
    workloads = {key_of("m"): (replace(made, total=3, updated=1, ready=2),)}
    assert plan_placement(replace(snapshot, workloads=workloads)).models[key_of("m")].stuck == {"a"}


def test_pods_that_have_ended_or_that_go_count_for_nothing() -> None:
    assert not planned(*old(0, 1), replace(new(), ended=True), leaving(new(number=1))).stuck


def test_where_nodes_are_made_as_they_are_needed_one_is_waited_for() -> None:
    capacity = {"capacity": {"provision": True}}
    found = planned(*old(0, 1), new(), hardware=capacity, pendingTimeout="1m")
    assert (found.stuck, found.wake_at) == (frozenset(), LONG_AGO + 60)
    assert planned(*old(0, 1), new(NOW - 60), hardware=capacity, pendingTimeout="1m").stuck == {"a"}
    assert planned(*old(0, 1), new(JUST_NOW), hardware=capacity, pendingTimeout="1s").wake_at == JUST_NOW + 10


def test_a_model_that_may_run_anywhere_can_be_stuck_too() -> None:
    documents = (a_model("m", replicas=1),)
    pods = a_pod("m", "", "a-0"), a_pod("m", "", waiting=LONG_AGO)
    snapshot = Ground(documents, NODES, pods, desired={("m", ""): 1}, now=NOW).snapshot()
    (made,) = snapshot.workloads[key_of("m")]
    workloads = {key_of("m"): (replace(made, total=2, updated=1, ready=1),)}
    assert plan_placement(replace(snapshot, workloads=workloads)).models[key_of("m")].stuck == {""}
