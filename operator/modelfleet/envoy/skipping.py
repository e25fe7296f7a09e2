"""Filters that only some messages have to pass: what a header rules out costs no more than a look at it."""

from typing import Any

from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as _matching
from envoy.extensions.filters.common.matcher.action.v3 import skip_action_pb2 as _skip
from envoy.type.matcher.v3 import http_inputs_pb2 as _inputs

from modelfleet.envoy.types import PREFIX

# Imported for their descriptors: a message inside of a message is found by its name.
_NAMED = (_matching, _skip, _inputs)

INPUT = "envoy.type.matcher.v3"
ACTION = "envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
SKIP = {"name": "skip", "typed_config": {"@type": PREFIX + ACTION}}


def only_if(header: str, value: str, inner: dict[str, Any]) -> dict[str, Any]:
    """The filter, for requests that carry this value."""
    found = _single("HttpRequestHeaderMatchInput", header, {"exact": value})
    return _skipping({"not_matcher": found}, inner)


def unless_answered_with(header: str, part: str, inner: dict[str, Any]) -> dict[str, Any]:
    """The filter, for answers in which the header lacks this part."""
    return _skipping(_single("HttpResponseHeaderMatchInput", header, {"contains": part}), inner)


def _single(kind: str, header: str, value: dict[str, Any]) -> dict[str, Any]:
    config = {"@type": f"{PREFIX}{INPUT}.{kind}", "header_name": header}
    return {"single_predicate": {"input": {"name": "header", "typed_config": config}, "value_match": value}}


def _skipping(predicate: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    tree = {"matcher_list": {"matchers": [{"predicate": predicate, "on_match": {"action": SKIP}}]}}
    kind = "envoy.extensions.common.matching.v3.ExtensionWithMatcher"
    config = {"@type": PREFIX + kind, "extension_config": inner, "xds_matcher": tree}
    return {"name": inner["name"], "typed_config": config}
