"""How much there is of a class of hardware, who has it, and what that costs."""

from typing import Any

import pytest

from tests.support.cluster_objects import node, pod
from tests.support.documents import Document, hardware_class
from tests.support.statuses import GPU, Cluster, planned, said, statuses

PRICED = hardware_class(price={"perUnitHour": "0.71"})
NODES = (node("a"), node("b"), node("c", region="us"), node("d", region=""), node("e", ready=False))


def status(*pods: Document, raw: Document = PRICED, nodes: tuple[Document, ...] = NODES, **cluster: Any) -> Any:
    around = Cluster(**{"plan": planned(), **cluster, "nodes": list(nodes), "pods": list(pods)})
    return statuses(raw, cluster=around)[GPU]


def holding(name: str, units: int = 1, **fields: Any) -> Document:
    """A replica that has so many units."""
    raw = pod(name, **fields)
    raw["metadata"]["labels"] = {**raw["metadata"]["labels"], "modelfleet.dev/units": str(units)}
    raw["spec"]["containers"][0]["resources"] = {"requests": {"nvidia.com/gpu": str(units)}}
    return raw


def lacking(name: str) -> Document:
    """A node on which no device plugin runs."""
    raw = node(name)
    del raw["status"]["allocatable"]["nvidia.com/gpu"]
    return raw


def test_a_class_counts_its_units_by_region_and_says_who_has_them_at_what_cost() -> None:
    found = status(holding("x", node="a", ready=True), holding("y", node="d"))
    assert found["units"] == {"total": 4, "used": 2, "free": 2}
    assert found["regions"] == [
        {"name": "eu", "matchingNodes": 3, "readyNodes": 2, "total": 2, "used": 1, "free": 1},
        {"name": "us", "matchingNodes": 1, "readyNodes": 1, "total": 1, "used": 0, "free": 1},
    ]
    assert found["models"] == [{"namespace": "default", "name": "m", "units": 2}]
    assert found["costPerHour"] == "1.42 USD"


def test_a_class_that_nobody_uses_has_no_models_and_costs_nothing() -> None:
    found = status()
    assert found["units"] == {"total": 4, "used": 0, "free": 4}
    assert "models" not in found
    assert found["costPerHour"] == "0.00 USD"


def test_a_class_without_a_price_has_no_cost() -> None:
    assert "costPerHour" not in status(holding("x", node="a"), raw=hardware_class())


def test_no_more_units_are_counted_than_may_be_used() -> None:
    found = status(holding("x", node="a"), raw=hardware_class(capacity={"maxUnits": 2}))
    assert found["units"] == {"total": 2, "used": 1, "free": 1}


def test_a_replica_without_a_node_takes_no_unit() -> None:
    assert status(holding("x", node=""))["units"]["used"] == 0


def test_what_changes_no_number_changes_nothing_in_the_status_of_a_class() -> None:
    starting, serving = holding("x", node="a"), holding("x", node="a", ready=True)
    assert status(starting) == status(serving)


@pytest.mark.parametrize("kind", ["Node", "Pod"])
def test_where_nodes_or_pods_could_not_be_read_nothing_is_said_of_units(kind: str) -> None:
    found = status(holding("x", node="a"), unknown={kind: "403"})
    assert not {"units", "models", "costPerHour"} & found.keys()
    assert all("total" not in region for region in found.get("regions", ()))


def test_without_a_plan_nothing_is_said_of_units() -> None:
    assert "units" not in status(plan=None)


def test_devices_that_are_claimed_are_counted_as_far_as_they_are_used() -> None:
    raw = hardware_class(unit={"deviceClass": "gpu.example.com"}, price={"perUnitHour": "12.50"})
    found = status(holding("x", 2, node="a"), raw=raw)
    assert found["units"] == {"used": 2}
    assert found["costPerHour"] == "25.00 USD"
    assert said(found, "CapacityKnown").status == "True"


def test_a_class_whose_nodes_all_lack_their_device_says_how_many_and_is_not_ready() -> None:
    found = status(nodes=(lacking("a"), lacking("b")))
    assert said(found, "CapacityKnown")[:2] == ("False", "DevicePluginMissing")
    assert said(found, "CapacityKnown").message == (
        "spec.unit.resources: 2 of 2 nodes have no nvidia.com/gpu, and so no unit: see that its device plugin runs"
        " there, or correct the name of the resource"
    )
    assert said(found, "Ready") == said(found, "CapacityKnown")
    assert found["units"]["total"] == 0


def test_one_node_that_lacks_its_device_is_told_and_keeps_the_class_ready() -> None:
    found = status(nodes=(node("a"), lacking("b")))
    assert said(found, "CapacityKnown")[:2] == ("True", "NodesFound")
    assert said(found, "Ready").status == "True"
    assert said(found, "Ready").message.startswith(
        "2 nodes of the class, 2 ready; spec.unit.resources: 1 of 2 nodes has no nvidia.com/gpu"
    )
    assert found["units"]["total"] == 1
