"""From raw objects to values: what counts as absent, as a number, as one's own, and as the same object."""

from typing import Any

import pytest

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key, Reason
from modelfleet.fleet.parse import Foreign, Invalid, Valid, parse_object
from modelfleet.fleet.problems import problems, shown
from tests.support.documents import document, findings, hardware_class, model, policy, valid


def complaints(raw: Any) -> list[tuple[str, Reason]]:
    return [(".".join(map(str, finding.path)), finding.reason) for finding in findings(raw)]


def test_a_null_is_as_good_as_absent() -> None:
    raw = model()
    raw["spec"] |= {"external": None, "placement": None, "scale": {"replicas": None, "max": None}}
    raw["metadata"] |= {"labels": None, "creationTimestamp": None}
    resource = valid(raw)
    assert isinstance(resource, ModelDeployment)
    assert resource.spec.scale
    assert (resource.spec.external, resource.spec.scale.replicas, resource.spec.scale.max) == (None, 1, None)


def test_a_null_in_a_map_is_as_good_as_absent() -> None:
    resource = valid(hardware_class(nodes={"selector": {"pool": "a", "gone": None}}))
    assert isinstance(resource, HardwareClass)
    assert resource.spec.nodes.selector == {"pool": "a"}


def test_a_null_where_something_is_required_is_missing() -> None:
    raw = model()
    raw["spec"]["model"] = None
    assert complaints(raw) == [("spec.model", Reason.REQUIRED)]


def test_a_null_in_a_list_is_an_item() -> None:
    assert complaints(model(engine={"name": "sim", "args": [None]})) == [("spec.engine.args.0", Reason.WRONG_TYPE)]


def test_a_null_in_a_field_that_does_not_exist_is_still_a_field() -> None:
    raw = model()
    raw["spec"]["nothing"] = None
    assert complaints(raw) == [("spec.nothing", Reason.UNKNOWN_FIELD)]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    resource = valid(model(scale={"replicas": 2.0}))
    assert isinstance(resource, ModelDeployment)
    assert resource.spec.scale
    assert (resource.spec.scale.replicas, type(resource.spec.scale.replicas)) == (2, int)


@pytest.mark.parametrize("value", [2.5, float("nan"), float("inf"), -float("inf")])
def test_what_is_not_whole_is_refused_where_a_whole_number_stands(value: float) -> None:
    assert complaints(model(scale={"replicas": value})) == [("spec.scale.replicas", Reason.WRONG_TYPE)]


def test_a_whole_number_is_taken_where_a_fraction_may_stand() -> None:
    resource = valid(policy(classifier={"tau": 1}))
    assert isinstance(resource, RoutingPolicy)
    assert resource.spec.classifier
    assert resource.spec.classifier.tau == 1


def test_parsing_leaves_the_raw_object_as_it_is() -> None:
    raw = model(scale={"replicas": 2.0, "max": None})
    before = repr(raw)
    parse_object(raw, "team-a")
    assert repr(raw) == before


def test_a_value_knows_its_defaults() -> None:
    resource = valid(policy())
    assert isinstance(resource, RoutingPolicy)
    assert resource.spec.serves.gateways == ("default",)
    assert resource.spec.mode == "Enforce"


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (model(), Key("ModelDeployment", "somewhere", "m")),
        (model(namespace="team-a"), Key("ModelDeployment", "team-a", "m")),
        (hardware_class(), Key("HardwareClass", "", "gpu")),
    ],
)
def test_an_object_without_a_namespace_is_where_it_is_applied(raw: Any, key: Key) -> None:
    parsed = parse_object(raw, "somewhere")
    assert isinstance(parsed, Valid)
    assert parsed.key == parsed.resource.key == key


def test_a_class_has_no_namespace_whatever_it_says() -> None:
    raw = hardware_class()
    raw["metadata"]["namespace"] = "team-a"
    parsed = parse_object(raw)
    assert isinstance(parsed, Valid)
    assert parsed.key == parsed.resource.key == Key("HardwareClass", "", "gpu")


def test_identity_and_generation_are_kept_even_of_what_is_invalid() -> None:
    raw = model(work="broken")
    raw["metadata"] |= {"uid": "u-1", "generation": 7}
    parsed = parse_object(raw)
    assert isinstance(parsed, Invalid)
    assert (parsed.uid, parsed.generation, parsed.key.name) == ("u-1", 7, "m")


@pytest.mark.parametrize("metadata", [None, "m", [], {"name": 5}, {"uid": 5, "generation": "x", "namespace": {}}])
def test_identity_is_read_as_far_as_it_can_be(metadata: Any) -> None:
    parsed = parse_object({**model(), "metadata": metadata})
    assert isinstance(parsed, Invalid)
    assert (parsed.key, parsed.uid, parsed.generation) == (Key("ModelDeployment", "default", ""), "", 0)


def test_objects_of_other_groups_are_nobody_s_business() -> None:
    raw = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"}, "spec": "?"}
    assert parse_object(raw) == Foreign(Key("Deployment", "b", "a"))


def test_a_version_that_does_not_exist_is_told_before_anything_else() -> None:
    raw = {**document("ModelDeployment", "work: broken"), "apiVersion": "modelfleet.dev/v9"}
    assert complaints(raw) == [("apiVersion", Reason.UNKNOWN_VERSION)]


def test_halves_of_surrogate_pairs_become_what_the_api_server_makes_of_them() -> None:
    raw = model()
    raw["metadata"]["annotations"] = {"note": "a\ud800b"}
    assert valid(raw).metadata.annotations == {"note": "a\ufffdb"}


def test_rules_are_judged_beside_what_is_malformed() -> None:
    raw = model(scale={"replicas": "many", "min": 4, "max": 2})
    assert complaints(raw) == [("spec.scale.replicas", Reason.WRONG_TYPE), ("spec.scale", Reason.INCONSISTENT)]


def test_a_rule_is_not_judged_on_what_is_malformed() -> None:
    assert complaints(model(scale={"min": "four", "max": 2})) == [("spec.scale.min", Reason.WRONG_TYPE)]


def test_an_unknown_field_hides_no_rule() -> None:
    raw = model(scale={"min": 4, "max": 2, "minn": 1})
    assert complaints(raw) == [("spec.scale.minn", Reason.UNKNOWN_FIELD), ("spec.scale", Reason.INCONSISTENT)]


def test_what_is_no_variable_repeats_no_name() -> None:
    engine = {"name": "sim", "env": ["", ""]}
    assert complaints(model(engine=engine)) == [
        ("spec.engine.env.0", Reason.WRONG_TYPE),
        ("spec.engine.env.1", Reason.WRONG_TYPE),
    ]


def test_a_condition_of_nothing_but_stray_fields_is_told_and_not_raised() -> None:
    rules = [{"name": "a", "when": {"colour": "red"}, "tier": "light"}]
    assert complaints(policy(rules=rules)) == [("spec.rules.0.when.colour", Reason.UNKNOWN_FIELD)]


def test_a_field_may_be_called_like_pydantic_s_mark_of_a_key() -> None:
    assert complaints(model("{'[key]': 1}")) == [("spec.[key]", Reason.UNKNOWN_FIELD)]
    assert complaints(hardware_class(nodes={"selector": {"[key]": "a"}})) == [
        ("spec.nodes.selector.[key]", Reason.INVALID_VALUE)
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        (5, "the number 5"),
        (0.5, "the number 0.5"),
        ([1], "a list"),
        ({"a": 1}, "a mapping"),
        ("grün", 'the text "grün"'),
        ("a\nb\x1b\u202e", 'the text "a\\nb\\x1b\\u202e"'),
        ("x" * 50, f'the text "{"x" * 37}..."'),
        (object(), "something that is not JSON"),
    ],
)
def test_a_value_in_a_message_is_short_and_harmless(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_number_that_python_refuses_to_write_is_shown_too() -> None:
    assert shown(10**40) == shown(-(10**5000)) == "a number of more than 40 digits"


def test_an_error_that_nobody_has_met_yet_is_a_finding_all_the_same() -> None:
    error: Any = {"type": "from_a_newer_pydantic", "loc": ("spec", "family"), "msg": "?", "input": [1]}
    message = "must be of the type that kubectl explain shows, not a list"
    assert list(problems(HardwareClass, [error])) == [(("spec", "family"), Reason.WRONG_TYPE, message)]
