"""What happens to nodes: they are drained, die, are reclaimed, are lost with their region, and come back."""

import pytest

from tests.cluster.placement.fleet import ONE_GPU, Fleet, Where
from tests.cluster.placement.ground import taint
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed

IMPATIENT = [
    {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    for state in ("not-ready", "unreachable")
]
"""Gives a node that dies a second; without a word of the class it is half a minute."""


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """A class of GPUs, for whose nodes each test cares, and one of CPUs."""
    fleet.nodes("cpu", zone="eu-a")
    fleet.hardware("gpu", ONE_GPU, nodes={"tolerations": IMPATIENT})
    fleet.hardware("cpu")
    return fleet


def running(fleet: Fleet, nodes: int = 1, replicas: int = 1) -> list[str]:
    """Nodes with a GPU each, and a model that runs on them."""
    names = fleet.nodes("gpu", nodes, gpu="1")
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu", replicas=replicas)
    fleet.runs_on(gpu=replicas)
    return names


def test_a_drained_node_hands_its_replica_to_another_of_its_class(fleet: Fleet) -> None:
    nodes = running(fleet, 2)
    there = next(name for name in nodes if fleet.pods_on(name))
    fleet.drain(there)
    fleet.runs_on(gpu=1)
    assert not fleet.pods_on(there)


def test_the_last_node_that_is_drained_sends_its_replica_to_the_next_class_and_has_it_back(fleet: Fleet) -> None:
    (node,) = running(fleet)
    fleet.drain(node)
    fleet.runs_on(cpu=1)
    assert "cordon" in fleet.says("gpu", "NodesNotReady")
    fleet.cordon(node, on=False)
    fleet.runs_on(gpu=1)


def test_a_node_that_is_only_cordoned_keeps_its_replica(fleet: Fleet) -> None:
    (node,) = running(fleet)
    fleet.cordon(node)
    wait_for("the class to say so", lambda: fleet.of_class("gpu")["units"]["total"] in (0, 1))
    fleet.stays()
    assert fleet.where() == Where({"gpu": 1}, {})


def test_a_node_that_dies_loses_its_replica_to_the_next_class_and_has_it_back(bed: Bed, fleet: Fleet) -> None:
    first, second = running(fleet, 2, replicas=2)
    with watching(bed, fleet) as course:
        fleet.dies(first)
        fleet.runs_on(gpu=1, cpu=1)
        assert fleet.pods_on(second)
        fleet.revives(first)
        fleet.runs_on(gpu=2)
    assert course.fewest >= 1


def test_a_class_whose_only_node_dies_is_left_and_says_so(fleet: Fleet) -> None:
    (node,) = running(fleet)
    fleet.dies(node)
    fleet.runs_on(cpu=1)
    fleet.says("gpu", "NodesNotReady")
    fleet.class_is("gpu", "Ready", "NodesNotReady")
    assert fleet.of_class("gpu")["units"]["total"] == 0


def test_a_node_that_flaps_moves_nothing(fleet: Fleet) -> None:
    (node,) = running(fleet)
    before = [pod["metadata"]["uid"] for pod in fleet.pods()]
    for _ in range(5):
        fleet.cordon(node)
        fleet.taint(node, taint("flapping"))
        fleet.stays(0.3)
        fleet.taint(node)
        fleet.cordon(node, on=False)
        fleet.stays(0.3)
    assert [pod["metadata"]["uid"] for pod in fleet.pods()] == before
    fleet.runs_on(gpu=1)


def test_a_region_that_is_lost_is_made_up_for_elsewhere_and_taken_again_when_it_is_back(bed: Bed, fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="1", zone="eu-a")
    lost = fleet.nodes("gpu", 2, gpu="1", zone="us-a")
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu", replicas=3)
    fleet.runs_on(gpu=3)
    fleet.vanish(*lost)
    fleet.runs_on(gpu=1, cpu=2)
    assert "region" in fleet.says("gpu", "Full") or fleet.says("gpu", "Full")
    assert set(fleet.on(label="topology.kubernetes.io/region")) == {"eu"}
    fleet.nodes("gpu", 2, gpu="1", zone="us-a")
    with watching(bed, fleet) as course:
        fleet.runs_on(gpu=3)
    assert course.fewest == 3
    assert fleet.on(label="topology.kubernetes.io/region") == {"eu": 1, "us": 2}


def test_a_zone_that_is_lost_leaves_replicas_in_the_others(fleet: Fleet) -> None:
    zones = {zone: fleet.nodes("gpu", gpu="3", zone=zone) for zone in ("eu-a", "eu-b", "eu-c")}
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu", replicas=3)
    fleet.runs_on(gpu=3)
    assert set(fleet.on(label="topology.kubernetes.io/zone").values()) == {1}
    fleet.vanish(*zones["eu-b"])
    fleet.runs_on(gpu=3)
    assert set(fleet.on(label="topology.kubernetes.io/zone")) == {"eu-a", "eu-c"}


def test_spot_nodes_that_are_reclaimed_are_left_and_used_again_when_there_are_new_ones(fleet: Fleet) -> None:
    fleet.hardware("spot", ONE_GPU, capacity={"market": "spot"}, price={"perUnitHour": "0.20"})
    nodes = fleet.nodes("spot", 2, gpu="1")
    fleet.wait_until_up()
    fleet.model("m", "spot", "cpu", replicas=2)
    fleet.runs_on(spot=2)
    for node in nodes:
        fleet.taint(node, taint("cloud.example.com/termination"))
    fleet.stays()
    assert "cloud.example.com/termination" in fleet.says("spot", "Tainted")
    fleet.drain(*nodes)
    fleet.vanish(*nodes)
    fleet.runs_on(cpu=2)
    fleet.says("spot", "NoMatchingNodes")
    fleet.nodes("spot", 2, gpu="1")
    fleet.runs_on(spot=2)


def test_a_new_taint_keeps_what_runs_and_sends_what_is_new_to_the_next_class(fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="2")
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(gpu=1)
    fleet.taint(fleet.own("gpu-1"), taint("team", value="theirs"))
    fleet.says("gpu", "Tainted")
    fleet.scale("m", 2)
    fleet.runs_on(gpu=1, cpu=1)


def test_a_taint_that_ends_pods_sends_them_to_the_next_class(fleet: Fleet) -> None:
    (node,) = running(fleet)
    fleet.taint(node, taint("out", "NoExecute"))
    fleet.runs_on(cpu=1)
    fleet.says("gpu", "Tainted")


def test_nodes_that_lose_the_label_of_the_class_keep_what_runs_there(fleet: Fleet) -> None:
    (node,) = running(fleet)
    fleet.change(node, labels={"test.modelfleet.dev/pool": None})
    fleet.says("gpu", "NoMatchingNodes")
    fleet.stays()
    assert fleet.where() == Where({"gpu": 1}, {})
    fleet.scale("m", 2)
    fleet.runs_on(gpu=1, cpu=1)


def test_a_node_that_loses_devices_counts_for_less_and_keeps_what_runs_there(fleet: Fleet) -> None:
    (node,) = fleet.nodes("gpu", gpu="3")
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=2)
    wait_for("three units", lambda: fleet.of_class("gpu").get("units", {}) == {"total": 3, "used": 2, "free": 1})
    fleet.holds(node, gpu="2")
    wait_for("two units", lambda: fleet.of_class("gpu")["units"] == {"total": 2, "used": 2, "free": 0})
    fleet.stays()
    fleet.scale("m", 3)
    fleet.runs_on(gpu=2, cpu=1)


def test_a_node_that_is_made_in_time_is_used(fleet: Fleet) -> None:
    fleet.hardware("gpu", ONE_GPU, capacity={"provision": True})
    fleet.wait_until_up()
    fleet.model("m", "gpu", "cpu", placement={"pendingTimeout": "20s"})
    fleet.comes_to(Where({}, {"gpu": 1}))
    fleet.nodes("gpu", gpu="1")
    fleet.runs_on(gpu=1)


def test_a_node_that_joins_a_full_class_takes_what_waits_for_it(fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="1")
    fleet.wait_until_up()
    fleet.model("m", "gpu", replicas=2)
    fleet.comes_to(Where({"gpu": 1}, {"gpu": 1}))
    fleet.nodes("gpu", gpu="1")
    fleet.runs_on(gpu=2)
    fleet.condition("Ready", "True")
