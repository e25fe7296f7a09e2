"""What a published schema must be like, as complaints: by the rules of Kubernetes, and by those of this project.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

JUNCTORS = ("allOf", "anyOf", "oneOf")
TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})
FORBIDDEN = frozenset(
    {"$ref", "$defs", "definitions", "dependencies", "deprecated", "discriminator", "id", "patternProperties"}
    | {"additionalItems", "readOnly", "writeOnly", "xml", "uniqueItems", "title", "const", "examples"}
)
OUTSIDE = frozenset({"type", "description", "default", "additionalProperties", "nullable"})
"""What may not be said inside a junctor."""
INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every place that a value can have, and its schema: fields, items, entries of maps."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}" if path else name)
    for holder, step in (("items", "[*]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(holder), dict):
            yield from nodes(schema[holder], path + step)


def structural_faults(schema: Schema) -> Iterator[str]:
    """Why the API server would refuse the schema."""
    if schema.get("type") != "object":
        yield ": the root is an object"
    for path, node in nodes(schema):
        yield from (f"{path}: {fault}" for fault in _faults(node))
        if path == "metadata" and node.keys() - {"type"}:
            yield f"{path}: nothing but its type may be said of it"


def _faults(node: Schema) -> Iterator[str]:
    yield from (f"{name} is forbidden" for name in sorted(FORBIDDEN & node.keys()))
    mixed = node.get("x-kubernetes-int-or-string")
    if mixed and ("type" in node or node.get("anyOf") != INT_OR_STRING):
        yield "a number or text has no type, and a fixed anyOf"
    elif not mixed and node.get("type") not in TYPES:
        yield "has no type"
    if "properties" in node and "additionalProperties" in node:
        yield "has fields and entries"
    if node.get("additionalProperties") is False:
        yield "forbids further entries"
    if node.get("type") == "array" and not isinstance(node.get("items"), dict):
        yield "says nothing of its items"
    for name in (*JUNCTORS, "not"):
        if name in node and not (mixed and name == "anyOf"):
            parts = [node[name]] if name == "not" else node[name]
            yield from (f"{name}: {fault}" for part in parts for fault in _junctor_faults(part, node))


def _junctor_faults(part: Schema, outside: Schema) -> Iterator[str]:
    for name in sorted(part):
        if name in OUTSIDE or name.startswith("x-"):
            yield f"{name} may not be said in here"
    unknown = part.get("properties", {}).keys() - outside.get("properties", {}).keys()
    yield from (f"{name} is no field outside" for name in sorted(unknown))
    for name in (*JUNCTORS, "not"):
        inner = part.get(name, [])
        for deeper in [inner] if isinstance(inner, dict) else inner:
            yield from _junctor_faults(deeper, outside)


def undescribed(schema: Schema) -> Iterator[str]:
    """The fields of which nothing is said."""
    for path, node in nodes(schema):
        if path and path != "metadata" and not path.endswith("*]") and not path.endswith(".*"):
            description = node.get("description", "")
            if not (description.strip() and description.endswith(".")):
                yield path


def list_faults(schema: Schema) -> Iterator[str]:
    """Lists that do not say how they are merged, or say it in a way that cannot be."""
    for path, node in nodes(schema):
        if node.get("type") == "array":
            yield from (f"{path}: {fault}" for fault in _list_faults(node))


def _list_faults(node: Schema) -> Iterator[str]:
    kind, items = node.get("x-kubernetes-list-type"), node["items"]
    if kind not in ("atomic", "set", "map"):
        yield "has no list type"
    if kind == "set" and items.get("type") in ("array", "object"):
        yield "is a set of things that cannot be compared"
    keys = node.get("x-kubernetes-list-map-keys", [])
    if (kind == "map") != bool(keys):
        yield "is a map without keys, or has keys without being one"
    for key in keys:
        if key not in items.get("required", []) and "default" not in items.get("properties", {}).get(key, {}):
            yield f"its key {key} is not required"
        if items.get("properties", {}).get(key, {}).get("type") not in ("string", "integer"):
            yield f"its key {key} is no scalar"


def unbounded(schema: Schema) -> Iterator[str]:
    """What has no largest size. The API server prices a rule by the largest value that it could be given."""
    for path, node in nodes(schema):
        kind = node.get("type")
        if kind == "array" and "maxItems" not in node:
            yield f"{path}: no maxItems"
        if kind == "object" and "additionalProperties" in node and "maxProperties" not in node:
            yield f"{path}: no maxProperties"
        is_text = kind == "string" or node.get("x-kubernetes-int-or-string")
        if is_text and not node.keys() & {"maxLength", "enum", "format"}:
            yield f"{path}: no maxLength"


def defaults_in_rules(schema: Schema) -> Iterator[str]:
    """Fields that a rule of an enclosing object reads, and that have a default.

    Defaults are written before rules are judged: the author would be told of a value that is nowhere in the file.
    """
    for path, node in nodes(schema):
        for rule in node.get("x-kubernetes-validations", []):
            for name in names_in(rule["rule"]):
                for where, field in _fields_called(name, path, node):
                    if "default" in field:
                        yield f"{where}: has a default and a part in: {rule['message']}"


def names_in(cel: str) -> set[str]:
    """The names of fields that an expression may read."""
    return set(re.findall(r"\.([A-Za-z_][A-Za-z0-9_]*)\b(?!\()", re.sub(r"r?'[^']*'", "''", cel)))


def _fields_called(name: str, path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    return ((where, field) for where, field in nodes(node, path) if where != path and where.endswith(f".{name}"))


def resolve(schema: Schema, path: str) -> Schema | None:
    """The schema at a path of a printer column or a scale subresource; None where there is none."""
    condition = r'\.status\.conditions\[\?\(@\.type=="[A-Za-z]+"\)\]\.(\w+)'
    if match := re.fullmatch(condition, path):
        conditions = schema["properties"]["status"]["properties"]["conditions"]
        return _field(conditions["items"], match[1])
    if path == ".metadata.creationTimestamp":
        return {"type": "string", "format": "date-time"}  # the API server's own
    here: Schema | None = schema
    for step in path.removeprefix(".").split("."):
        here = _field(here, step) if here else None
    return here


def _field(schema: Schema, name: str) -> Schema | None:
    field: Schema | None = schema.get("properties", {}).get(name)
    return field
