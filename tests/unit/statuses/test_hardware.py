"""What is true of a class of hardware, and what to do where there is none of it."""

from typing import Any

from tests.support.cluster_objects import node
from tests.support.documents import Document, hardware_class, model
from tests.support.statuses import GPU, Cluster, Said, said, statuses, types

UNREAD: dict[str, Any] = {"Node": "403 Forbidden"}


def status(*documents: Document, nodes: tuple[Document, ...] = (), **unknown: str) -> dict[str, Any]:
    return statuses(*(documents or (hardware_class(),)), cluster=Cluster(nodes=list(nodes), unknown=unknown))[GPU]


def test_a_class_with_ready_nodes_is_ready_and_counts_them_by_region() -> None:
    found = status(
        nodes=(node("a"), node("b", ready=False), node("c", region="us"), node("d", region=""), node("e", pool="b"))
    )
    assert types(found) == ["Accepted", "CapacityKnown", "Overlapping", "Ready"]
    assert said(found, "Ready") == Said("True", "Ready", "4 nodes of the class, 3 ready")
    assert said(found, "Overlapping").status == "False"
    assert (found["matchingNodes"], found["readyNodes"]) == (4, 3)
    assert found["regions"] == [
        {"name": "eu", "matchingNodes": 2, "readyNodes": 1},
        {"name": "us", "matchingNodes": 1, "readyNodes": 1},
    ]


def test_a_cordoned_node_is_told() -> None:
    assert (
        said(status(nodes=(node(cordoned=True),)), "Ready").message
        == "1 node of the class, 1 ready, of which 1 cordoned"
    )


def test_a_class_whose_nodes_are_all_down_is_known_and_not_ready() -> None:
    found = status(nodes=(node(ready=False),))
    assert said(found, "CapacityKnown").status == "True"
    assert said(found, "Ready")[:2] == ("False", "NodesNotReady")


def test_a_class_that_no_node_matches_tells_what_there_is_instead() -> None:
    found = status(nodes=(node("a", pool="b"), node("b", pool="b"), node("c", pool="c")))
    assert said(found, "CapacityKnown")[:2] == ("False", "NoMatchingNodes")
    assert said(found, "CapacityKnown").message == (
        "spec.nodes.selector: no node has pool=a: nodes have pool=b (2 nodes), pool=c (1 node); correct the selector,"
        " or label the nodes"
    )
    assert said(found, "Ready") == said(found, "CapacityKnown")
    assert (found["matchingNodes"], found["readyNodes"]) == (0, 0)


def test_a_label_that_is_misspelt_is_told_with_the_one_that_is_near() -> None:
    found = status(nodes=(node("a", pools="a"),))
    assert 'no node has a label pool (did you mean "pools"?)' in said(found, "Ready").message


def test_labels_that_are_never_together_are_told_as_that() -> None:
    both = hardware_class(nodes={"selector": {"pool": "a", "zone": "b"}})
    found = status(both, nodes=(node("a", pool="a"), node("b", zone="b")))
    assert "no node has all of them" in said(found, "Ready").message


def test_a_cluster_without_nodes_is_told_as_that() -> None:
    assert "there is no node at all" in said(status(), "Ready").message


def test_a_class_whose_nodes_may_be_made_is_ready_without_any() -> None:
    provision = hardware_class(capacity={"provision": True})
    for nodes in ((), (node(ready=False),)):
        assert said(status(provision, nodes=nodes), "Ready")[:2] == ("True", "Provisionable")
    assert said(status(provision), "CapacityKnown").status == "False"
    assert said(status(provision, nodes=(node(),)), "Ready").reason == "Ready"


def test_nodes_that_could_not_be_read_are_not_nodes_that_are_not_there() -> None:
    found = status(**UNREAD)
    for type_ in ("CapacityKnown", "Overlapping", "Ready"):
        assert said(found, type_)[:2] == ("Unknown", "NotReadable")
    assert "kind Node" in said(found, "Ready").message
    assert "403 Forbidden" in said(found, "Ready").message
    assert "matchingNodes" not in found
    assert said(status(hardware_class(capacity={"provision": True}), **UNREAD), "Ready").status == "Unknown"


def test_a_class_that_is_wrong_is_judged_no_further() -> None:
    found = status(hardware_class(family="broken"), nodes=(node(),))
    assert said(found, "Accepted").status == "False"
    assert said(found, "CapacityKnown")[:2] == ("Unknown", "NotAccepted")
    assert said(found, "Ready") == said(found, "Accepted")


def test_two_classes_that_share_a_node_both_say_so() -> None:
    other = hardware_class(name="other", nodes={"selector": {"zone": "b"}})
    cluster = Cluster(nodes=[node("a", pool="a", zone="b"), node("b", pool="a", zone="c")])
    found = statuses(hardware_class(), other, cluster=cluster)
    assert said(found[GPU], "Overlapping") == Said(
        "True",
        "Overlapping",
        'spec.nodes.selector: shares 1 node with HardwareClass "other", which would be counted twice: add a label that'
        " tells them apart",
    )
    assert {said(status, "Overlapping").status for status in found.values()} == {"True"}
    assert {said(status, "Ready").status for status in found.values()} == {"True"}


def test_a_class_that_covers_another_says_so_without_any_node() -> None:
    narrow = hardware_class(name="narrow", nodes={"selector": {"pool": "a", "zone": "b"}})
    found = statuses(hardware_class(), narrow, cluster=Cluster(unknown=UNREAD))
    assert said(found[GPU], "Overlapping")[:2] == ("True", "Overlapping")
    assert said(found[GPU], "Accepted").message == "the spec is in order"


def test_a_class_that_suits_nobody_on_it_is_warned_of_and_taken() -> None:
    raw = model(placement={"classes": [{"name": "gpu"}]}, work="speech")
    found = status(hardware_class(suits=["vision"]), raw, nodes=(node(),))
    assert said(found, "Accepted")[:2] == ("True", "Accepted")
    assert "spec.suits: suits none of the work placed on it" in said(found, "Accepted").message
    assert said(found, "Ready").status == "True"
