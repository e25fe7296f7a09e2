"""Who serves a name: the older policy, and only where both would be asked."""

import itertools
from typing import Any

from modelfleet.routing.claims import check_claims
from tests.support.documents import Document, fleet, policy

OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"


def made(name: str, created: str = "", namespace: str = "", **serves: Any) -> Document:
    raw = policy(name=name, namespace=namespace, serves={"models": ["auto"], **serves})
    if created:
        raw["metadata"]["creationTimestamp"] = created
    return raw


def lost(*policies: Document) -> list[tuple[str, object, str]]:
    """Who lost which of its names, and to whom; whatever the order in which the policies come."""
    orders = [sorted(_lost(order)) for order in itertools.permutations(policies)]
    assert all(order == orders[0] for order in orders)
    return orders[0]


def _lost(policies: tuple[Document, ...]) -> list[tuple[str, object, str]]:
    found = check_claims(fleet(*policies))
    return [(one.subject.name, one.path[3], one.message.split("RoutingPolicy ")[1].split(" ")[0]) for one in found]


def test_the_older_policy_has_the_name() -> None:
    assert lost(made("a", NEW), made("b", OLD)) == [("a", 0, "default/b")]


def test_a_policy_that_exists_is_older_than_one_that_does_not_yet() -> None:
    assert lost(made("a"), made("b", NEW)) == [("a", 0, "default/b")]


def test_of_equally_old_ones_namespace_and_name_decide() -> None:
    assert lost(made("b", OLD), made("a", OLD)) == [("b", 0, "default/a")]
    assert lost(made("a", namespace="z"), made("b", namespace="y")) == [("a", 0, "y/b")]


def test_policies_of_different_namespaces_can_collide() -> None:
    assert lost(made("p", namespace="x"), made("p", namespace="y")) == [("p", 0, "x/p")]


def test_a_host_of_one_s_own_is_no_conflict() -> None:
    assert lost(made("a", hosts=["a.example.com"]), made("b", hosts=["b.example.com"])) == []


def test_a_policy_for_any_host_leaves_room_for_one_that_names_a_host() -> None:
    assert lost(made("a"), made("b", hosts=["b.example.com"])) == []


def test_a_gateway_of_one_s_own_is_no_conflict() -> None:
    assert lost(made("a", gateways=["x"]), made("b", gateways=["y"])) == []


def test_other_names_are_no_conflict() -> None:
    assert lost(made("a", models=["x", "y"]), made("b", models=["z"])) == []


def test_a_conflict_on_several_gateways_is_told_once() -> None:
    both = ["x", "y"]
    assert lost(made("a", gateways=both), made("b", gateways=both)) == [("b", 0, "default/a")]


def test_a_conflict_on_several_hosts_is_told_for_each() -> None:
    both = ["x.example.com", "y.example.com"]
    assert lost(made("a", hosts=both), made("b", hosts=both)) == [("b", 0, "default/a")] * 2


def test_each_name_can_be_lost_to_another_policy() -> None:
    found = lost(made("a", models=["x"]), made("b", models=["y"]), made("c", models=["y", "z", "x"]))
    assert found == [("c", 0, "default/b"), ("c", 2, "default/a")]


def test_a_name_that_one_lost_elsewhere_is_still_the_others() -> None:
    found = lost(made("a", OLD, gateways=["x"]), made("b", NEW, gateways=["x", "y"]), made("c", gateways=["y"]))
    assert found == [("b", 0, "default/a"), ("c", 0, "default/b")]
