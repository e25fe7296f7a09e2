"""Which addresses of an EndpointSlice may be sent requests."""

from typing import Any

import pytest
from hypothesis import given

from modelfleet.findings import Key
from modelfleet.fleet.slices import Backend, Slice, parse_slice
from tests.support.documents import Document
from tests.support.values import ODD


def endpoint(address: str = "10.0.0.1", **fields: Any) -> Document:
    return {"addresses": [address], **fields}


def conditions(**said: bool | None) -> Document:
    return {"conditions": said}


def raw(*endpoints: Any, **fields: Any) -> Document:
    metadata = {"name": "m-x", "namespace": "default", "uid": "u", "labels": {"modelfleet.dev/model": "m"}}
    return {
        "metadata": metadata,
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8000}],
        "endpoints": endpoints,
        **fields,
    }


def backends(*endpoints: Any, **fields: Any) -> tuple[Backend, ...]:
    found = parse_slice(raw(*map(dict, endpoints), **fields))
    assert found
    return found.backends


def test_a_slice_is_read_with_whose_it_is_and_where_each_replica_runs() -> None:
    said = endpoint(zone="a", nodeName="n1", targetRef={"kind": "Pod", "uid": "p1"}, **conditions(ready=True))
    assert parse_slice(raw(said)) == Slice(
        Key("EndpointSlice", "default", "m-x"), "u", "m", (Backend("10.0.0.1", 8000, "a", "n1", "p1"),)
    )


@pytest.mark.parametrize(
    ("said", "leaving"),
    [
        ({}, False),
        ({"ready": True}, False),
        ({"ready": None}, False),
        ({"ready": True, "serving": True, "terminating": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, True),
    ],
)
def test_who_is_ready_or_does_not_say_is_sent_requests_and_who_goes_may_be(
    said: dict[str, bool | None], leaving: bool
) -> None:
    assert backends(endpoint(**conditions(**said))) == (Backend("10.0.0.1", 8000, leaving=leaving),)


@pytest.mark.parametrize(
    "said",
    [
        {"ready": False},
        {"ready": False, "serving": False, "terminating": True},
        {"ready": False, "serving": True, "terminating": False},
        {"ready": False, "terminating": True},
    ],
)
def test_who_is_not_ready_and_does_not_serve_on_its_way_out_is_left_alone(said: dict[str, bool | None]) -> None:
    assert backends(endpoint(**conditions(**said))) == ()


def test_several_addresses_are_one_replica_and_the_first_is_its() -> None:
    assert backends({"addresses": ["10.0.0.2", "10.0.0.1"]}) == (Backend("10.0.0.2", 8000),)


def test_what_is_behind_an_address_is_a_pod_or_nothing_that_is_known() -> None:
    assert backends(endpoint(targetRef={"kind": "VirtualMachine", "uid": "v"})) == (Backend("10.0.0.1", 8000),)


def test_the_order_of_a_slice_and_what_it_says_twice_do_not_matter() -> None:
    one, other = endpoint("10.0.0.1"), endpoint("10.0.0.2")
    assert backends(one, other, one) == backends(other, one) == (Backend("10.0.0.1", 8000), Backend("10.0.0.2", 8000))


@pytest.mark.parametrize("kind", ["FQDN", "", None, 6])
def test_a_slice_of_anything_but_addresses_has_nobody(kind: Any) -> None:
    assert backends(endpoint("example.com"), addressType=kind) == ()


def test_addresses_of_the_newer_kind_are_as_good() -> None:
    assert backends(endpoint("2001:db8::1"), addressType="IPv6") == (Backend("2001:db8::1", 8000),)


@pytest.mark.parametrize("ports", [None, [], [{}], [{"port": None}], [{"port": "8000"}], [7]])
def test_a_slice_without_a_port_has_nobody(ports: Any) -> None:
    assert backends(endpoint(), ports=ports) == ()


def test_a_slice_that_is_nobodys_or_has_no_name_is_told_as_such() -> None:
    assert parse_slice({**raw(), "metadata": {"name": "x"}}) == Slice(Key("EndpointSlice", "", "x"), "", "")
    assert parse_slice({**raw(), "metadata": {}}) is None


@given(ODD)
def test_nothing_in_a_slice_is_odd_enough_to_raise(value: Any) -> None:
    parse_slice(value)
    for field in ("metadata", "addressType", "ports", "endpoints"):
        parse_slice({**raw(endpoint()), field: value})
        parse_slice({**raw(endpoint()), field: [value]})
    for field in ("addresses", "conditions", "zone", "nodeName", "targetRef"):
        assert parse_slice(raw({**endpoint(), field: value}))
