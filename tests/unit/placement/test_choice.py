"""Which class the replicas of a model go to when they are new, and what is said of the others."""

from dataclasses import replace

import pytest

from modelfleet.findings import Key, Reason
from modelfleet.placement.plan import plan_placement
from tests.support.documents import model
from tests.support.placing import Ground, a_class, a_model, a_node, a_pod, a_taint, key_of, nodes_of

A, B = a_class("a"), a_class("b")
CHOSEN, FULL, NOT_NEEDED = Reason.CHOSEN, Reason.FULL, Reason.NOT_NEEDED


def test_replicas_go_to_the_first_class_with_room() -> None:
    ground = Ground((A, B, a_model("m", "b", "a", replicas=2)), (*nodes_of("a", 2), *nodes_of("b", 2)))
    assert ground.targets("m") == {"b": 2}
    assert ground.reasons("m") == {"b": CHOSEN, "a": NOT_NEEDED}


def test_what_finds_no_room_goes_to_the_next_class() -> None:
    ground = Ground((A, B, a_model("m", "a", "b", replicas=3)), (*nodes_of("a", 1), *nodes_of("b", 5)))
    assert ground.targets("m") == {"a": 1, "b": 2}
    assert ground.reasons("m") == {"a": FULL, "b": CHOSEN}


def test_who_holds_a_full_class_is_named() -> None:
    documents = A, B, a_model("m", "a", "b"), a_model("other", "a")
    ground = Ground(documents, (*nodes_of("a", 1), *nodes_of("b", 1)), (a_pod("other", "a", "a-0"),))
    assert ground.targets("m") == {"b": 1}
    assert ground.shares("m")["a"].message == "no unit of it is left: held by default/other; free some, or add nodes"


def test_eight_units_on_eight_nodes_are_no_room_for_one_replica_of_eight() -> None:
    small = Ground((A, B, a_model("m", "a", "b", units=8)), (*nodes_of("a", 8), *nodes_of("b", 1, gpus=8)))
    assert small.targets("m") == {"b": 1}
    assert small.reasons("m")["a"] is Reason.DOES_NOT_FIT
    used = tuple(a_pod("x", "a", f"a-{number}", units=3) for number in range(2))
    large = Ground(
        (A, B, a_model("m", "a", "b", units=8)), (*nodes_of("a", 2, gpus=8), *nodes_of("b", 1, gpus=8)), used
    )
    share = large.shares("m")["a"]
    assert share.reason is FULL
    assert "no node has 8 units free at once, the largest free block is 5" in share.message


def test_what_is_left_waits_on_the_most_preferred_class() -> None:
    ground = Ground((A, B, a_model("m", "a", "b", replicas=4)), (*nodes_of("a", 1), *nodes_of("b", 1)))
    assert ground.targets("m") == {"a": 3, "b": 1}
    share = ground.shares("m")["a"]
    assert share.reason is FULL
    assert "2 replicas can wait nowhere better" in share.message


def test_a_pod_that_goes_holds_its_unit_until_it_is_gone() -> None:
    going = replace(a_pod("x", "a", "a-0"), terminating=True)
    ground = Ground((A, B, a_model("m", "a", "b")), (*nodes_of("a", 1), *nodes_of("b", 1)), (going,))
    assert ground.targets("m") == {"b": 1}


def test_the_place_of_a_pod_of_its_own_that_goes_is_for_its_successor() -> None:
    going = replace(a_pod("m", "a", "a-0"), terminating=True)
    ground = Ground((A, B, a_model("m", "a", "b")), (*nodes_of("a", 1), *nodes_of("b", 1)), (going,))
    assert ground.targets("m") == {"a": 1}
    gone = replace(ground, nodes=(a_node("a-0", "a", schedulable=False), *nodes_of("b", 1)))
    assert gone.targets("m") == {"b": 1}


def test_a_pod_that_has_ended_holds_nothing() -> None:
    ended = replace(a_pod("x", "a", "a-0"), ended=True)
    ground = Ground((A, B, a_model("m", "a", "b")), (*nodes_of("a", 1), *nodes_of("b", 1)), (ended,))
    assert ground.targets("m") == {"a": 1}


def test_a_model_with_a_priority_is_offered_a_full_class_all_the_same() -> None:
    documents = A, B, a_model("m", "a", "b", replicas=2, priorityClassName="high"), a_model("other", "a")
    ground = Ground(documents, (*nodes_of("a", 1), *nodes_of("b", 2)), (a_pod("other", "a", "a-0"),))
    assert ground.targets("m") == {"a": 2}
    assert ground.reasons("m")["a"] is FULL


def test_two_models_that_want_the_last_unit_both_wait_for_it_and_the_scheduler_decides() -> None:
    documents = A, B, a_model("m", "a", "b"), a_model("other", "a", "b")
    ground = Ground(documents, (*nodes_of("a", 1), *nodes_of("b", 2)))
    assert ground.targets("m") == ground.targets("other") == {"a": 1}


def test_a_class_whose_nodes_are_made_on_demand_is_chosen_while_there_is_none() -> None:
    ground = Ground(
        (a_class("a", capacity={"provision": True}), B, a_model("m", "a", "b", replicas=9)), nodes_of("b", 9)
    )
    assert ground.targets("m") == {"a": 9}
    assert "made as they are needed" in ground.shares("m")["a"].message


def test_a_class_whose_units_only_the_scheduler_can_count_has_room_while_a_node_is_usable() -> None:
    claimed = a_class("a", unit={"deviceClass": "gpu.example.com"})
    ground = Ground((claimed, B, a_model("m", "a", "b", replicas=50)), (*nodes_of("a", 1), *nodes_of("b", 9)))
    assert ground.targets("m") == {"a": 50}
    lost = Ground(ground.documents, (a_node("a-0", "a", ready=False), *nodes_of("b", 99)))
    assert lost.targets("m") == {"b": 50}


def test_a_spot_class_is_chosen_in_its_turn_and_says_that_it_is_one() -> None:
    ground = Ground((a_class("a", capacity={"market": "spot"}), a_model("m", "a")), nodes_of("a", 1))
    assert "may be reclaimed" in ground.shares("m")["a"].message


def test_nodes_take_no_more_pods_than_they_say() -> None:
    crowded = a_node("a-0", "a", allocatable={"cpu": "64", "pods": "2"})
    cpu = a_class("a", family="cpu", unit={"resources": {"cpu": 1}})
    ground = Ground((cpu, B, a_model("m", "a", "b", replicas=5)), (crowded, *nodes_of("b", 9)))
    assert ground.targets("m") == {"a": 2, "b": 3}


def test_no_replica_is_no_replica_anywhere() -> None:
    ground = Ground((A, B, a_model("m", "a", "b", replicas=0)), (*nodes_of("a", 1), *nodes_of("b", 1)))
    assert ground.targets("m") == {}
    assert set(ground.reasons("m").values()) == {NOT_NEEDED}
    assert "spec.scale.replicas is 0" in ground.shares("m")["a"].message


def test_a_model_that_says_nothing_of_scale_has_one_replica() -> None:
    raw = a_model("m", "a")
    del raw["spec"]["scale"]
    assert Ground((A, raw), nodes_of("a", 2)).targets("m") == {"a": 1}


def test_a_model_without_a_placement_runs_on_any_node() -> None:
    ground = Ground((a_model("m", replicas=3),))
    (share,) = ground.placement("m").shares
    assert (share.hardware, share.units, share.replicas, share.target) == ("", 0, 3, 3)
    assert share.reason is CHOSEN


def test_models_that_somebody_else_serves_have_no_placement() -> None:
    hosted = model("{engine: null, external: {url: 'https://example.com/v1'}}", name="m", namespace="default")
    with pytest.raises(KeyError):
        Ground((hosted,)).placement("m")


@pytest.mark.parametrize("kind", ["Node", "Pod", "Deployment", "HardwareClass"])
def test_nothing_is_moved_on_what_could_not_be_read(kind: str) -> None:
    snapshot = Ground((A, a_model("m", "a")), nodes_of("a", 1)).snapshot()
    assert key_of("m") in plan_placement(snapshot).models
    assert plan_placement(replace(snapshot, unknown={kind: "why"})).models == {}
    assert key_of("m") in plan_placement(replace(snapshot, unknown={"Service": "why"})).models


def test_a_model_of_a_class_that_is_not_valid_is_left_as_it_is() -> None:
    snapshot = Ground((A, a_model("m", "gone", "a"), a_model("n", "a")), nodes_of("a", 2)).snapshot()
    declared = snapshot.declared | {Key("HardwareClass", "", "gone")}
    assert list(plan_placement(replace(snapshot, declared=declared)).models) == [key_of("n")]


def test_a_taint_on_some_nodes_leaves_the_room_of_the_others() -> None:
    nodes = (*nodes_of("a", 2, taints=(a_taint(),)), a_node("free", "a"), *nodes_of("b", 2))
    assert Ground((A, B, a_model("m", "a", "b", replicas=2)), nodes).targets("m") == {"a": 1, "b": 1}
