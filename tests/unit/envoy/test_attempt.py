"""The filters that each try passes, below all retries."""

from typing import Any

from modelfleet.envoy.attempt import attempt_filters
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.hosted import injector_of
from modelfleet.envoy.listener import render_listener
from modelfleet.envoy.script import bundle
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway

INJECTOR = injector_of((Key("Secret", "team", "keys"), "token"))


def named(*others: Any) -> list[str]:
    return [it["name"] for it in attempt_filters(*others)]


def config(name: str) -> Any:
    (found,) = (it["typed_config"]["value"] for it in attempt_filters() if it["name"] == name)
    return found


def test_a_request_passes_the_script_then_the_clock_and_the_codec_last() -> None:
    assert [it for it in named() if it in {"modelfleet", "clock", "codec"}] == ["modelfleet", "clock", "codec"]
    assert named()[-1] == named(INJECTOR)[-1] == "codec"


def test_the_place_is_known_before_the_script_asks_for_it() -> None:
    assert named().index("place") < named().index("modelfleet")
    (mutation,) = config("place")["mutations"]["request_mutations"]
    assert mutation["append"] == {
        "header": {"key": "x-modelfleet-at", "value": "%UPSTREAM_METADATA(modelfleet:gate)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def stripped() -> list[str]:
    mutations = config("strip")["mutations"]["response_mutations"]
    return [it["remove_on_match"]["key_matcher"]["prefix"] for it in mutations]


def test_what_an_upstream_says_in_our_name_is_off_before_the_script_speaks() -> None:
    """An answer passes the filters the other way round."""
    assert named().index("modelfleet") < named().index("strip")
    assert "x-modelfleet-" in stripped()


def test_what_an_upstream_says_in_envoy_s_name_is_not_heard() -> None:
    assert "x-envoy-" in stripped()


def test_a_key_is_put_on_before_the_script_that_may_take_it_off_again() -> None:
    """Where no replica is left the way leads to the gate, and a request has by then passed the way's filters."""
    assert named(INJECTOR).index("credentials") < named(INJECTOR).index("modelfleet")


def test_the_script_is_that_of_a_try() -> None:
    assert config("modelfleet")["default_source_code"]["inline_string"] == bundle("attempt")


def test_the_router_of_the_listener_has_the_same_filters() -> None:
    shown = display_resource(render_listener(Gateway("default")), script=True)["resource"]
    router = shown["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][-1]["typed_config"]
    assert [it["name"] for it in router["upstream_http_filters"]] == named()
    (script,) = (it for it in router["upstream_http_filters"] if it["name"] == "modelfleet")
    assert script["typed_config"]["default_source_code"] == {"inline_string": bundle("attempt")}
