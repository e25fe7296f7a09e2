"""What is published to the API server, held against the rules that the API server and its tools have."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelfleet.api.crd import crd, object_schema, render_crds
from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import GROUP, VERSION
from tests.support.structural import (
    Schema,
    defaults_in_rules,
    list_faults,
    names_in,
    nodes,
    resolve,
    structural_faults,
    unbounded,
    undescribed,
)

CRDS = Path(__file__).resolve().parents[3] / "crds"
SHORT = {"HardwareClass": "hwc", "ModelDeployment": "mdep", "RoutingPolicy": "rpol"}
TEXT = {"type": "string", "description": "A text.", "maxLength": 5}
SOUND: Schema = {
    "type": "object",
    "properties": {
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "description": "What is asked for.",
            "properties": {
                "name": TEXT,
                "size": {
                    "x-kubernetes-int-or-string": True,
                    "anyOf": [{"type": "integer"}, {"type": "string"}],
                    "maxLength": 5,
                    "description": "A size.",
                },
                "items": {
                    "type": "array",
                    "description": "Some things.",
                    "maxItems": 2,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {"name": TEXT}},
                },
                "map": {
                    "type": "object",
                    "description": "Some more.",
                    "maxProperties": 2,
                    "additionalProperties": {"type": "string", "enum": ["a"]},
                },
            },
            "x-kubernetes-validations": [
                {"rule": "has(self.name) || self.map['size'] == 'a'", "message": "needs a name"}
            ],
        },
    },
}
Checker = Callable[[Schema], Iterator[str]]
CHECKERS: tuple[Checker, ...] = (structural_faults, undescribed, list_faults, unbounded, defaults_in_rules)

ITEMS, NAME, SIZE = ("spec", "items"), ("spec", "name"), ("spec", "size")
BROKEN: tuple[tuple[Checker, tuple[str, ...], Schema, str], ...] = (
    (structural_faults, (), {"type": "array", "items": TEXT}, ": the root is an object"),
    (structural_faults, NAME, {"type": None}, "spec.name: has no type"),
    (structural_faults, NAME, {"$ref": "#/x"}, "spec.name: $ref is forbidden"),
    (structural_faults, NAME, {"title": "Name"}, "spec.name: title is forbidden"),
    (structural_faults, SIZE, {"type": "string"}, "spec.size: a number or text has no type, and a fixed anyOf"),
    (structural_faults, SIZE, {"anyOf": []}, "spec.size: a number or text has no type, and a fixed anyOf"),
    (structural_faults, ("spec", "map"), {"properties": {}}, "spec.map: has fields and entries"),
    (structural_faults, ("spec", "map"), {"additionalProperties": False}, "spec.map: forbids further entries"),
    (structural_faults, ITEMS, {"items": None}, "spec.items: says nothing of its items"),
    (structural_faults, ("metadata",), {"description": "x"}, "metadata: nothing but its type may be said of it"),
    (structural_faults, NAME, {"anyOf": [{"type": "string"}]}, "spec.name: anyOf: type may not be said in here"),
    (structural_faults, NAME, {"allOf": [{"default": "x"}]}, "spec.name: allOf: default may not be said in here"),
    (structural_faults, NAME, {"not": {"description": "x"}}, "spec.name: not: description may not be said in here"),
    (structural_faults, NAME, {"not": {"oneOf": [{"x-a": 1}]}}, "spec.name: not: x-a may not be said in here"),
    (structural_faults, ("spec",), {"oneOf": [{"properties": {"b": {}}}]}, "spec: oneOf: b is no field outside"),
    (undescribed, NAME, {"description": " "}, "spec.name"),
    (undescribed, NAME, {"description": "No full stop"}, "spec.name"),
    (list_faults, ITEMS, {"x-kubernetes-list-type": None}, "spec.items: has no list type"),
    (list_faults, ITEMS, {"x-kubernetes-list-type": "set"}, "spec.items: is a set of things that cannot be compared"),
    (list_faults, ITEMS, {"x-kubernetes-list-map-keys": ["size"]}, "spec.items: its key size is not required"),
    (
        list_faults,
        ITEMS,
        {"x-kubernetes-list-map-keys": []},
        "spec.items: is a map without keys, or has keys without being one",
    ),
    (unbounded, ITEMS, {"maxItems": None}, "spec.items: no maxItems"),
    (unbounded, NAME, {"maxLength": None}, "spec.name: no maxLength"),
    (unbounded, SIZE, {"maxLength": None}, "spec.size: no maxLength"),
    (unbounded, ("spec", "map"), {"maxProperties": None}, "spec.map: no maxProperties"),
    (defaults_in_rules, NAME, {"default": "x"}, "spec.name: has a default and a part in: needs a name"),
)


def changed(schema: Schema, path: tuple[str, ...], change: dict[str, Any]) -> Schema:
    """The schema with one of its parts set anew; None removes a word."""
    schema = copy.deepcopy(schema)
    part = schema
    for step in path:
        part = part["properties"][step]
    part.update(change)
    for name in [name for name, value in change.items() if value is None]:
        del part[name]
    return schema


def version(kind: str) -> dict[str, Any]:
    versions: list[dict[str, Any]] = crd(KINDS[kind])["spec"]["versions"]
    assert len(versions) == 1
    return versions[0]


def part_of(kind: str, name: str) -> Schema:
    schema: Schema = object_schema(KINDS[kind])["properties"][name]
    return schema


def test_the_checkers_find_nothing_in_a_sound_schema() -> None:
    assert [fault for checker in CHECKERS for fault in checker(SOUND)] == []


@pytest.mark.parametrize(("checker", "path", "change", "complaint"), BROKEN)
def test_a_checker_complains_of_a_broken_schema(
    checker: Checker, path: tuple[str, ...], change: dict[str, Any], complaint: str
) -> None:
    assert complaint in list(checker(changed(SOUND, path, change)))


def test_texts_in_a_rule_are_not_taken_for_fields() -> None:
    assert names_in("has(self.a.b) && self.c.matches(r'x.y') && self.d.all(e, e.f == 'g.h')") == {
        "a",
        "b",
        "c",
        "d",
        "f",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_structural(kind: str) -> None:
    assert list(structural_faults(object_schema(KINDS[kind]))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: str) -> None:
    assert list(undescribed(object_schema(KINDS[kind]))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_says_how_it_is_merged(kind: str) -> None:
    assert list(list_faults(object_schema(KINDS[kind]))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_users_write_has_a_largest_size(kind: str) -> None:
    assert list(unbounded(part_of(kind, "spec"))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_with_a_default_takes_part_in_a_rule(kind: str) -> None:
    assert list(defaults_in_rules(part_of(kind, "spec"))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_called_as_promised(kind: str) -> None:
    published = crd(KINDS[kind])
    names, plural = published["spec"]["names"], published["spec"]["names"]["plural"]
    assert published["metadata"]["name"] == f"{plural}.{GROUP}"
    assert published["spec"]["group"] == GROUP
    assert (names["kind"], names["listKind"], names["singular"]) == (kind, f"{kind}List", kind.lower())
    assert names["shortNames"] == [SHORT[kind]]
    assert names["categories"] == ["modelfleet"]
    assert published["spec"]["scope"] == ("Cluster" if kind == "HardwareClass" else "Namespaced")


@pytest.mark.parametrize("kind", KINDS)
def test_status_is_a_subresource_of_its_own(kind: str) -> None:
    published = version(kind)
    assert (published["name"], published["served"], published["storage"]) == (VERSION, True, True)
    assert published["subresources"]["status"] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_shows_something_that_there_is(kind: str) -> None:
    published = version(kind)
    for column in published["additionalPrinterColumns"]:
        field = resolve(published["schema"]["openAPIV3Schema"], column["jsonPath"])
        assert field, column["jsonPath"]
        number = field.get("type") == "integer"
        assert (column["type"] == "integer") == number, column
        assert column["description"].endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_kubectl_get_shows_readiness_and_age_and_more_where_there_is_room(kind: str) -> None:
    columns = version(kind)["additionalPrinterColumns"]
    normal = [column["name"] for column in columns if not column.get("priority")]
    wide = [column["name"] for column in columns if column.get("priority") == 1]
    assert {"Ready", "Reason", "Age"} <= set(normal)
    assert "Message" in wide
    assert len(normal) + len(wide) == len(columns) == len(set(normal + wide))
    # kubectl shows the wide ones behind the others.
    assert [column["name"] for column in columns] == normal + wide


def test_a_model_can_be_scaled_and_nothing_else_can() -> None:
    assert {kind for kind in KINDS if "scale" in version(kind)["subresources"]} == {"ModelDeployment"}
    published = version("ModelDeployment")
    scale, schema = published["subresources"]["scale"], published["schema"]["openAPIV3Schema"]
    types = {"specReplicasPath": "integer", "statusReplicasPath": "integer", "labelSelectorPath": "string"}
    found = {name: resolve(schema, path) for name, path in scale.items()}
    assert {name: field and field["type"] for name, field in found.items()} == types


@pytest.mark.parametrize("path", [".spec.nothing", ".spec.scale.nothing.more", ".status.conditions[0].type"])
def test_a_path_that_leads_nowhere_is_seen(path: str) -> None:
    assert resolve(object_schema(KINDS["ModelDeployment"]), path) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_of_conditions_is_one_that_kubectl_wait_reads(kind: str) -> None:
    conditions = part_of(kind, "status")["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) >= {"type", "status", "lastTransitionTime", "reason", "message"}


def test_what_is_stored_is_what_is_generated() -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in CRDS.iterdir()}
    assert stored == render_crds()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_reads_back_as_what_was_meant(kind: str) -> None:
    text = render_crds()[f"{GROUP}_{KINDS[kind].KIND.plural}.yaml"]
    assert yaml.safe_load(text) == crd(KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_places_of_a_schema_are_found(kind: str) -> None:
    paths = [path for path, _ in nodes(object_schema(KINDS[kind]))]
    assert len(paths) == len(set(paths)) > 40
