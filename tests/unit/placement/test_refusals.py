"""Why a class takes no replica, in which words, and what of it node pools that grow make good."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.fleet.nodes import Node, Taint
from tests.support.documents import Document
from tests.support.placing import Ground, a_class, a_model, a_node, a_pod, a_taint, nodes_of

GONE = 'no HardwareClass "a" is declared: correct the name in spec.placement.classes, or add the class'
NOT_READY = (
    "of 1 node of the class 1 not ready: see kubectl describe node, or kubectl uncordon those that may take pods"
)
TAINTED = (
    "every node of the class that is ready has a taint that it does not tolerate, such as gpu:NoSchedule: add a"
    " toleration to its spec.nodes.tolerations, or remove the taint"
)


def refused(hardware: Document | None, *nodes: Node, units: int = 1, **placement: Any) -> tuple[str, str]:
    """What a model is told of its first class; there is always room on its second one."""
    model = a_model("m", "a", "b", units=units, **placement)
    documents = [model, a_class("b", unit={"resources": {"cpu": 1}}), *([hardware] if hardware else [])]
    ground = Ground(tuple(documents), (*nodes, a_node("b-0", "b", allocatable={"cpu": "64"})))
    share = ground.shares("m")["a"]
    assert share.target == 0 or share.reason in ("Chosen", "Full")
    return share.reason.value, share.message


def test_a_class_that_is_not_there_takes_nothing() -> None:
    assert refused(None) == ("HardwareClassNotFound", GONE)


def test_a_class_takes_models_of_the_namespaces_that_it_allows() -> None:
    elsewhere = a_class("a", allowedNamespaces=["research"])
    reason, message = refused(elsewhere, a_node("a-0", "a"))
    assert (reason, message) == (
        "RefNotPermitted",
        'the class does not allow namespace "default": have it added to its allowedNamespaces, or choose another class',
    )
    assert refused(a_class("a", allowedNamespaces=["default"]), a_node("a-0", "a"))[0] == "Chosen"


def test_a_class_without_nodes_names_the_labels_that_they_would_have() -> None:
    labels = a_class("a", nodes={"selector": {"pool": "a", "gpu": "l4"}})
    reason, message = refused(labels, a_node("a-0", "a"))
    assert reason == "NoMatchingNodes"
    assert (
        "the labels of the class, pool=a and gpu=l4: label nodes, correct its selector, or set capacity.prov" in message
    )


def test_a_class_without_nodes_in_the_models_regions_says_where_they_are() -> None:
    nodes = a_node("a-0", "a", region="us"), a_node("a-1", "a", region="asia"), a_node("a-2", "a", region="")
    reason, message = refused(a_class("a"), *nodes, regions=["eu", "sa"])
    assert (reason, message) == (
        "NoNodesInRegion",
        (
            "no node of the class is in eu and sa, they are in asia and us: add nodes there, or a region to"
            " spec.placement.regions"
        ),
    )
    assert refused(a_class("a"), nodes[2], regions=["eu"])[1].startswith("no node of the class is in eu, no region is")


def test_only_nodes_in_the_models_regions_have_room_for_it() -> None:
    nodes = (a_node("a-0", "a"), a_node("a-1", "a", region="us"), *nodes_of("b", 3))
    documents = a_class("a"), a_class("b"), a_model("m", "a", "b", replicas=2, regions=["eu"])
    assert Ground(documents, nodes).targets("m") == {"a": 1, "b": 1}


def test_a_class_whose_nodes_are_all_tainted_names_the_taint() -> None:
    assert refused(a_class("a"), a_node("a-0", "a", taints=(a_taint(),))) == ("Tainted", TAINTED)


@pytest.mark.parametrize(
    ("taint", "toleration"),
    [
        (Taint("gpu", "", "NoSchedule"), {"key": "gpu", "operator": "Exists"}),
        (Taint("gpu", "l4", "NoSchedule"), {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}),
        (Taint("gpu", "l4", "NoSchedule"), {"key": "gpu", "value": "l4"}),
        (Taint("gpu", "l4", "NoExecute"), {"key": "gpu", "operator": "Equal", "value": "l4", "effect": "NoExecute"}),
        (Taint("gpu", "", "NoSchedule"), {"key": "gpu"}),
        (Taint("any", "thing", "NoExecute"), {"operator": "Exists"}),
        (Taint("gpu", "", "PreferNoSchedule"), None),
    ],
)
def test_what_a_class_tolerates_keeps_nothing_off(taint: Taint, toleration: Document | None) -> None:
    nodes = {"selector": {"pool": "a"}, "tolerations": [toleration] if toleration else None}
    tolerant = a_class("a", nodes={name: part for name, part in nodes.items() if part})
    assert refused(tolerant, a_node("a-0", "a", taints=(taint,)))[0] == "Chosen"


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "other", "operator": "Exists"},
        {"key": "gpu", "value": "a100"},
        {"key": "gpu"},
        {"key": "gpu", "operator": "Exists", "effect": "NoExecute"},
    ],
)
def test_another_toleration_does_not_help(toleration: Document) -> None:
    hardware = a_class("a", nodes={"selector": {"pool": "a"}, "tolerations": [toleration]})
    reason, message = refused(hardware, a_node("a-0", "a", taints=(Taint("gpu", "l4", "NoSchedule"),)))
    assert (reason, "gpu=l4:NoSchedule" in message) == ("Tainted", True)


def test_of_several_taints_the_commonest_that_is_not_tolerated_is_named() -> None:
    hardware = a_class("a", nodes={"selector": {"pool": "a"}, "tolerations": [{"key": "x", "operator": "Exists"}]})
    nodes = [a_node(f"a-{number}", "a", taints=(a_taint("x"), a_taint(key))) for number, key in enumerate("yzz")]
    assert "such as z:NoSchedule" in refused(hardware, *nodes)[1]


def test_a_class_whose_nodes_are_not_ready_or_cordoned_counts_them() -> None:
    down = a_node("a-0", "a", ready=False)
    reason, message = refused(a_class("a"), down)
    assert (reason, message.startswith(NOT_READY)) == ("NodesNotReady", True)
    cordoned = [a_node(f"a-{number}", "a", schedulable=False) for number in (1, 2)]
    assert "of 3 nodes of the class 1 not ready and 2 cordoned" in refused(a_class("a"), down, *cordoned)[1]
    assert "of 2 nodes of the class 2 cordoned" in refused(a_class("a"), *cordoned)[1]


def test_a_cordoned_node_beside_one_that_is_tainted_leaves_the_taint_to_be_told() -> None:
    nodes = a_node("a-0", "a", schedulable=False), a_node("a-1", "a", taints=(a_taint(),))
    assert refused(a_class("a"), *nodes)[0] == "Tainted"


def test_a_replica_that_is_larger_than_any_node_does_not_fit() -> None:
    reason, message = refused(a_class("a"), a_node("a-0", "a", gpus=4), units=8)
    assert (reason, message) == (
        "DoesNotFit",
        (
            "one replica takes 8 units, and no node of the class holds more than 4, even when it is empty: lower units,"
            " or add larger nodes"
        ),
    )


def test_a_node_that_is_full_is_large_enough_all_the_same() -> None:
    documents = a_class("a"), a_class("b"), a_model("m", "a", "b", units=4)
    nodes = a_node("a-0", "a", gpus=4), a_node("b-0", "b", gpus=4)
    full = Ground(documents, nodes, (a_pod("x", "a", "a-0", units=4),))
    assert full.reasons("m")["a"].value == "Full"


def test_nodes_that_lack_the_resource_point_to_the_device_plugin() -> None:
    reason, message = refused(a_class("a"), a_node("a-0", "a", gpus=0))
    assert reason == "DoesNotFit"
    assert message.endswith(
        "nodes have no nvidia.com/gpu: see whether the device plugin runs there, or correct spec.unit"
    )


def test_a_replica_that_takes_more_than_the_class_may_have_does_not_fit() -> None:
    reason, message = refused(a_class("a", capacity={"maxUnits": 1}), a_node("a-0", "a", gpus=4), units=2)
    assert (reason, message) == (
        "DoesNotFit",
        "one replica takes 2 units, and the class has 1 at most: lower units, or raise its maxUnits",
    )


@pytest.mark.parametrize(
    "nodes",
    [
        (),
        (a_node("a-0", "a", ready=False),),
        (a_node("a-0", "a", region="us"),),
        (a_node("a-0", "a", taints=(a_taint(),)),),
        (a_node("a-0", "a", gpus=0),),
    ],
)
def test_where_nodes_are_made_on_demand_no_state_of_nodes_speaks_against_a_class(nodes: tuple[Node, ...]) -> None:
    made = a_class("a", capacity={"provision": True})
    assert refused(made, *nodes, regions=["eu"])[0] == "Chosen"
    bound = a_class("a", capacity={"provision": True, "maxUnits": 1})
    assert refused(bound, *nodes, units=2)[0] == "DoesNotFit"


def test_where_every_class_is_refused_pods_wait_on_the_first_that_is_there_and_permitted() -> None:
    documents = a_class("b", allowedNamespaces=["x"]), a_class("c"), a_class("d"), a_model("m", "a", "b", "c", "d")
    ground = Ground(documents, (a_node("d-0", "d", ready=False),))
    assert ground.targets("m") == {"c": 1}
    assert ground.shares("m")["c"].message.endswith("; 1 replica can wait nowhere better")
    kept = replace(ground, pods=(a_pod("m", "c"),))
    assert kept.targets("m") == {"c": 1}


def test_what_is_not_ready_says_nothing_against_replicas_that_run() -> None:
    documents = a_class("a"), a_class("b"), a_model("m", "a", "b")
    nodes = a_node("a-0", "a", taints=(a_taint(),)), a_node("b-0", "b")
    ground = Ground(documents, nodes, (a_pod("m", "a", "a-0"),))
    assert ground.replicas("m") == {"a": 1}
    assert ground.shares("m")["a"].message == f"{TAINTED}; 1 replica may stay while nodes let them"


@pytest.mark.parametrize("change", [{"regions": ["us"]}, {"allowed": ["x"]}])
def test_where_a_model_may_not_run_any_more_it_stays_until_its_successor_is_ready(change: dict[str, Any]) -> None:
    hardware = a_class("a", allowedNamespaces=change.pop("allowed", None))
    documents = hardware, a_class("b"), a_model("m", "a", "b", **change)
    ground = Ground(documents, (a_node("a-0", "a"), a_node("b-0", "b", region="us")), (a_pod("m", "a", "a-0"),))
    assert (ground.targets("m"), ground.replicas("m")) == ({"b": 1}, {"a": 1, "b": 1})
    share = ground.shares("m")["a"]
    assert share.reason.value == "Leaving"
    assert share.message.endswith("; 1 replica may stay until successors elsewhere are ready")
