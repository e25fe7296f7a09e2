"""What replicas tell is read as far as it can be, and nothing that they could tell ends who reads it."""

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.findings import Key
from modelfleet.fleet.reports import GatewayReport, Held, NodeReport, Refused, Report, parse_report
from modelfleet.xds.events import Connected
from tests.support.values import JSON, ODD
from tests.unit.xds.watched import GATEWAY, Scene

P, Q = Key("RoutingPolicy", "shop", "p"), Key("RoutingPolicy", "shop", "q")


def told() -> Any:
    """What a replica tells of an Envoy that refuses an edit, and of one that has just come."""
    scene = Scene()
    scene.publish({"p": 0, "q": 0})
    scene.join("n")
    scene.publish({"p": 1, "q": 0}, 2)
    scene.refuse("n", "p", "no such file")
    scene.hear("new", Connected())
    scene.acks.hear("x", "egde", Connected())
    return json.loads(json.dumps(scene.acks.document()))


def report(raw: Any) -> Report:
    found = parse_report(raw)
    assert found
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in parts for found in places(part, (*path, key)))]


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    found = copy.deepcopy(raw)
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return found


def test_what_a_replica_tells_is_what_is_read() -> None:
    refused = Refused("Cluster", ("p",), "no such file", frozenset({P}))
    policies = {P: Held("u-p", 2, "r1"), Q: Held("u-q", 2, "r0")}
    nodes = (
        NodeReport("n", True, True, False, 0.0, {P: Held("u-p", 1, "r0")}, (refused,)),
        NodeReport("new", True, False, True, 0.0, {}, ()),
    )
    found = report(told())
    assert found.gateways == {GATEWAY: GatewayReport(policies, nodes)}
    assert (found.number, found.strangers) == (told()["number"], frozenset({"egde"}))


@pytest.mark.parametrize("raw", [None, [], "", 7, {}, {"v": 2}, {"v": "1"}, {"number": 1}])
def test_what_is_no_report_of_this_form_is_none(raw: Any) -> None:
    assert parse_report(raw) is None


def test_what_is_added_by_a_later_version_is_passed_over() -> None:
    raw = told()
    raw["more"] = raw["gateways"][0]["more"] = raw["gateways"][0]["nodes"][0]["more"] = {"a": 1}
    assert report(raw) == report(told())


PLACES = places(told())


@given(st.sampled_from(PLACES), ODD)
def test_nothing_in_a_report_is_odd_enough_to_raise(path: tuple[Any, ...], value: Any) -> None:
    parse_report(changed(told(), path, value))


@given(st.sampled_from(PLACES), JSON)
def test_what_is_read_can_be_written_into_a_status(path: tuple[Any, ...], value: Any) -> None:
    found = parse_report(changed(told(), path, value))
    for gateway in found.gateways.values() if found else ():
        texts = [held.revision for held in gateway.policies.values()]
        texts += [node.id for node in gateway.nodes]
        texts += [text for node in gateway.nodes for one in node.refused for text in (*one.names, one.message)]
        assert all(text.isprintable() for text in texts)
        "".join(texts).encode()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (-1, 0.0),
        (10**400, math.inf),
        (math.nan, 0.0),
        (math.inf, math.inf),
        ("7", 0.0),
        (None, 0),
    ],
)
def test_seconds_are_a_number_from_0_on_whatever_is_said(said: Any, seconds: float) -> None:
    raw = told()
    raw["gateways"][0]["nodes"][0]["seconds"] = said
    assert report(raw).gateways[GATEWAY].nodes[0].seconds == seconds


@pytest.mark.parametrize("said", [None, 1, "true", [True]])
def test_only_who_is_said_to_be_there_is_there(said: Any) -> None:
    raw = told()
    raw["gateways"][0]["nodes"][0] |= {"connected": said, "settled": said, "new": said}
    node = report(raw).gateways[GATEWAY].nodes[0]
    assert (node.connected, node.settled, node.new) == (False, False, False)


def spoil(change: Callable[[Any], object]) -> NodeReport:
    raw = told()
    change(raw["gateways"][0]["nodes"][0])
    return report(raw).gateways[GATEWAY].nodes[0]


def test_a_message_of_many_lines_and_letters_is_one_line_of_a_bounded_length() -> None:
    found = spoil(lambda node: node["refused"][0].update(message="a\n\x1b[31mb " + "c" * 5000))
    assert found.refused[0].message.startswith("a \\x1b[31mb ccc")
    assert len(found.refused[0].message) < 1100


def test_a_revision_that_is_none_speaks_to_no_terminal() -> None:
    raw = told()
    raw["gateways"][0]["policies"][0]["revision"] = "\x1b[31m\ud800"
    assert report(raw).gateways[GATEWAY].policies[P].revision == "\\x1b[31m\\ud800"


def test_what_an_envoy_has_instead_may_be_nothing_and_may_be_unknown() -> None:
    assert spoil(lambda node: node["behind"][0].update(has=None)).behind == {P: None}
    unknown = {"uid": "", "generation": 0, "revision": ""}
    assert spoil(lambda node: node["behind"][0].update(has=unknown)).behind == {P: Held("", 0, "")}
