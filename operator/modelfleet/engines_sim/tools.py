"""Arguments for a tool call, built from the tool's schema, so that whoever offers tools sees them called properly."""

from collections.abc import Mapping
from typing import Any

_DEEPEST = 5
_LONGEST = 256


def example(schema: object, name: str = "value", root: object = None, depth: int = 0) -> Any:
    """A value that the schema allows, as far as a simulation needs: the simplest there is, and always the same."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return name
    root = schema if root is None else root
    if isinstance(schema.get("$ref"), str):
        return example(_resolved(schema["$ref"], root), name, root, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(word), list) and schema[word]:
            return example(schema[word][0], name, root, depth + 1)
    given = _given(schema)
    return given[0] if given else _typed(schema, name, root, depth)


def _given(schema: Mapping[str, Any]) -> list[Any]:
    """The values that the schema itself names."""
    named = [schema[word] for word in ("const", "default") if word in schema]
    for word in ("enum", "examples"):
        listed = schema.get(word)
        named += listed[:1] if isinstance(listed, list) else []
    return named


def _typed(schema: Mapping[str, Any], name: str, root: object, depth: int) -> Any:
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object" | None:
            properties = schema.get("properties")
            known = properties if isinstance(properties, Mapping) else {}
            return {key: example(part, key, root, depth + 1) for key, part in known.items()}
        case "array":
            items = schema.get("items", {"type": "string"})
            return [example(items, name, root, depth + 1)] * min(_bound(schema, "minItems", 1), _LONGEST)
        case "integer" | "number":
            return _bound(schema, "minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return name.ljust(min(_bound(schema, "minLength", 0), _LONGEST), ".")[
                : _bound(schema, "maxLength", _LONGEST)
            ]


def _bound(schema: Mapping[str, Any], word: str, otherwise: int) -> int:
    bound = schema.get(word)
    return bound if isinstance(bound, int) and not isinstance(bound, bool) else otherwise


def _resolved(reference: str, root: object) -> object:
    """Where in the root a reference such as `#/$defs/City` points."""
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
