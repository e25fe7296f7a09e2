"""maxUnits, which only we keep: who has units of a class, and who is served first."""

from dataclasses import replace

from modelfleet.findings import Reason
from tests.support.documents import Document
from tests.support.placing import Ground, a_class, a_model, a_pod, nodes_of, units_by_class

NODES = (*nodes_of("a", 9), *nodes_of("b", 9))


def bounded(most: int, *models: Document, **capacity: object) -> Ground:
    """Models on a class of which there may be so many units, and on another without a bound."""
    return Ground((a_class("a", capacity={"maxUnits": most, **capacity}), a_class("b"), *models), NODES)


def test_no_more_units_are_given_than_there_may_be() -> None:
    ground = bounded(4, a_model("m", "a", "b", replicas=3), a_model("n", "a", "b", replicas=3))
    assert (ground.targets("m"), ground.targets("n")) == ({"a": 3}, {"a": 1, "b": 2})
    share = ground.shares("n")["a"]
    assert share.reason is Reason.FULL
    assert share.message == "its maxUnits of 4 are given out: raise it, or lower the replicas of others"


def test_the_older_model_is_served_first() -> None:
    newer = a_model("m", "a", "b", created="2026-01-02T00:00:00Z")
    older = a_model("z", "a", "b", created="2026-01-01T00:00:00Z")
    ground = bounded(1, newer, older)
    assert (ground.targets("z"), ground.targets("m")) == ({"a": 1}, {"b": 1})


def test_whoever_is_there_is_served_before_whoever_is_older() -> None:
    newer = a_model("m", "a", "b", created="2026-01-02T00:00:00Z")
    older = a_model("z", "a", "b", created="2026-01-01T00:00:00Z")
    for pod in (a_pod("m", "a", "a-0"), a_pod("m", "a")):
        ground = replace(bounded(1, newer, older), pods=(pod,))
        assert (ground.targets("z"), ground.targets("m")) == ({"b": 1}, {"a": 1})


def test_whoever_has_a_node_is_served_before_whoever_waits() -> None:
    ground = bounded(1, a_model("m", "a", "b"), a_model("z", "a", "b"))
    ground = replace(ground, pods=(a_pod("m", "a"), a_pod("z", "a", "a-0")))
    assert (ground.targets("z"), ground.targets("m")) == ({"a": 1}, {"b": 1})


def test_units_of_pods_that_are_to_go_are_free_once_they_are_gone() -> None:
    ground = bounded(1, a_model("m", "b"), a_model("z", "a", "b"))
    leaving = replace(ground, pods=(a_pod("m", "a", "a-0"),))
    assert leaving.targets("z") == {"b": 1}
    assert ground.targets("z") == {"a": 1}


def test_pods_of_a_model_that_is_not_placed_hold_their_units() -> None:
    ground = replace(bounded(1, a_model("z", "a", "b")), pods=(a_pod("gone", "a", "a-0"),))
    assert ground.targets("z") == {"b": 1}


def test_a_bound_that_is_lowered_moves_replicas_once_their_successors_are_ready() -> None:
    pods = tuple(a_pod("m", "a", f"a-{number}") for number in range(3))
    ground = replace(bounded(1, a_model("m", "a", "b", replicas=3)), pods=pods)
    assert (ground.targets("m"), ground.replicas("m")) == ({"a": 1, "b": 2}, {"a": 3, "b": 2})
    moved = replace(ground, pods=(*pods, a_pod("m", "b", "b-0"), a_pod("m", "b", "b-1")))
    assert moved.replicas("m") == {"a": 1, "b": 2}


def test_where_every_class_is_given_out_a_replica_is_not_made() -> None:
    ground = bounded(1, a_model("m", "a", replicas=3))
    assert (ground.targets("m"), ground.reasons("m")["a"]) == ({"a": 1}, Reason.FULL)


def test_not_even_a_model_with_a_priority_or_nodes_on_demand_go_beyond_a_bound() -> None:
    ground = bounded(2, a_model("m", "a", "b", replicas=3, priorityClassName="high"), provision=True)
    assert ground.targets("m") == {"a": 2, "b": 1}


def test_units_count_and_not_replicas() -> None:
    ground = bounded(5, a_model("m", "a", "b", replicas=2, units=2), a_model("n", "a", "b"))
    ground = replace(ground, nodes=(*nodes_of("a", 9, gpus=2), *nodes_of("b", 9, gpus=2)))
    assert (ground.targets("m"), ground.targets("n")) == ({"a": 2}, {"a": 1})
    assert units_by_class(ground)["a"] == 5


def test_replicas_come_back_to_units_that_are_free_and_no_more() -> None:
    pods = (a_pod("m", "a", "a-0"), a_pod("m", "b", "b-0"), a_pod("m", "b", "b-1"))
    standing = {"m": {"a": (Reason.ROOM_AGAIN, 5.0)}}
    ground = replace(bounded(2, a_model("m", "a", "b", replicas=3)), pods=pods, standing=standing)
    assert ground.targets("m") == {"a": 2, "b": 1}


def test_units_that_one_model_waits_to_come_back_to_are_none_for_the_next() -> None:
    models = a_model("m", "a", "b"), a_model("z", "a", "b")
    standing = {name: {"a": (Reason.FULL, 5.0)} for name in "mz"}
    pods = a_pod("m", "b", "b-0"), a_pod("z", "b", "b-1")
    ground = replace(bounded(1, *models), pods=pods, standing=standing)
    assert (ground.reasons("m")["a"], ground.reasons("z")["a"]) == (Reason.ROOM_AGAIN, Reason.FULL)


def test_a_pod_that_waited_too_long_may_wait_on_for_the_units_that_it_has() -> None:
    late = a_pod("m", "a", waiting=5.0)
    ground = Ground((a_class("a", capacity={"maxUnits": 1}), a_model("m", "a")), nodes_of("a", 1), (late,))
    assert ground.targets("m") == {"a": 1}
