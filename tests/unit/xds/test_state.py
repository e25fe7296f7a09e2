import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, ROUTES, SCOPE
from modelfleet.xds.references import reference_of
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import cluster, endpoints, listener, routes, scope, static_cluster


def test_a_state_is_the_same_in_whatever_order_it_is_made() -> None:
    resources = [cluster("b"), endpoints("a"), cluster("a"), scope("s", "r")]
    state, other = gateway_resources(resources), gateway_resources(resources[::-1])
    assert state.version == other.version
    assert list(state.by_type) == list(other.by_type) == [CLUSTER, ENDPOINTS, SCOPE]
    assert list(state.of_type(CLUSTER)) == list(other.of_type(CLUSTER)) == ["a", "b"]


def test_every_difference_is_another_version() -> None:
    states = [
        [],
        [cluster("a")],
        [cluster("a", 1)],
        [cluster("b")],
        [endpoints("a")],
        [cluster("a"), cluster("b")],
        [cluster("a"), endpoints("a")],
    ]
    assert len({gateway_resources(state).version for state in states}) == len(states)


def test_two_with_one_name_are_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="there are two"):
        gateway_resources([cluster("a"), cluster("a", 1)])


def test_a_type_that_is_not_served_is_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="not served"):
        gateway_resources([XdsResource("type.googleapis.com/x", "a", "1", b"", frozenset())])


def test_a_state_cannot_be_changed() -> None:
    state = gateway_resources([cluster("a")])
    with pytest.raises(TypeError):
        state.by_type[CLUSTER]["b"] = cluster("b")  # type: ignore[index]


def test_changes_are_what_is_new_or_gone_or_different() -> None:
    older = gateway_resources([cluster("a"), cluster("b"), cluster("c"), routes("r")])
    newer = gateway_resources([cluster("a"), cluster("b", 1), cluster("d"), routes("r")])
    assert newer.changes_since(older) == {CLUSTER: {"b", "c", "d"}}
    assert newer.changes_since(newer) == {}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (cluster("a"), (ENDPOINTS, "a")),
        (cluster("a", eds="e"), (ENDPOINTS, "e")),
        (static_cluster("a"), None),
        (scope("s", "r"), (ROUTES, "r")),
        (scope("s", ""), None),
        (routes("r", ["a"]), None),
        (listener("l"), None),
        (XdsResource(CLUSTER, "a", "1", b"\xff\xff", frozenset()), None),
        (XdsResource(SCOPE, "a", "1", b"\xff\xff", frozenset()), None),
    ],
)
def test_a_resource_may_lead_to_another_one(resource: XdsResource, expected: tuple[str, str] | None) -> None:
    assert reference_of(resource) == expected
    assert gateway_resources([resource]).reference_of(resource) == expected
