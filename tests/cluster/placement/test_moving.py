"""Replicas that move: to the next class when there is no room, and back when there is; not too soon, nor too often."""

import time

from tests.cluster.placement.fleet import ONE_GPU, Fleet, Where
from tests.cluster.placement.slow import held_pods
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed

LONG = "1h"


def both(fleet: Fleet, gpus: int = 1) -> None:
    """A class of one node with GPUs, and one with CPUs."""
    fleet.nodes("gpu", gpu=str(gpus))
    fleet.nodes("cpu")
    fleet.wait_until_up()
    fleet.hardware("gpu", ONE_GPU)
    fleet.hardware("cpu")


def taken(fleet: Fleet) -> None:
    """The same; and the only GPU is taken by somebody whom we do not watch, so that only the scheduler knows."""
    both(fleet)
    fleet.squatter("gpu", gpu="1")


def test_a_replica_without_a_node_goes_to_the_next_class_when_its_time_is_up(fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu", placement={"returnAfter": LONG})
    fleet.runs_on(cpu=1)
    message = fleet.says("gpu", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in message
    assert fleet.says("cpu", "Chosen")
    fleet.stays()


def test_and_not_before_its_time_is_up(fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu", placement={"pendingTimeout": LONG})
    fleet.comes_to(Where({}, {"gpu": 1}))
    fleet.condition("Placed", "Unschedulable")
    fleet.stays()
    fleet.leaves()
    fleet.runs_on(gpu=1)


def test_it_comes_back_when_there_is_room_and_serves_all_the_while(bed: Bed, fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    with watching(bed, fleet) as course:
        fleet.leaves()
        fleet.runs_on(gpu=1)
    assert course.fewest == 1
    assert course.most == 2
    assert fleet.says("gpu", "Chosen")
    assert fleet.says("cpu", "NotNeeded")


def test_it_does_not_come_back_too_soon(fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu", placement={"returnAfter": LONG})
    fleet.runs_on(cpu=1)
    fleet.leaves()
    fleet.stays(2.5)


def test_the_old_replica_stays_until_its_successor_is_ready(bed: Bed, fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    with held_pods(fleet) as held, watching(bed, fleet) as course:
        fleet.leaves()
        fleet.comes_to(Where({"gpu": 1, "cpu": 1}, {}))
        fleet.stays()
        message = fleet.condition("Progressing", "True")
        assert fleet.own("cpu") in message
        assert fleet.own("gpu") in message
        assert course.fewest == 1
        held.let_go()
        fleet.runs_on(gpu=1)
    assert course.fewest == 1


def test_tries_that_fail_never_disturb_the_replica_that_runs(bed: Bed, fleet: Fleet) -> None:
    taken(fleet)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    (before,) = (pod["metadata"]["uid"] for pod in fleet.pods())
    with watching(bed, fleet) as course:
        wait_for("a try on the GPU that fails", lambda: fleet.own("gpu") in course.born.values())
        fleet.comes_to(Where({"cpu": 1}, {}))
    assert [pod["metadata"]["uid"] for pod in fleet.pods()] == [before]
    assert (course.fewest, course.most, len(course.born)) == (1, 2, 2)


def test_room_that_our_own_make_is_taken_after_it_has_been_there_for_long(fleet: Fleet) -> None:
    both(fleet)
    fleet.model("first", "gpu")
    fleet.runs_on("first", gpu=1)
    fleet.model("m", "gpu", "cpu", placement={"returnAfter": LONG})
    fleet.runs_on(cpu=1)
    assert "first" in fleet.says("gpu", "Full")
    fleet.scale("first", 0)
    fleet.says("gpu", "RoomAgain")
    fleet.stays()
    fleet.edit("m", placement={"returnAfter": "2s"})
    fleet.runs_on(gpu=1)


def test_room_that_comes_and_goes_starts_the_clock_anew(fleet: Fleet) -> None:
    both(fleet)
    fleet.model("first", "gpu")
    fleet.runs_on("first", gpu=1)
    fleet.model("m", "gpu", "cpu", placement={"returnAfter": LONG})
    fleet.runs_on(cpu=1)
    fleet.scale("first", 0)
    fleet.says("gpu", "RoomAgain")
    once = fleet.classes()["gpu"]["since"]
    fleet.scale("first", 1)
    fleet.runs_on("first", gpu=1)
    fleet.says("gpu", "Full")
    time.sleep(1)  # times are told in whole seconds
    fleet.scale("first", 0)
    fleet.says("gpu", "RoomAgain")
    assert fleet.classes()["gpu"]["since"] > once
    assert fleet.where() == Where({"cpu": 1}, {})
    fleet.edit("m", placement={"returnAfter": "2s"})
    fleet.runs_on(gpu=1)


def test_as_many_come_back_as_there_is_room_for(bed: Bed, fleet: Fleet) -> None:
    fleet.nodes("cpu")
    fleet.wait_until_up()
    fleet.hardware("gpu", ONE_GPU)
    fleet.hardware("cpu")
    fleet.model("m", "gpu", "cpu", replicas=3)
    fleet.runs_on(cpu=3)
    fleet.says("gpu", "NoMatchingNodes")
    with watching(bed, fleet) as course:
        fleet.nodes("gpu", 2, gpu="1")
        fleet.runs_on(gpu=2, cpu=1)
    assert course.fewest == 3
    assert course.most <= 5
    fleet.stays()


def test_where_every_class_is_taken_the_first_that_gets_room_is_used(fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="1")
    fleet.nodes("tpu", tpu="1")
    fleet.wait_until_up()
    fleet.hardware("gpu", ONE_GPU)
    fleet.hardware("tpu", {"google.com/tpu": "1"})
    fleet.squatter("gpu", "one", gpu="1")
    fleet.squatter("tpu", "two", tpu="1")
    fleet.model("m", "gpu", "tpu")
    fleet.condition("Placed", "Unschedulable")
    fleet.says("tpu", "Unschedulable")
    fleet.leaves("two")
    fleet.runs_on(tpu=1)


def test_a_model_without_a_placement_runs_on_any_node(fleet: Fleet) -> None:
    fleet.model("m", replicas=2)
    fleet.condition("Available", "True")
    wait_for("two to run", lambda: sum(fleet.where().running.values()) == 2)
    fleet.condition("Progressing", "UpToDate")
