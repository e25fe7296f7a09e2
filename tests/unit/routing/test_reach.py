"""Which tiers a request can get to: wanted, climbed to, or fallen to."""

import pytest

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.routing.reach import check_reach, reached_tiers, wanted_tiers
from tests.support.documents import Document, fleet, policy, valid

TIERS = [{"name": name, "models": [{"name": "m"}]} for name in ("s", "m", "l", "xl")]
ESCALATE = "escalate: {{when: {{confidenceBelow: 0.5, from: {{json: sure}}}}, max: {}}}"


def made(change: str) -> Document:
    return policy(change, tiers=TIERS)


def spec_of(change: str) -> RoutingPolicy:
    resource = valid(made(change))
    assert isinstance(resource, RoutingPolicy)
    return resource


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("", "s"),
        ("rules: []", "s"),
        ("rules: [{name: a, when: {stream: true}, tier: l}]", "l s"),
        ("rules: [{name: a, tier: l}]", "l"),
        ("rules: [{name: a, tier: l}, {name: b, tier: m}]", "l"),
        ("rules: [{name: a, answer: {body: busy}}]", ""),
        ("rules: [{name: a, models: [{name: m}]}]", ""),
        ("rules: [{name: a, when: {stream: true}, models: [{name: m}]}, {name: b, tier: xl}]", "xl"),
        # A score chooses among the names, and in doubt the largest tier or the one behind unsure.
        ("rules: [{name: a, classify: {s: <0.5, m: else}}]", "m s xl"),
        ("rules: [{name: a, classify: {s: <0.5, m: else, unsure: m}}]", "m s"),
        ("rules: [{name: a, classify: {m: else, unsure: l}}]", "l m"),
        # Floor and ceiling move its choice.
        ("{rules: [{name: a, classify: {s: <0.5, m: else, unsure: s}}], classifier: {floor: m}}", "m"),
        ("{rules: [{name: a, classify: {s: <0.5, xl: else}}], classifier: {ceiling: m}}", "m s"),
        ("{rules: [{name: a, classify: {s: <0.5, xl: else}}], classifier: {floor: m, ceiling: l}}", "l m"),
        ("{rules: [{name: a, classify: {s: <0.5, xl: else}}], classifier: {floor: l, ceiling: l}}", "l"),
        # And no other.
        ("{rules: [{name: a, tier: s}], classifier: {floor: l}}", "s"),
        ("{rules: [{name: a, when: {stream: true}, classify: {xl: else}}], classifier: {ceiling: m}}", "m s"),
    ],
)
def test_rules_scores_and_the_default_want_tiers(change: str, wanted: str) -> None:
    assert wanted_tiers(spec_of(change).spec) == set(wanted.split())


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        ("", "s"),
        (ESCALATE.format("null"), "m s"),
        (ESCALATE.format("2"), "l m s"),
        (ESCALATE.format("7"), "l m s xl"),
        (f"{{rules: [{{name: a, tier: l}}], {ESCALATE.format('2')}}}", "l xl"),
        ("{rules: [{name: a, tier: l}], degrade: [{tier: m}, {answer: {body: busy}}]}", "l m"),
        (f"{{rules: [{{name: a, answer: {{body: busy}}}}], {ESCALATE.format('2')}}}", ""),
    ],
)
def test_requests_climb_as_often_as_they_may_and_fall_where_the_ladder_leads(change: str, reached: str) -> None:
    assert reached_tiers(spec_of(change).spec) == set(reached.split())


def test_every_tier_that_nothing_leads_to_is_told() -> None:
    found = check_reach(fleet(made("rules: [{name: a, when: {stream: true}, tier: l}]")))
    assert [finding.path for finding in found] == [("spec", "tiers", 1, "name"), ("spec", "tiers", 3, "name")]


def falls(change: str) -> list[object]:
    return [finding.path[2] for finding in check_reach(fleet(made(change))) if finding.path[1] == "degrade"]


def test_a_rung_above_the_smallest_wanted_tier_is_a_fall_up() -> None:
    assert falls("degrade: [{tier: m}, {tier: s}]") == [0]
    assert falls("{rules: [{name: a, tier: l}], degrade: [{tier: m}, {tier: xl}, {tier: s}]}") == [1]


def test_a_rung_that_everybody_falls_down_to_is_none() -> None:
    assert falls("{rules: [{name: a, tier: l}], degrade: [{tier: l}, {tier: m}, {tier: s}]}") == []
    assert falls("{rules: [{name: a, answer: {body: busy}}], degrade: [{tier: xl}]}") == []
    assert falls("degrade: [{answer: {body: busy}}]") == []
