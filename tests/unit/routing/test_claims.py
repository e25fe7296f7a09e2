"""Who serves a name: the older policy, and only where both would be asked."""

import itertools
from dataclasses import replace
from typing import Any

from modelfleet.compiler import compile_fleet
from modelfleet.findings import Reason
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.claims import check_claims, owners_of
from tests.support.documents import Document, fleet, model, policy

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


def crowded(count: int) -> list[Document]:
    """Policies with as many and as long hosts as they may have, the oldest first."""
    hosts = [[f"{'h' * 244}-{number:04}-{index:02}" for index in range(32)] for number in range(count)]
    return [made(f"p{number:04}", OLD, hosts=named) for number, named in enumerate(hosts)]


def test_of_more_hosts_than_a_gateway_can_be_told_of_the_youngest_lose_theirs() -> None:
    others = [made("short", NEW, hosts=["a.example"], models=["one"]), made("open", NEW, models=["two"])]
    snapshot = fleet(*crowded(80), *others)
    findings = list(check_claims(snapshot))
    assert {(one.reason, one.path[:3]) for one in findings} == {(Reason.OUT_OF_RANGE, ("spec", "serves", "hosts"))}
    losers = {one.subject.name for one in findings}
    assert losers == {f"p{number:04}" for number in range(60, 80)}
    assert {key.name for key in owners_of(snapshot.policies.values()).values()} >= {"short", "open", "p0000", "p0059"}


def test_no_number_of_hosts_takes_a_gateway_its_listener() -> None:
    world = World(gateways={"default": Gateway("default")})
    plan = compile_fleet(replace(fleet(model(), *crowded(130)), world=world))
    assert plan.defects == ()
    assert any(one.type_url.endswith(".Listener") for one in plan.gateways["default"])
