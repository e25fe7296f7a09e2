"""What is read of a node, and what of one that is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.fleet.nodes import Taint, parse_node
from tests.support.cluster_objects import node
from tests.support.values import JSON, ODD


def test_a_node_is_read() -> None:
    raw = node("a", pool="x")
    raw["spec"]["taints"] = [
        {"key": "gpu", "value": "l4", "effect": "NoSchedule"},
        {"key": "spot", "effect": "NoExecute"},
    ]
    found = parse_node(raw)
    assert found
    assert (found.name, found.uid, found.region, found.zone) == ("a", "uid-a", "eu", "")
    assert (found.ready, found.schedulable) == (True, True)
    assert found.labels["pool"] == "x"
    assert found.allocatable == {"cpu": "8", "nvidia.com/gpu": "1"}
    assert found.taints == (Taint("gpu", "l4", "NoSchedule"), Taint("spot", "", "NoExecute"))


def test_a_node_says_in_which_zone_it_is() -> None:
    raw = node()
    raw["metadata"]["labels"]["topology.kubernetes.io/zone"] = "eu-1"
    found = parse_node(raw)
    assert found
    assert found.zone == "eu-1"


def test_a_node_that_nobody_hears_of_is_not_ready() -> None:
    found = parse_node(node(ready=False))
    assert found
    assert not found.ready


def test_a_node_that_says_nothing_is_not_ready_and_takes_pods() -> None:
    found = parse_node({"metadata": {"name": "a"}})
    assert found
    assert (found.ready, found.schedulable, found.region, found.taints) == (False, True, "", ())


def test_a_cordoned_node_is_ready_and_takes_no_pods() -> None:
    found = parse_node(node(cordoned=True))
    assert found
    assert (found.ready, found.schedulable) == (True, False)


@pytest.mark.parametrize("raw", [None, {}, [], {"metadata": []}, {"metadata": {"name": 3}}, {"metadata": {"name": ""}}])
def test_what_has_no_name_is_no_node(raw: Any) -> None:
    assert parse_node(raw) is None


@given(ODD)
def test_no_node_is_odd_enough_to_raise(raw: Any) -> None:
    parse_node(raw)


@given(
    st.fixed_dictionaries({"metadata": st.fixed_dictionaries({"name": st.just("a"), "labels": JSON}), "spec": JSON}),
    JSON,
)
def test_what_is_odd_in_a_node_counts_as_not_said(raw: dict[str, Any], status: Any) -> None:
    found = parse_node({**raw, "status": status})
    assert found
    assert {type(text) for entry in found.labels.items() for text in entry} <= {str}
