"""Where requests for a model may be sent, from slices, pods and nodes that need not be of the same moment."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.findings import Key
from modelfleet.fleet.endpoints import Places
from modelfleet.fleet.nodes import Node, parse_node
from modelfleet.fleet.pods import Pod, parse_pod
from modelfleet.fleet.slices import Backend, Slice
from modelfleet.fleet.world import Endpoint
from tests.support import cluster_objects

M = Key("ModelDeployment", "default", "m")


def pod(name: str = "m-1", **fields: Any) -> Pod:
    """A pod that serves on the node n, of class gpu."""
    found = parse_pod(cluster_objects.pod(name, ready=True))
    assert found
    return replace(found, **fields)


def node(region: str = "eu") -> Node:
    raw = cluster_objects.node(region=region)
    raw["metadata"]["labels"]["topology.kubernetes.io/zone"] = "eu-a"
    found = parse_node(raw)
    assert found
    return found


def slice_of(*backends: Backend, name: str = "m-x") -> Slice:
    return Slice(Key("EndpointSlice", "default", name), "u", "m", backends)


def endpoints(*slices: Slice, places: Places | None = None) -> tuple[Endpoint, ...]:
    return (places or Places([], [], [])).endpoints({M: slices})[M]


def addresses(*slices: Slice, places: Places | None = None) -> list[str]:
    return [one.address for one in endpoints(*slices, places=places)]


def test_an_address_is_joined_with_what_is_known_of_its_pod_and_node() -> None:
    places = Places([pod()], [node()], ["gpu"])
    found = endpoints(slice_of(Backend("10.0.0.1", 8000, "eu-b", "n", "uid-m-1")), places=places)
    assert found == (Endpoint("10.0.0.1", 8000, "gpu", "eu", "eu-b"),)


def test_where_the_slice_says_less_the_pod_tells_the_node_and_that_the_zone() -> None:
    places = Places([pod()], [node()], ["gpu"])
    found = endpoints(slice_of(Backend("10.0.0.1", 8000, pod="uid-m-1")), places=places)
    assert found == (Endpoint("10.0.0.1", 8000, "gpu", "eu", "eu-a"),)


def test_a_class_of_a_long_name_is_called_by_its_name_and_not_by_its_label() -> None:
    name = "gpu-" + "x" * 100
    (label,) = Places([], [], [name])._classes
    places = Places([pod(hardware=label)], [], [name])
    assert endpoints(slice_of(Backend("10.0.0.1", 8000, pod="uid-m-1")), places=places)[0].hardware == name


def test_a_class_that_is_gone_is_called_as_its_pods_call_it() -> None:
    places = Places([pod()], [], [])
    assert endpoints(slice_of(Backend("10.0.0.1", 8000, pod="uid-m-1")), places=places)[0].hardware == "gpu"


def test_of_a_pod_and_a_node_that_are_not_known_yet_nothing_is_said_and_requests_are_sent() -> None:
    found = endpoints(slice_of(Backend("10.0.0.1", 8000, node="new", pod="uid-new")))
    assert found == (Endpoint("10.0.0.1", 8000),)


@pytest.mark.parametrize("gone", [{"ended": True}, {"terminating": True}])
def test_a_pod_that_goes_or_has_ended_gets_no_request_though_the_slice_still_has_it(gone: Any) -> None:
    places = Places([pod("m-1", **gone), pod("m-2")], [], [])
    both = slice_of(Backend("10.0.0.1", 8000, pod="uid-m-1"), Backend("10.0.0.2", 8000, pod="uid-m-2"))
    assert addresses(both, places=places) == ["10.0.0.2"]


def test_those_that_go_get_requests_only_where_nobody_stays() -> None:
    leaving = Backend("10.0.0.1", 8000, leaving=True)
    assert addresses(slice_of(leaving)) == ["10.0.0.1"]
    assert addresses(slice_of(leaving), slice_of(Backend("10.0.0.2", 8000), name="other")) == ["10.0.0.2"]


def test_a_pod_that_has_ended_gets_none_even_where_it_is_the_last() -> None:
    places = Places([pod(ended=True)], [], [])
    assert addresses(slice_of(Backend("10.0.0.1", 8000, pod="uid-m-1", leaving=True)), places=places) == []


def test_an_address_in_two_slices_counts_once_and_the_order_of_slices_does_not() -> None:
    first, second = Backend("10.0.0.1", 8000, "a"), Backend("10.0.0.1", 8000, "b")
    one, other = slice_of(first, Backend("10.0.0.9", 8000)), slice_of(second, name="other")
    assert endpoints(one, other) == endpoints(other, one)
    assert addresses(one, other) == ["10.0.0.1", "10.0.0.9"]
    assert addresses(slice_of(first, Backend("10.0.0.1", 8001))) == ["10.0.0.1", "10.0.0.1"], "two ports are two"


def test_a_model_all_of_whose_slices_are_empty_has_no_endpoint() -> None:
    assert Places([], [], []).endpoints({M: [slice_of()]}) == {M: ()}
