"""One bad object never changes a byte of what another's traffic is told, whatever the fleet and whatever is wrong."""

import copy
import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import EXTENSION, ROUTES, SCOPE
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway, Hidden, World
from tests.property.drawn import MISTAKES, NAMES, fleets
from tests.sizes import scale
from tests.support.documents import Document, fleet, policy
from tests.support.strategies import FLAGS

Bytes = dict[tuple[str, str], XdsResource]


def compiled(documents: list[Document], before: FleetPlan | None = None, token: str | None = "t") -> FleetPlan:
    secrets = {Key("Secret", "default", "keys"): {"token": Hidden(token)}} if token else {}
    world = World(gateways={"default": Gateway("default")}, secrets=secrets)
    plan = compile_fleet(replace(fleet(*documents, mistakes=True), world=world), before.in_force if before else None)
    assert plan.defects == ()
    return plan


def resources(plan: FleetPlan) -> Bytes:
    return {(it.type_url, it.name): it for it in plan.gateways["default"]}


def changed(documents: list[Document], name: str, **spec: Any) -> list[Document]:
    made = copy.deepcopy(documents)
    (one,) = (it for it in made if it["metadata"]["name"] == name)
    one["spec"].update(spec)
    return made


def of_others(found: Bytes, bad: Key) -> dict[tuple[str, str], Any]:
    """What the resources say, without those that are the bad policy's alone and without its names in common lists."""
    told: dict[tuple[str, str], Any] = {}
    for key, it in found.items():
        users = {owner for owner in it.owners if owner.kind == "RoutingPolicy"}
        if users == {bad}:
            continue
        if it.type_url == ROUTES and it.name.startswith("/v1/models/"):
            told[key] = _listed(it, bad.name.removeprefix("p"))
        elif it.type_url != EXTENSION and (users or not it.name.endswith("|")):
            told[key] = it.body
    return {key: value for key, value in told.items() if value != []}


def _listed(catalogue: XdsResource, number: str) -> list[str]:
    route = display_resource(catalogue)["resource"]["virtual_hosts"][0]["routes"][0]
    names = [it["id"] for it in json.loads(route["direct_response"]["body"]["inline_string"])["data"]]
    return [name for name in names if not name.endswith(f"-{number}")]


@settings(max_examples=scale(25, 1_000))
@given(fleets(), st.sampled_from(sorted(MISTAKES)), st.data())
def test_a_bad_policy_changes_nothing_of_the_others(documents: list[Document], wrong: str, data: st.DataObject) -> None:
    names = [it["metadata"]["name"] for it in documents if it["kind"] == "RoutingPolicy"]
    bad = Key("RoutingPolicy", "default", data.draw(st.sampled_from(names)))
    good, broken = compiled(documents), compiled(changed(documents, bad.name, **MISTAKES[wrong]))
    assert bad not in broken.in_force.policies
    expected, found = (_without_lone_models(of_others(resources(it), bad), broken) for it in (good, broken))
    # A host that the bad policy alone named has no list of its own any more: that of every host serves it.
    lists = {key for key in expected if key[1].startswith("/v1/models/")}
    expected = {key: value for key, value in expected.items() if key in found or key not in lists}
    assert found == expected


def _without_lone_models(told: dict[tuple[str, str], Any], plan: FleetPlan) -> dict[tuple[str, str], Any]:
    """Without endpoints and secrets that nobody needs any more."""
    still = {(it.type_url, it.name) for it in plan.gateways["default"]}
    common = ("v3.Secret", "v3.ClusterLoadAssignment")
    return {key: value for key, value in told.items() if key in still or not key[0].endswith(common)}


@settings(max_examples=scale(25, 1_000))
@given(fleets(), st.sampled_from(["a model that is not there", "a clause that is not enforced"]), st.data())
def test_a_policy_that_goes_bad_keeps_serving_and_no_byte_changes(
    documents: list[Document], wrong: str, data: st.DataObject
) -> None:
    names = [it["metadata"]["name"] for it in documents if it["kind"] == "RoutingPolicy"]
    good = compiled(documents)
    broken = compiled(changed(documents, data.draw(st.sampled_from(names)), **MISTAKES[wrong]), good)
    assert resources(broken) == resources(good)


@settings(max_examples=scale(25, 1_000))
@given(fleets(), st.integers(0, 3), FLAGS)
def test_a_newcomer_that_claims_what_others_serve_takes_nothing_from_them(
    documents: list[Document], victim: int, was_there: bool
) -> None:
    for raw in documents:
        raw["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    good = compiled(documents)
    policies = [it for it in documents if it["kind"] == "RoutingPolicy"]
    serves = policies[victim % len(policies)]["spec"]["serves"]
    tiers = [{"name": "light", "models": [{"name": NAMES[0]}]}]
    thief = policy(name="thief", serves={**serves, "models": [*serves["models"], "its-own"]}, tiers=tiers)
    thief["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    robbed = compiled([*documents, thief], good if was_there else None)
    assert thief_s_scopes(robbed) == {f"{host}|its-own" for host in serves.get("hosts", ["*"])}
    # The lists of names, and the script, which is told of the names on hosts.
    common = {key for key in resources(good) if "/v1/models/" in key[1] or key[0] == EXTENSION}
    before, after = ({key: it.body for key, it in resources(plan).items()} for plan in (good, robbed))
    assert {key: after[key] for key in before.keys() - common} == {key: before[key] for key in before.keys() - common}


def thief_s_scopes(plan: FleetPlan) -> set[str]:
    bad = Key("RoutingPolicy", "default", "thief")
    return {it.name for it in plan.gateways["default"] if it.type_url == SCOPE and bad in it.owners and "|" in it.name}


@settings(max_examples=scale(25, 1_000))
@given(fleets(), st.sampled_from(NAMES), st.sampled_from(["gone", "key", "wrong"]), FLAGS)
def test_a_bad_model_changes_nothing_of_policies_that_do_not_name_it(
    documents: list[Document], name: str, wrong: str, was_there: bool
) -> None:
    good = compiled(documents)
    hosted = any(it["metadata"]["name"] == name and "external" in it["spec"] for it in documents)
    token: str | None
    if wrong == "gone":
        worse, token = [it for it in documents if it["metadata"]["name"] != name], "t"
    else:
        worse = documents if wrong == "key" else changed(documents, name, placement={"classes": [{"name": "absent"}]})
        token = None if wrong == "key" and hosted else "t"
    broken = compiled(worse, good if was_there else None, token)
    touched = {
        Key("RoutingPolicy", "default", it["metadata"]["name"])
        for it in documents
        if _names(it, {name}, documents, wrong)
    }
    before, after = resources(good), resources(broken)
    for key, it in before.items():
        if (
            it.owners
            and not it.owners & touched
            and key[0].endswith(("RouteConfiguration", "ScopedRouteConfiguration"))
        ):
            assert after[key] == it
    if was_there:
        # Whoever named it serves on, and finds nothing there at worst.
        scopes = {key for key in before if key[0].endswith("ScopedRouteConfiguration")}
        assert scopes <= after.keys()


def _names(raw: Document, bad: set[str], documents: list[Document], wrong: str) -> bool:
    if wrong == "key":
        bad = {it["metadata"]["name"] for it in documents if "external" in it["spec"]}
    lists = [*raw["spec"].get("tiers", ()), *raw["spec"].get("rules", ())]
    return any(share["name"] in bad for it in lists for share in it.get("models", ()))
