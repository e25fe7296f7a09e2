"""Where xds replicas tell, and which pods of gateways are ready."""

from typing import Any

import pytest
from hypothesis import given

from modelfleet.fleet.gatewaypods import ready_pods, replica_addresses
from tests.support.cluster_objects import condition
from tests.support.documents import Document
from tests.support.values import ODD


def slice_of(*addresses: str, port: Any = 9090, **said: Any) -> Document:
    endpoints = [{"addresses": [one], "conditions": said} for one in addresses]
    return {"ports": [{"name": "xds", "port": 18000}, {"name": "metrics", "port": port}], "endpoints": endpoints}


def pod(name: str, gateway: str = "edge", ready: str = "True", **metadata: Any) -> Document:
    labels = {"modelfleet.dev/gateway": gateway}
    return {
        "metadata": {"name": name, "labels": labels, **metadata},
        "status": {"conditions": [condition("Ready", ready)]},
    }


def test_replicas_tell_at_the_port_that_is_called_metrics() -> None:
    slices = {"items": [slice_of("10.0.0.2", "10.0.0.1"), slice_of("2001:db8::1"), slice_of("10.0.0.1")]}
    assert replica_addresses(slices) == ("10.0.0.1:9090", "10.0.0.2:9090", "[2001:db8::1]:9090")


def test_a_replica_that_is_not_ready_or_ends_still_has_something_to_tell() -> None:
    slices = {"items": [slice_of("10.0.0.1", ready=False, serving=False, terminating=True)]}
    assert replica_addresses(slices) == ("10.0.0.1:9090",)


def test_a_slice_without_such_a_port_has_no_replica() -> None:
    assert replica_addresses({"items": [slice_of("10.0.0.1", port=None), {**slice_of("10.0.0.2"), "ports": []}]}) == ()


def test_pods_that_are_ready_and_stay_are_counted_for_their_gateway() -> None:
    pods = [
        pod("b"),
        pod("a"),
        pod("late", ready="False"),
        pod("odd", ready="Unknown"),
        pod("leaving", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("other", gateway="shop"),
        pod("nobody", gateway=""),
    ]
    assert ready_pods({"items": pods}) == {"edge": {"a", "b"}, "shop": {"other"}}


@pytest.mark.parametrize("raw", [None, {}, [], {"items": None}, {"items": [None, 7, {}]}])
def test_a_list_that_is_none_has_nothing(raw: Any) -> None:
    assert (replica_addresses(raw), ready_pods(raw)) == ((), {})


@given(ODD)
def test_nothing_in_a_list_is_odd_enough_to_raise(value: Any) -> None:
    replica_addresses({"items": [{**slice_of("10.0.0.1"), "ports": value}, {**slice_of(), "endpoints": value}]})
    replica_addresses({"items": [slice_of(value), {**slice_of(), "endpoints": [{"addresses": value}]}]})
    ready_pods({"items": [pod(value, value), pod("a", value, deletionTimestamp=value), {"metadata": value}, value]})
    ready_pods({"items": [{**pod("a"), "status": value}]})
