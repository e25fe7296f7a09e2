"""From a model to a structural schema, as the API server defines it.

Structural means: every node has one type, nothing is said by reference, and what is said by `anyOf` repeats no type.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from modelfleet.api.model import Model
from modelfleet.api.rule import Rule, Transition, split, with_rules
from modelfleet.api.scalars.text import Text

ABSENT: tuple[Any, ...] = (None, [], {})
"""Defaults that say no more than leaving the field out."""

LENGTHS = {
    "array": {"minLength": "minItems", "maxLength": "maxItems"},
    "object": {"minLength": "minProperties", "maxLength": "maxProperties"},
}
"""What a length is called, by the type that has it: pydantic cannot see the type behind a validator of our own."""

Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, where Kubernetes means something else."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        # None is our word for a field that is not there. The API server drops nulls before it validates.
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        generated = super().default_schema(schema)
        return {name: value for name, value in generated.items() if name != "default" or value not in ABSENT}

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Model):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        return str(dft) if isinstance(dft, Text) else super().encode_default(dft)


def structural(model: type[Model]) -> Schema:
    """The structural schema of a model."""
    generated = model.model_json_schema(schema_generator=_Generator)
    schema: Schema = _inlined(generated, generated.get("$defs", {}))
    return schema


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema without references, and without what the API server refuses or has no use for."""
    if not isinstance(node, dict):
        return [_inlined(item, definitions) for item in node] if isinstance(node, list) else node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    lengths = LENGTHS.get(node.get("type", ""), {})
    kept = {lengths.get(name, name): value for name, value in node.items() if name not in ("title", "$defs")}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]  # unknown fields are pruned, or refused by strict clients
    if "properties" in kept:
        fields = kept.pop("properties")
        return {**kept, "properties": {name: _inlined(field, definitions) for name, field in fields.items()}}
    return {name: _inlined(value, definitions) for name, value in kept.items()}


def put_rules(schema: Schema, rules: tuple[Rule | Transition, ...]) -> Schema:
    """The schema, with each rule at the places that it names."""
    for rule in rules:
        for pattern in (rule.at,) if isinstance(rule, Transition) else rule.at:
            schema = _at(schema, split(pattern), partial(_ruled, rule=rule))
    return schema


def put_notes(schema: Schema, notes: Mapping[str, str]) -> Schema:
    """The schema, with each note behind the description of the field that it is about."""
    for pattern, note in notes.items():
        schema = _at(schema, split(pattern), partial(_noted, note=note))
    return schema


def _ruled(schema: Schema, rule: Rule | Transition) -> Schema:
    return with_rules(schema, rule)


def _noted(schema: Schema, note: str) -> Schema:
    return {**schema, "description": f"{schema['description']} {note}"}


def _at(schema: Schema, pattern: tuple[str, ...], change: Callable[[Schema], Schema]) -> Schema:
    """The schema, with the part that the pattern leads to changed."""
    if not pattern:
        return change(schema)
    step, rest = pattern[0], pattern[1:]
    if step != "*":
        fields = schema["properties"]
        return {**schema, "properties": {**fields, step: _at(fields[step], rest, change)}}
    children = "items" if schema["type"] == "array" else "additionalProperties"
    return {**schema, children: _at(schema[children], rest, change)}
