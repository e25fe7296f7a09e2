"""Policies as routes and scopes, and the lists of names that anybody may ask for."""

import json
from typing import Any

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.unknown_fields import UnknownFieldSet

from modelfleet.envoy.display import display_resource
from modelfleet.envoy.listener import render_listener
from modelfleet.envoy.names import GATE, MOST_ATTEMPTS, STREAM, TARGET, WAY
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.routes import render_catalogues, render_policy
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import PolicyPlan

P, Q = Key("RoutingPolicy", "team", "p"), Key("RoutingPolicy", "other", "q")
GATEWAY = Gateway("default", max_body_bytes=5000)
TARGETS = ("team/m/x", "team/n/y")


def plan(key: Key = P, *claims: tuple[str, str], **numbers: Any) -> PolicyPlan:
    return PolicyPlan(key, claims or (("", "auto"),), numbers, 600_000, TARGETS)


def rendered(made: PolicyPlan) -> tuple[Any, list[XdsResource]]:
    table, *scopes = render_policy(made, GATEWAY)
    return display_resource(table)["resource"], scopes


def host(made: PolicyPlan) -> Any:
    table, _ = rendered(made)
    (found,) = table["virtual_hosts"]
    return found


def routes(made: PolicyPlan) -> list[Any]:
    """Those by which requests are sent."""
    found: list[Any] = host(made)["routes"][:-1]
    return found


def metadata(made: PolicyPlan) -> Any:
    return host(made)["metadata"]["filter_metadata"]["modelfleet"]


def test_each_target_has_a_route_for_streams_which_comes_first_and_one_for_all_else() -> None:
    made = routes(plan())
    targets = [{"name": TARGET, "string_match": {"exact": f"{target}/way"}} for target in TARGETS]
    stream = {"name": STREAM, "present_match": True}
    assert [(it["name"], it["match"]) for it in made] == [
        ("stream", {"prefix": "/", "headers": [targets[0], stream]}),
        ("answer", {"prefix": "/", "headers": [targets[0]]}),
        ("stream", {"prefix": "/", "headers": [targets[1], stream]}),
        ("answer", {"prefix": "/", "headers": [targets[1]]}),
    ]


def test_a_stream_is_bounded_as_a_whole_and_nothing_else_by_its_route() -> None:
    stream, answer, *_ = routes(plan())
    assert stream["route"].pop("max_stream_duration") == {"max_stream_duration": "600s"}
    # All else that bounds a request stands in its own headers and notes.
    assert stream["route"] == answer["route"]
    assert answer["route"]["timeout"] == "0s"
    assert "idle_timeout" not in answer["route"]


def test_a_request_that_has_not_been_decided_has_a_route_by_which_it_would_be_sent_nowhere() -> None:
    last = host(plan())["routes"][-1]
    assert (last["name"], last["match"], last["route"]["cluster"]) == ("plan", {"prefix": "/"}, GATE)
    (only,) = host(PolicyPlan(P, (("", "auto"),), {}, 600_000, ()))["routes"]
    assert only == last


def test_the_plan_stands_once_in_a_table_however_many_routes_there_are() -> None:
    made = host(plan(a=1))
    assert metadata(plan(a=1))["plan"] == {"a": 1}
    assert all("plan" not in route["metadata"]["filter_metadata"]["modelfleet"] for route in made["routes"])


def test_each_route_names_the_version_of_the_plan_and_so_does_the_one_before_a_decision() -> None:
    made, other = host(plan(a=1)), host(plan(a=2))
    versions = [
        {it["metadata"]["filter_metadata"]["modelfleet"]["version"] for it in one["routes"]} for one in (made, other)
    ]
    assert versions == [{f"team/p {metadata(plan(a=number))['revision']}"} for number in (1, 2)]
    assert versions[0] != versions[1]


@pytest.mark.parametrize(("most", "held"), [(5_000, 33 << 20), (100 << 20, (100 << 20) + 4096)])
def test_as_much_is_buffered_as_the_longest_body_or_the_longest_answer_needs(most: int, held: int) -> None:
    table, *_ = render_policy(plan(), Gateway("default", max_body_bytes=most))
    (found,) = display_resource(table)["resource"]["virtual_hosts"]
    assert found["request_body_buffer_limit"] == held
    # A route's own would take its place.
    assert all("request_body_buffer_limit" not in route for route in found["routes"])


def test_a_first_try_goes_where_its_route_leads_and_then_to_the_gate_unless_a_note_says_more() -> None:
    made = routes(plan())
    for route, target in zip(made, (TARGETS[0], TARGETS[0], TARGETS[1], TARGETS[1]), strict=True):
        config = route["route"]["inline_cluster_specifier_plugin"]["extension"]["typed_config"]
        assert config["@type"].endswith("priority_group.v3.PriorityGroupClusterSpecifier")
        assert config["override_metadata_namespace"] == WAY
        clusters = [it["clusters"] for it in config["priority_groups"]]
        assert clusters == [[{"cluster_name": name, "weight": 1}] for name in (f"{target}/way", GATE)]
        assert route["route"]["auto_host_rewrite"] is True


def test_every_try_that_fails_is_followed_by_the_gate_and_nothing_else_is_retried() -> None:
    table, _ = rendered(plan())
    (host,) = table["virtual_hosts"]
    policy = host["retry_policy"]
    assert policy["retry_on"] == "reset,connect-failure,retriable-headers"
    assert policy["retriable_headers"] == [{"name": "x-modelfleet-again", "present_match": True}]
    assert policy["num_retries"] == MOST_ATTEMPTS
    assert policy["retry_back_off"] == {"base_interval": "0.001s", "max_interval": "0.001s"}
    # Else a repeat would go to the replica that has just failed.
    (predicate,) = policy["retry_host_predicate"]
    assert predicate["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert policy["host_selection_retry_max_attempts"] > 1
    # A route's own would take its place.
    assert all("retry_policy" not in route["route"] for route in host["routes"])


def test_a_retry_looks_anew_where_it_goes_though_the_published_protos_have_no_word_for_it() -> None:
    table, *_ = render_policy(plan(), GATEWAY)
    (host,) = RouteConfiguration.FromString(table.body).virtual_hosts
    # Field 14, a bool: in the bytes that Envoy gets, and in what people are shown.
    assert host.retry_policy.SerializeToString().endswith(b"\x70\x01")
    unknown: Any = UnknownFieldSet(host.retry_policy)
    assert [(it.field_number, it.data) for it in unknown] == [(14, 1)]
    (shown,) = rendered(plan())[0]["virtual_hosts"]
    assert shown["retry_policy"]["refresh_cluster_on_retry"] is True


def test_the_revision_is_of_the_numbers_alone() -> None:
    first, same, other = (metadata(made)["revision"] for made in (plan(a=1, b=2), plan(Q, b=2, a=1), plan(a=1, b=3)))
    assert first == same != other
    assert metadata(plan(a=1))["policy"] == "team/p"


def test_a_scope_for_each_name_on_each_host() -> None:
    _, scopes = rendered(plan(P, ("", "auto"), ("ai.example.com", "auto")))
    assert [scope.name for scope in scopes] == ["/team/p", "*|auto", "ai.example.com|auto"]
    for scope in scopes:
        shown = display_resource(scope)["resource"]
        assert shown["route_configuration_name"] == "team/p"
        assert shown["key"]["fragments"] == [{"string_key": scope.name}]
        assert scope.owners == {P}


def listed(*plans: PolicyPlan) -> dict[str, Any]:
    made = [display_resource(it) for it in render_catalogues(plans)]
    tables = [it for it in made if "direct_response" in str(it)]
    routes = {it["name"]: it["resource"]["virtual_hosts"][0]["routes"][0]["direct_response"] for it in tables}
    return {name: json.loads(route["body"]["inline_string"]) for name, route in routes.items()}


def test_each_host_lists_the_names_that_are_served_on_it_in_order() -> None:
    found = listed(plan(P, ("", "b"), ("ai.example.com", "c")), plan(Q, ("", "a")))
    assert sorted(found) == ["/v1/models/*", "/v1/models/ai.example.com"]
    data = found["/v1/models/*"]["data"]
    assert [(it["id"], it["object"], it["owned_by"]) for it in data] == [
        ("a", "model", "other"),
        ("b", "model", "team"),
    ]
    assert [it["id"] for it in found["/v1/models/ai.example.com"]["data"]] == ["a", "b", "c"]


def test_a_list_is_the_same_whatever_the_order_of_policies() -> None:
    plans = [plan(P, ("", "b")), plan(Q, ("", "a"))]
    assert list(render_catalogues(plans)) == list(render_catalogues(plans[::-1]))


def test_a_long_list_is_allowed_its_length() -> None:
    table = next(iter(render_catalogues([plan(P, *(("", f"name-{number}") for number in range(1000)))])))
    shown = display_resource(table)["resource"]
    body = shown["virtual_hosts"][0]["routes"][0]["direct_response"]["body"]["inline_string"]
    assert shown["max_direct_response_body_size_bytes"] == len(body.encode()) > 4096


def test_nothing_that_a_policy_says_is_in_the_listener() -> None:
    assert render_listener(GATEWAY) == render_listener(Gateway("default", max_body_bytes=5000))
    other = render_listener(Gateway("default", max_body_bytes=5001))
    assert other.version != render_listener(GATEWAY).version
