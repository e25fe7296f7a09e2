"""The filters that each try passes, below all retries."""

from typing import Any

from modelfleet.envoy.attempt import attempt_filters, gate_filters
from modelfleet.envoy.display import display_resource
from modelfleet.envoy.hosted import injector_of
from modelfleet.envoy.listener import render_listener
from modelfleet.findings import Key
from modelfleet.fleet.world import Gateway
from tests.support.luachain import name_of, skips, unwrapped

INJECTOR = injector_of((Key("Secret", "team", "keys"), "token"))


def named(*others: Any) -> list[str]:
    """The filters by their names, and scripts by their entries."""
    return [name_of(unwrapped(it)[0]) for it in attempt_filters(*others)]


def strip(way: str) -> list[Any]:
    (found,) = (it["typed_config"]["value"] for it in attempt_filters() if it["name"] == "strip")
    mutations: list[Any] = found["mutations"][way]
    return mutations


def prefixes(way: str) -> list[str]:
    return [it["remove_on_match"]["key_matcher"]["prefix"] for it in strip(way) if "remove_on_match" in it]


def spared(entry: str, **headers: str) -> bool:
    """Whether a request with these of our headers is spared the filter."""
    (matcher,) = (unwrapped(it)[1] for it in attempt_filters() if name_of(unwrapped(it)[0]) == entry)
    return skips(matcher, {f"x-modelfleet-{name}": value for name, value in headers.items()})


def test_a_request_passes_the_scripts_then_the_clock_and_the_codec_last() -> None:
    assert [it for it in named() if it != "strip"] == ["rename", "judge", "clock", "codec"]
    assert named()[-1] == named(INJECTOR)[-1] == "codec"


def test_a_try_whose_name_stands_already_is_spared_the_renaming() -> None:
    assert (spared("rename"), spared("rename", turn="rename"), spared("rename", turn="plain")) == (True, False, True)


def test_only_a_stream_is_watched() -> None:
    assert (spared("clock"), spared("clock", stream="1"), spared("clock", turn="rename")) == (True, False, True)


def test_every_answer_is_judged() -> None:
    (matcher,) = (unwrapped(it)[1] for it in attempt_filters() if name_of(unwrapped(it)[0]) == "judge")
    assert matcher is None


def test_a_try_that_found_no_replica_is_marked_as_such_behind_all_who_take_marks_off() -> None:
    *_, last = strip("request_mutations")
    assert last["append"] == {
        "header": {"key": "x-modelfleet-skipped", "value": "%UPSTREAM_METADATA(modelfleet:gate)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def test_what_envoy_is_told_of_a_request_goes_no_further_but_is_there_for_who_is_told() -> None:
    assert prefixes("request_mutations") == ["x-modelfleet-"]
    assert named().index("strip") > max(named().index("rename"), named().index("clock"))


def test_what_an_upstream_says_in_our_name_is_off_before_the_script_speaks() -> None:
    """An answer passes the filters the other way round."""
    assert named().index("judge") < named().index("strip")
    assert "x-modelfleet-" in prefixes("response_mutations")


def test_what_an_upstream_says_in_envoy_s_name_is_not_heard() -> None:
    assert "x-envoy-" in prefixes("response_mutations")


def test_who_served_it_is_known_before_the_script_asks_and_nobody_takes_it_off_before() -> None:
    *_, last = strip("response_mutations")
    assert last["append"] == {
        "header": {
            "key": "x-modelfleet-upstream",
            "value": "%UPSTREAM_HOST% %UPSTREAM_METADATA(modelfleet:hardware)%",
        },
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def test_a_key_is_put_on_on_the_way_and_not_at_the_gate_which_takes_it_off_again() -> None:
    """Where no replica is left the way leads to the gate, and a request has by then passed the way's filters."""
    assert named(INJECTOR)[0] == "credentials"
    assert [name_of(it) for it in gate_filters()] == ["gate", "codec"]


def test_the_router_of_the_listener_has_the_same_filters() -> None:
    shown = display_resource(render_listener(Gateway("default")), script=True)["resource"]
    router = shown["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][-1]["typed_config"]
    assert [name_of(unwrapped(it)[0]) for it in router["upstream_http_filters"]] == named()


def test_who_speaks_for_envoy_stands_before_the_router_so_that_every_answer_passes_it() -> None:
    shown = display_resource(render_listener(Gateway("default")), script=True)["resource"]
    chain = shown["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    inner, matcher = unwrapped(chain[-2])
    assert (name_of(inner), matcher is not None, chain[-1]["name"]) == ("tell", True, "router")
