"""Policies as routes and scopes, and the lists of names that anybody may ask for."""

import json
from typing import Any

import pytest

from modelfleet.envoy.display import display_resource
from modelfleet.envoy.listener import render_listener
from modelfleet.envoy.names import OURS, SAID, SCOPE, STREAM, TARGET
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.routes import render_catalogues, render_policy
from modelfleet.envoy.script import ENTRY, bundle, modules, render_script
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from modelfleet.routing.plan import PolicyPlan, StreamPlan
from tests.support.luajit import runtime

P, Q = Key("RoutingPolicy", "team", "p"), Key("RoutingPolicy", "other", "q")
GATEWAY = Gateway("default", max_body_bytes=5000)


def plan(key: Key = P, *claims: tuple[str, str], **numbers: Any) -> PolicyPlan:
    return PolicyPlan(key, claims or (("", "auto"),), numbers, StreamPlan(2_500, 600_000), ())


def rendered(made: PolicyPlan) -> tuple[Any, list[XdsResource]]:
    table, *scopes = render_policy(made, GATEWAY)
    return display_resource(table)["resource"], scopes


def routes(made: PolicyPlan) -> tuple[Any, Any]:
    table, _ = rendered(made)
    stream, answer = table["virtual_hosts"][0]["routes"]
    return stream, answer


def metadata(made: PolicyPlan) -> Any:
    return routes(made)[0]["metadata"]["filter_metadata"]["modelfleet"]


def test_a_stream_has_a_route_of_its_own_which_comes_first() -> None:
    stream, answer = routes(plan())
    assert stream["match"] == {"prefix": "/", "headers": [{"name": STREAM, "present_match": True}]}
    assert answer["match"] == {"prefix": "/"}
    assert stream["route"]["idle_timeout"] == "2.500s"
    assert stream["route"]["max_stream_duration"] == {"max_stream_duration": "600s"}
    assert answer["route"] == {"cluster_header": TARGET, "auto_host_rewrite": True, "timeout": "0s"}


def test_both_routes_carry_the_same_plan_and_let_nothing_of_ours_out() -> None:
    stream, answer = routes(plan(a=1))
    assert stream["metadata"] == answer["metadata"]
    for route in (stream, answer):
        assert route["request_headers_to_remove"] == [SCOPE, TARGET, STREAM]
        assert route["response_headers_to_remove"] == [*(OURS + name for name in SAID), SCOPE, TARGET, STREAM]
        assert route["request_body_buffer_limit"] == 5000 + 4096


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


def test_the_script_is_every_file_once_and_runs_as_one_text() -> None:
    assert ENTRY in modules()
    for name, text in modules().items():
        assert bundle().count(text) == 1, name
    assert bundle().endswith(modules()[ENTRY])
    compiled = runtime().execute("return loadstring(...)", bundle().encode())
    assert not isinstance(compiled, tuple), compiled


@pytest.mark.parametrize("hosts", [[], ["a.example.com", "b.example.com"]])
def test_the_script_knows_the_hosts_and_changes_with_nothing_else(hosts: list[str]) -> None:
    made = render_script(Gateway("default", port=1, max_body_bytes=5000), hosts)
    context = display_resource(made)["resource"]["typed_config"]["filter_context"]
    assert context == {"hosts": hosts, "maxBodyBytes": 5000}
    assert made == render_script(Gateway("other", port=2, max_body_bytes=5000), [*hosts])
