"""Filters that only some messages pass: Envoy takes them, and they are skipped for those and no others."""

from typing import Any

import pytest
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from modelfleet.envoy.attempt import script
from modelfleet.envoy.skipping import only_if, unless_answered_with
from modelfleet.envoy.typed import parse
from tests.support.luachain import skips

INNER = script("rename")
ASKED, ANSWERED = only_if("x-a", "1", INNER), unless_answered_with("x-b", "/", INNER)


def skipped(made: dict[str, Any], headers: dict[str, str]) -> bool:
    return skips(made["typed_config"]["xds_matcher"], headers)


@pytest.mark.parametrize(("value", "passes"), [("1", True), ("11", False), ("", False), ("0", False)])
def test_only_requests_with_just_this_value_pass(value: str, passes: bool) -> None:
    assert skipped(ASKED, {"x-a": value, "x-other": "1"}) is not passes


def test_a_request_without_the_header_does_not_pass() -> None:
    assert skipped(ASKED, {"x-other": "1"})


@pytest.mark.parametrize(("value", "passes"), [("team/p", False), ("/", False), ("-", True), ("", True)])
def test_answers_with_this_in_the_header_do_not_pass(value: str, passes: bool) -> None:
    assert skipped(ANSWERED, {"x-b": value}) is not passes


def test_an_answer_without_the_header_passes() -> None:
    assert not skipped(ANSWERED, {"x-other": "/"})


@pytest.mark.parametrize(
    ("made", "looks_at"), [(ASKED, "HttpRequestHeaderMatchInput"), (ANSWERED, "HttpResponseHeaderMatchInput")]
)
def test_it_is_a_filter_around_the_other_by_whose_name_it_goes(made: dict[str, Any], looks_at: str) -> None:
    read = parse(made, HttpFilter())
    assert read.name == INNER["name"]
    around = ExtensionWithMatcher()
    assert read.typed_config.Unpack(around)
    (matcher,) = around.xds_matcher.matcher_list.matchers
    predicate = matcher.predicate.not_matcher if matcher.predicate.HasField("not_matcher") else matcher.predicate
    assert (
        predicate.single_predicate.input.typed_config.type_url
        == f"type.googleapis.com/envoy.type.matcher.v3.{looks_at}"
    )
    assert matcher.on_match.action.typed_config.type_url.endswith("action.v3.SkipFilter")
    inner = parse(INNER, HttpFilter())
    assert around.extension_config.name == inner.name
    assert around.extension_config.typed_config == inner.typed_config
