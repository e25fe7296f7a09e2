"""Several models, and not enough for all of them: the scheduler says who wins, and the loser says who has it."""

import pytest

from tests.cluster.placement.fleet import ONE_GPU, Fleet, Where
from tests.testbed.api import wait_for


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """A node with two GPUs, one with CPUs, and a class for each."""
    return fleet.furnish()


def test_who_comes_later_finds_the_class_full_and_is_told_who_holds_it(fleet: Fleet) -> None:
    fleet.model("first", "gpu", replicas=2)
    fleet.runs_on("first", gpu=2)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    message = fleet.says("gpu", "Full")
    assert f"{fleet.namespace}/first" in message or '"first"' in message
    fleet.stays(model="first")


def test_who_has_nowhere_else_waits_and_is_told_who_holds_the_last_unit(fleet: Fleet) -> None:
    fleet.model("first", "gpu", replicas=2)
    fleet.runs_on("first", gpu=2)
    fleet.model("m", "gpu")
    fleet.comes_to(Where({}, {"gpu": 1}))
    assert "first" in fleet.says("gpu", "Unschedulable")
    assert "first" in fleet.condition("Placed", "Unschedulable")
    fleet.scale("first", 1)
    fleet.runs_on(gpu=1)


def test_priority_wins_the_last_unit_and_the_loser_goes_on(fleet: Fleet) -> None:
    high = fleet.priority("high", 1000)
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=2)
    fleet.model("urgent", "gpu", priorityClassName=high)
    fleet.runs_on("urgent", gpu=1)
    fleet.runs_on(gpu=1, cpu=1)
    wait_for("the holder to be named", lambda: "urgent" in fleet.classes()["gpu"]["message"])
    fleet.stays()
    fleet.stays(model="urgent")


def test_of_two_at_once_the_one_with_priority_gets_the_last_unit(fleet: Fleet) -> None:
    high = fleet.priority("high", 1000)
    # With a priority as well: of two without one the scheduler may clear either.
    fleet.model("taker", "gpu", priorityClassName=high)
    fleet.runs_on("taker", gpu=1)
    fleet.model("m", "gpu", "cpu")
    fleet.model("urgent", "gpu", "cpu", priorityClassName=high)
    fleet.runs_on("urgent", gpu=1)
    fleet.runs_on(cpu=1)


def test_a_pod_of_somebody_else_that_takes_the_place_sends_the_replica_on(fleet: Fleet) -> None:
    high = fleet.priority("high", 1000)
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=2)
    fleet.squatter("gpu", priority=high, gpu="1")
    fleet.runs_on(gpu=1, cpu=1)
    fleet.leaves()
    fleet.runs_on(gpu=2)


def test_the_most_that_may_be_used_counts_over_all_models_and_the_older_has_it(fleet: Fleet) -> None:
    fleet.hardware("gpu", ONE_GPU, capacity={"maxUnits": 1})
    fleet.model("older", "gpu", "cpu")
    fleet.runs_on("older", gpu=1)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    message = fleet.says("gpu", "Full")
    assert "maxUnits" in message
    assert "older" in message


def test_free_units_on_two_nodes_are_no_room_for_a_replica_of_two(fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="2")
    fleet.wait_until_up()
    fleet.model("small", "gpu", replicas=2, placement={"spread": "node"})
    fleet.runs_on("small", gpu=2)
    assert set(fleet.on("small").values()) == {1}
    fleet.model("m", ("gpu", 2), "cpu")
    fleet.runs_on(cpu=1)
    message = fleet.says("gpu", "Full")
    assert "1" in message
    assert "2" in message


def test_ten_models_share_what_there_is(fleet: Fleet) -> None:
    names = [f"m{number}" for number in range(10)]
    for name in names:
        fleet.model(name, "gpu", "cpu", placement={"returnAfter": "1h"})
    wait_for("all to run", lambda: sum(sum(fleet.where(name).running.values()) for name in names) == 10)
    on_gpu = [name for name in names if fleet.where(name).running == {"gpu": 1}]
    assert len(on_gpu) == 2
    for name in names:
        fleet.condition("Ready", "True", name)
    wait_for("the units to be counted", lambda: fleet.of_class("gpu")["units"] == {"total": 2, "used": 2, "free": 0})
    held = {(one["namespace"], one["name"], one["units"]) for one in fleet.of_class("gpu")["models"]}
    assert held == {(fleet.namespace, name, 1) for name in on_gpu}
    assert fleet.of_class("gpu")["costPerHour"] == "1.00 USD"
