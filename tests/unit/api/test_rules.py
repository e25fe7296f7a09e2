"""Each rule beside its example: an example that broke another rule, or none, would teach the wrong thing."""

from collections import Counter

import pytest
import yaml

from modelfleet.api.crd import object_schema
from modelfleet.api.kinds import KINDS
from modelfleet.api.resource import Resource
from modelfleet.api.rule import Rule, Transition, split
from modelfleet.api.schema import Schema
from modelfleet.api.shape import type_at
from modelfleet.findings import Path
from tests.support.documents import document, findings, valid

RULES = [pytest.param(kind, rule, id=f"{name}-{rule.name}") for name, kind in KINDS.items() for rule in kind.RULES]
TRANSITIONS = [
    pytest.param(kind, change, id=f"{name}-{change.name}")
    for name, kind in KINDS.items()
    for change in kind.TRANSITIONS
]


def lies_below(path: Path, pattern: str) -> bool:
    wanted = split(pattern)
    return len(path) >= len(wanted) and all(want in ("*", have) for want, have in zip(wanted, path, strict=False))


def schema_at(schema: Schema, pattern: tuple[str, ...]) -> Schema:
    for step in pattern:
        if step == "*":
            schema = schema["items"] if "items" in schema else schema["additionalProperties"]
        else:
            schema = schema["properties"][step]
    return schema


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_document_of_a_kind_has_nothing_wrong_with_it(kind: str) -> None:
    assert findings(document(kind)) == ()


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_an_example_breaks_its_rule_and_no_other(kind: type[Resource], rule: Rule) -> None:
    found = findings(document(kind.KIND.name, rule.example))
    assert {(finding.reason, finding.message) for finding in found} == {(rule.reason, rule.message)}
    for finding in found:
        assert any(lies_below(finding.path, pattern) for pattern in rule.at), finding.path


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_what_a_rule_reads_and_reports_exists(kind: type[Resource], rule: Rule) -> None:
    assert rule.at
    schema = object_schema(kind)
    for pattern in rule.at:
        assert rule.as_cel() in schema_at(schema, split(pattern))["x-kubernetes-validations"]
        schema_at(schema_at(schema, split(pattern)), split(rule.field))
        for read in rule.reads:
            assert type_at(kind, split(pattern) + split(read)) is not None, read


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_of_a_kind_has_a_name_and_an_example_of_its_own(kind: str) -> None:
    names = Counter(rule.name for rule in KINDS[kind].RULES)
    examples = Counter(rule.example for rule in KINDS[kind].RULES)
    assert [text for text, count in (names + examples).items() if count > 1] == []


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_a_message_is_one_line_that_says_what_to_do(kind: type[Resource], rule: Rule) -> None:  # noqa: ARG001
    assert "\n" not in rule.message
    assert not rule.message.endswith(".")
    # The path says where; before the colon stands what is wrong, behind it what to do.
    assert all(part.strip() for part in rule.message.partition(": "))


@pytest.mark.parametrize(("kind", "change"), TRANSITIONS)
def test_a_forbidden_change_is_refused_in_both_directions(kind: type[Resource], change: Transition) -> None:
    before, after = (
        getattr(valid(document(kind.KIND.name, example)), change.at)  # the examples are changes of the spec
        for example in change.example
    )
    assert change.broken(before, after)
    assert change.broken(after, before)


@pytest.mark.parametrize(("kind", "change"), TRANSITIONS)
def test_a_forbidden_change_is_about_nothing_else(kind: type[Resource], change: Transition) -> None:
    for example in change.example:
        spec = getattr(valid(document(kind.KIND.name, example)), change.at)
        assert not change.broken(spec, spec)


@pytest.mark.parametrize(("kind", "change"), TRANSITIONS)
def test_a_forbidden_change_is_in_the_schema(kind: type[Resource], change: Transition) -> None:
    assert change.as_cel() in schema_at(object_schema(kind), split(change.at))["x-kubernetes-validations"]
    assert "oldSelf" in change.cel


def test_examples_are_yaml_that_changes_the_spec() -> None:
    for kind in KINDS.values():
        fields = object_schema(kind)["properties"]["spec"]["properties"].keys()
        for rule in kind.RULES:
            assert yaml.safe_load(rule.example).keys() <= fields, rule.name
