"""Which rules an earlier rule takes everything from. A yes must be sure; a no may be too careful."""

import pytest
import yaml
from pydantic import TypeAdapter

from modelfleet.api.routingpolicy.decision import When
from modelfleet.routing.shadow import check_shadows, covers
from tests.support.documents import fleet, policy


def when(text: str) -> When | None:
    return TypeAdapter(When).validate_python(yaml.safe_load(text)) if text else None


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("", ""),
        ("", "{stream: true}"),
        ("{stream: true}", "{stream: true}"),
        ("{stream: false}", "{stream: false, tools: true}"),
        ("{tenant: a}", "{tenant: a, feature: b}"),
        # Comparisons.
        ("{promptBytes: '>100'}", "{promptBytes: '>100'}"),
        ("{promptBytes: '>100'}", "{promptBytes: '>=101'}"),
        ("{promptBytes: '>=101'}", "{promptBytes: '>100'}"),
        ("{promptBytes: '>100'}", "{promptBytes: '>1000'}"),
        ("{maxTokens: '<100'}", "{maxTokens: '<=99'}"),
        ("{maxTokens: '<=99'}", "{maxTokens: '<100'}"),
        ("{maxTokens: '<=100'}", "{maxTokens: '<0'}"),
        ("{maxTokens: '>=0'}", "{maxTokens: '>999999999999'}"),
        # Paths.
        ("{path: /v1/*}", "{path: /v1/embeddings}"),
        ("{path: /v1/*}", "{path: /v1/chat/*}"),
        ("{path: /v1/*}", "{path: /v1/*}"),
        ("{path: /v1/*}", "{path: /v1/}"),
        ("{path: /*}", "{path: /v1}"),
        ("{path: /v1*}", "{path: /v1}"),
        # Headers, whose names have no case.
        ("{headers: {X-Class: batch}}", "{headers: {x-class: batch}}"),
        ("{headers: {x-class: batch}}", "{headers: {X-CLASS: batch, x-team: a}}"),
        # Any of these.
        ("{missing: [a, b]}", "{missing: [a]}"),
        ("{missing: [a, b]}", "{missing: [b, a]}"),
        ("{empty: [a, b]}", "{empty: [b], stream: true}"),
    ],
)
def test_a_condition_takes_all_of_a_narrower_one(wide: str, narrow: str) -> None:
    assert covers(when(wide), when(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("{stream: true}", ""),
        ("{stream: true}", "{stream: false}"),
        ("{stream: false}", "{tools: false}"),
        ("{stream: true, tools: true}", "{stream: true}"),
        ("{tenant: a}", "{tenant: b}"),
        ("{promptBytes: '>100'}", "{promptBytes: '>=100'}"),
        ("{promptBytes: '>100'}", "{promptBytes: '<1000'}"),
        ("{promptBytes: '>100'}", "{maxTokens: '>100'}"),
        ("{maxTokens: '<100'}", "{maxTokens: '<=100'}"),
        ("{maxTokens: '<=5'}", "{maxTokens: '>=5'}"),
        ("{path: /v1/chat}", "{path: /v1/*}"),
        ("{path: /v1/chat/*}", "{path: /v1/*}"),
        ("{path: /v1/*}", "{path: /v1}"),
        ("{path: /v1/*}", "{path: /v2/a}"),
        ("{path: /v1}", "{path: /v1*}"),
        ("{headers: {x-class: batch}}", "{headers: {x-class: Batch}}"),
        ("{headers: {x-class: batch, x-team: a}}", "{headers: {x-class: batch}}"),
        ("{headers: {x-class: batch}}", "{headers: {x-team: batch}}"),
        ("{missing: [a]}", "{missing: [a, b]}"),
        ("{missing: [a]}", "{empty: [a]}"),
        ("{empty: [a]}", "{empty: [b]}"),
    ],
)
def test_a_condition_leaves_something_of_another(wide: str, narrow: str) -> None:
    assert not covers(when(wide), when(narrow))


def shadowed(rules: str) -> list[tuple[object, str]]:
    found = check_shadows(fleet(policy(f"rules: {rules}")))
    return [(finding.path[2], finding.message.split('"')[1]) for finding in found]


def test_what_stands_behind_a_rule_without_conditions_never_applies() -> None:
    rules = "[{name: a, tier: light}, {name: b, when: {stream: true}, tier: light}, {name: c, answer: {body: busy}}]"
    assert shadowed(rules) == [(1, "a"), (2, "a")]


def test_a_rule_is_told_once_and_of_the_first_that_shadows_it() -> None:
    rules = """[{name: a, when: {stream: true}, tier: light}, {name: b, when: {stream: true}, tier: light},
        {name: c, when: {stream: true, tools: true}, tier: light}]"""
    assert shadowed(rules) == [(1, "a"), (2, "a")]


def test_the_narrow_rule_may_stand_in_front() -> None:
    rules = "[{name: a, when: {stream: true, tools: true}, tier: light}, {name: b, when: {stream: true}, tier: light}]"
    assert shadowed(rules) == []
