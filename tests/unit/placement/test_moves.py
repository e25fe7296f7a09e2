"""When replicas move from class to class: what makes them wait, go, come back, and stay until others are ready."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.findings import Reason
from tests.support.placing import SAID, Ground, a_class, a_model, a_node, a_pod, nodes_of

A, B, C = (a_class(name) for name in "abc")
NOW = 1_000_000.0
LONG_AGO, JUST_NOW = NOW - 120, NOW - 119
"""When a pod began to wait that has waited too long by now, and one that has not."""
CHOSEN, FULL, UNSCHEDULABLE, ROOM_AGAIN = Reason.CHOSEN, Reason.FULL, Reason.UNSCHEDULABLE, Reason.ROOM_AGAIN


def two(replicas: int = 1, of_a: int = 1, of_b: int = 1, **fields: Any) -> Ground:
    """A model on two classes with so many nodes of one unit."""
    documents = A, B, C, a_model("m", "a", "b", replicas=replicas), a_model("other", "a")
    return replace(Ground(documents, (*nodes_of("a", of_a), *nodes_of("b", of_b))), **fields)


def on_b(**fields: Any) -> Ground:
    """Its one replica runs on the second class."""
    return two(pods=(a_pod("m", "b", "b-0"),), **fields)


# Where replicas are, they stay.


def test_a_replica_stays_where_it_is_while_the_better_class_is_full() -> None:
    ground = two(pods=(a_pod("other", "a", "a-0"), a_pod("m", "b", "b-0")), standing={"m": {"a": (FULL, 5.0)}})
    assert ground.replicas("m") == {"b": 1}
    assert ground.shares("m")["a"].since == 5.0


def test_of_too_many_replicas_the_least_preferred_go() -> None:
    pods = (a_pod("m", "a", "a-0"), a_pod("m", "b", "b-0"), a_pod("m", "b", "b-1"))
    assert two(2, 1, 2, pods=pods).replicas("m") == {"a": 1, "b": 1}


def test_a_pod_that_waits_for_less_than_its_time_goes_on_waiting_there() -> None:
    ground = two(pods=(a_pod("other", "a", "a-0"), a_pod("m", "a", waiting=JUST_NOW)))
    assert ground.targets("m") == {"a": 1}
    assert ground.placement("m").wake_at == JUST_NOW + 120


def test_a_pod_that_the_scheduler_said_nothing_of_goes_on_waiting() -> None:
    assert two(pods=(a_pod("other", "a", "a-0"), a_pod("m", "a"))).targets("m") == {"a": 1}


# A replica that waits too long goes to the next class.


def test_a_pod_that_waited_too_long_goes_to_the_next_class_with_the_schedulers_words() -> None:
    ground = two(pods=(a_pod("other", "a", "a-0"), a_pod("m", "a", waiting=LONG_AGO)))
    assert ground.replicas("m") == {"b": 1}
    share = ground.shares("m")["a"]
    assert (share.reason, share.since) == (UNSCHEDULABLE, NOW)
    assert share.message == f"{SAID.removesuffix('.')}; held by default/other; free some, or add nodes"
    assert ground.placement("m").wake_at == NOW + 600


def test_how_long_a_pod_may_wait_is_the_models_to_say() -> None:
    ground = two(pods=(a_pod("m", "a", waiting=NOW - 30),))
    quick = A, B, a_model("m", "a", "b", pendingTimeout="30s")
    assert ground.targets("m") == {"a": 1}
    assert replace(ground, documents=quick).targets("m") == {"b": 1}


def test_a_class_that_failed_is_not_tried_again_before_its_time() -> None:
    ground = two(2, 2, pods=(a_pod("m", "b", "b-0"),), standing={"m": {"a": (UNSCHEDULABLE, NOW - 599)}})
    assert ground.targets("m") == {"b": 2}
    assert ground.placement("m").wake_at == NOW + 1
    assert replace(ground, now=NOW + 1).targets("m") == {"a": 2}


def test_who_waited_everywhere_waits_where_it_is_until_a_time_is_over() -> None:
    pods = (a_pod("other", "a", "a-0"), a_pod("x", "b", "b-0"), a_pod("m", "b", waiting=LONG_AGO))
    ground = two(pods=pods, standing={"m": {"a": (UNSCHEDULABLE, NOW - 130)}})
    assert ground.targets("m") == {"b": 1}
    assert replace(ground, now=NOW + 470).targets("m") == {"a": 1}


def test_who_serves_nowhere_is_offered_room_before_the_time_is_over() -> None:
    pods = (a_pod("x", "b", "b-0"), a_pod("m", "b", waiting=LONG_AGO))
    ground = two(pods=pods, standing={"m": {"a": (UNSCHEDULABLE, NOW - 130)}})
    assert ground.targets("m") == {"a": 1}


def test_a_pod_on_the_only_class_waits_on() -> None:
    ground = replace(two(), documents=(A, a_model("m", "a"), a_model("other", "a")))
    ground = replace(ground, pods=(a_pod("other", "a", "a-0"), a_pod("m", "a", waiting=LONG_AGO)))
    assert ground.targets("m") == {"a": 1}
    kept = replace(ground, standing={"m": {"a": (UNSCHEDULABLE, NOW - 10)}})
    assert kept.shares("m")["a"].since == NOW - 10


def test_a_time_that_is_over_wakes_nobody() -> None:
    pods = (a_pod("other", "a", "a-0"), a_pod("m", "a", waiting=NOW - 900))
    ground = replace(two(pods=pods), documents=(A, a_model("m", "a"), a_model("other", "a")))
    assert replace(ground, standing={"m": {"a": (UNSCHEDULABLE, NOW - 700)}}).placement("m").wake_at is None


def test_the_failure_of_another_attempt_is_news() -> None:
    pods = (a_pod("other", "a", "a-0"), a_pod("m", "a", waiting=LONG_AGO))
    assert two(pods=pods, standing={"m": {"a": (UNSCHEDULABLE, LONG_AGO - 900)}}).shares("m")["a"].since == NOW


# Replicas come back.


def test_a_class_that_was_full_must_have_room_for_a_while_before_replicas_come_back() -> None:
    first = on_b(standing={"m": {"a": (FULL, 5.0)}})
    assert first.replicas("m") == {"b": 1}
    assert (first.reasons("m")["a"], first.shares("m")["a"].since) == (ROOM_AGAIN, NOW)
    assert first.placement("m").wake_at == NOW + 600
    soon = on_b(standing={"m": {"a": (ROOM_AGAIN, NOW - 599)}})
    assert (soon.targets("m"), soon.shares("m")["a"].since) == ({"b": 1}, NOW - 599)
    due = on_b(standing={"m": {"a": (ROOM_AGAIN, NOW - 600)}})
    assert due.targets("m") == {"a": 1}


def test_when_the_room_is_gone_again_the_clock_starts_anew() -> None:
    gone = on_b(standing={"m": {"a": (ROOM_AGAIN, NOW - 599)}})
    gone = replace(gone, pods=(*gone.pods, a_pod("other", "a", "a-0")))
    assert (gone.targets("m"), gone.reasons("m")["a"], gone.shares("m")["a"].since) == ({"b": 1}, FULL, NOW)


@pytest.mark.parametrize("reason", [Reason.NODES_NOT_READY, Reason.TAINTED, Reason.NO_MATCHING_NODES, Reason.LEAVING])
def test_a_class_that_was_refused_for_another_reason_must_wait_likewise(reason: Reason) -> None:
    ground = on_b(standing={"m": {"a": (reason, 5.0)}})
    assert (ground.targets("m"), ground.reasons("m")["a"]) == ({"b": 1}, ROOM_AGAIN)


@pytest.mark.parametrize("standing", [{}, {"m": {"a": (Reason.NOT_NEEDED, NOW)}}, {"m": {"a": (CHOSEN, NOW)}}])
def test_a_better_class_that_was_never_refused_is_moved_to_at_once(
    standing: dict[str, dict[str, tuple[Reason, float]]],
) -> None:
    assert on_b(standing=standing).targets("m") == {"a": 1}


def test_a_class_on_which_a_pod_waited_too_long_is_tried_again_after_a_while() -> None:
    assert on_b(standing={"m": {"a": (UNSCHEDULABLE, NOW - 599)}}).targets("m") == {"b": 1}
    assert on_b(standing={"m": {"a": (UNSCHEDULABLE, NOW - 600)}}).targets("m") == {"a": 1}


def test_nothing_comes_back_to_where_a_pod_has_waited_too_long() -> None:
    ground = two(1, 2, pods=(a_pod("m", "a", waiting=LONG_AGO), a_pod("m", "b", "b-0")))
    assert (ground.replicas("m"), ground.reasons("m")["a"]) == ({"b": 1}, UNSCHEDULABLE)


def test_no_more_replicas_come_back_than_there_is_room_for() -> None:
    pods = tuple(a_pod("m", "b", f"b-{number}") for number in range(3))
    ground = two(3, 2, 3, pods=pods, standing={"m": {"a": (ROOM_AGAIN, 5.0)}})
    assert ground.targets("m") == {"a": 2, "b": 1}
    assert ground.reasons("m")["a"] is FULL


def test_replicas_come_back_from_the_least_preferred_class_first() -> None:
    documents = A, B, C, a_model("m", "a", "b", "c", replicas=2)
    pods = (a_pod("m", "b", "b-0"), a_pod("m", "c", "c-0"))
    nodes = (*nodes_of("a", 1), *nodes_of("b", 1), *nodes_of("c", 1))
    assert Ground(documents, nodes, pods).targets("m") == {"a": 1, "b": 1}


def test_room_that_another_model_waits_for_is_none_to_come_back_to() -> None:
    ground = on_b(standing={"m": {"a": (ROOM_AGAIN, 5.0)}})
    ground = replace(ground, pods=(*ground.pods, a_pod("other", "a", waiting=JUST_NOW)))
    assert (ground.targets("m"), ground.reasons("m")["a"]) == ({"b": 1}, FULL)


def test_of_two_models_the_older_one_comes_back_to_the_one_free_unit() -> None:
    older, newer = (a_model(name, "a", "b", created=f"2026-01-0{day}T00:00:00Z") for name, day in (("z", 1), ("m", 2)))
    pods = (a_pod("m", "b", "b-0"), a_pod("z", "b", "b-1"))
    standing = {"m": {"a": (ROOM_AGAIN, 5.0)}, "z": {"a": (FULL, 5.0)}}
    ground = Ground((A, B, newer, older), (*nodes_of("a", 1), *nodes_of("b", 2)), pods, standing)
    assert ground.targets("m") == {"b": 1}  # although its time has come: the room is the other one's to come back to
    assert (ground.reasons("z")["a"], ground.reasons("m")["a"]) == (ROOM_AGAIN, FULL)


def test_a_move_that_has_begun_goes_on_whatever_the_class_is_said_to_be() -> None:
    pods = (a_pod("m", "a", waiting=JUST_NOW), *(a_pod("m", "b", f"b-{number}") for number in range(3)))
    ground = two(3, 1, 3, pods=pods, standing={"m": {"a": (FULL, NOW - 1)}}, desired={("m", "a"): 1, ("m", "b"): 3})
    assert ground.targets("m") == {"a": 1, "b": 2}
    assert ground.replicas("m") == {"a": 1, "b": 3}


# What goes stays until its successor is ready.


def test_a_replica_stays_until_its_successor_is_ready() -> None:
    starting = two(pods=(a_pod("m", "a", "a-0", ready=False), a_pod("m", "b", "b-0")))
    assert (starting.targets("m"), starting.replicas("m")) == ({"a": 1}, {"a": 1, "b": 1})
    assert "1 replica may stay until successors elsewhere are ready" in starting.shares("m")["b"].message
    done = two(pods=(a_pod("m", "a", "a-0"), a_pod("m", "b", "b-0")))
    assert done.replicas("m") == {"a": 1}


def test_only_as_many_stay_as_are_missing_and_those_that_serve_first() -> None:
    pods = (a_pod("m", "a", "a-0"), a_pod("m", "a", "a-1", ready=False), a_pod("m", "b", "b-0", ready=False))
    documents = A, B, C, a_model("m", "a", "b", replicas=2)
    nodes = (*nodes_of("a", 2), *nodes_of("b", 1), *nodes_of("c", 1))
    ground = Ground(documents, nodes, (*pods, a_pod("m", "c", "c-0")))
    assert ground.replicas("m") == {"a": 2, "c": 1}


def test_a_class_that_is_named_no_more_is_left_once_successors_are_ready() -> None:
    ground = two(pods=(a_pod("m", "c", "c-0"),))
    assert (ground.targets("m"), ground.replicas("m")) == ({"a": 1}, {"a": 1, "c": 1})
    assert ground.reasons("m")["c"] is Reason.LEAVING
    done = two(pods=(a_pod("m", "c", "c-0"), a_pod("m", "a", "a-0")))
    assert "c" not in done.reasons("m")


def test_pods_that_wait_on_a_class_that_is_left_are_dropped_at_once() -> None:
    assert two(pods=(a_pod("m", "c", waiting=JUST_NOW),)).replicas("m") == {"a": 1}


def test_replicas_on_a_class_that_is_gone_stay() -> None:
    ground = Ground((B, a_model("m", "a", "b")), (*nodes_of("a", 1), *nodes_of("b", 1)), (a_pod("m", "a", "a-0"),))
    assert ground.replicas("m") == {"a": 1}
    assert ground.reasons("m") == {"a": Reason.HARDWARE_CLASS_NOT_FOUND, "b": Reason.NOT_NEEDED}


def test_a_drained_replica_goes_where_there_is_room() -> None:
    nodes = (a_node("a-0", "a", schedulable=False), *nodes_of("b", 1))
    going = replace(a_pod("m", "a", "a-0"), terminating=True)
    ground = two(nodes=nodes, pods=(going, a_pod("m", "a", waiting=JUST_NOW)))
    assert ground.replicas("m") == {"b": 1}
    assert ground.reasons("m")["a"] is Reason.NODES_NOT_READY


def test_the_place_of_a_drained_replica_is_no_room_for_its_successor() -> None:
    nodes = (a_node("a-0", "a", schedulable=False), a_node("a-1", "a"), *nodes_of("b", 1))
    pods = (replace(a_pod("m", "a", "a-0"), terminating=True), a_pod("other", "a", "a-1"))
    assert two(nodes=nodes, pods=pods).replicas("m") == {"b": 1}


def test_pods_beyond_what_a_deployment_is_to_have_belong_to_a_rollout_and_move_nothing() -> None:
    pods = (a_pod("m", "a", "a-0"), a_pod("m", "a", waiting=JUST_NOW), a_pod("m", "b", "b-0"))
    ground = two(2, 1, 1, pods=pods, standing={"m": {"a": (FULL, 5.0)}}, desired={("m", "a"): 1, ("m", "b"): 1})
    assert ground.replicas("m") == {"a": 1, "b": 1}


def test_a_rollout_that_has_nodes_for_both_versions_moves_nothing_either() -> None:
    pods = (a_pod("m", "a", "a-0"), a_pod("m", "a", "a-1"), a_pod("m", "b", "b-0"))
    ground = two(2, 2, 1, pods=pods, standing={"m": {"a": (FULL, 5.0)}}, desired={("m", "a"): 1, ("m", "b"): 1})
    assert ground.replicas("m") == {"a": 1, "b": 1}


def test_devices_that_are_gone_for_a_moment_move_nothing() -> None:
    nodes = (a_node("a-0", "a", gpus=0), *nodes_of("b", 1))
    ground = two(nodes=nodes, pods=(a_pod("m", "a", "a-0"),))
    assert (ground.replicas("m"), ground.reasons("m")["a"]) == ({"a": 1}, Reason.DOES_NOT_FIT)


def test_replicas_of_another_size_leave_a_class_that_cannot_hold_the_new_one() -> None:
    documents = A, B, a_model("m", "a", "b", units=2)
    ground = Ground(documents, (*nodes_of("a", 1), *nodes_of("b", 1, gpus=2)), (a_pod("m", "a", "a-0"),))
    assert (ground.targets("m"), ground.replicas("m")) == ({"b": 1}, {"a": 1, "b": 1})
    assert ground.reasons("m")["a"] is Reason.LEAVING
