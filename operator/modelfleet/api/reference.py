"""The reference of all fields and rules, from the same schemas that the API server has."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.api.crd import object_schema
from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.api.resource import Resource
from modelfleet.api.schema import Schema

HEAD = f"""# Reference

Generated from the models by `make generate`; edit those. Group and version: `{API_VERSION}`. The same text is in
`kubectl explain`, field by field. A rule is refused by the API server and by `modelfleet lint` with the same words.
"""


def render_reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_kind(kind) for kind in KINDS.values())])


def _kind(resource: type[Resource]) -> str:
    kind, schema = resource.KIND, object_schema(resource)
    scope = "namespaced" if kind.namespaced else "cluster-scoped"
    fields = schema["properties"]
    examples = {rule.message: rule.example for rule in resource.RULES}
    lines = [
        f"## {kind.name}",
        "",
        f"{resource.__doc__} Short name `{kind.short}`, {scope}.",
        "",
        "| field | type | description |",
        "|---|---|---|",
        *_fields("spec", fields["spec"], required=True),
        "",
        "### Rules",
        "",
        "| where | what is said when it is broken | for example |",
        "|---|---|---|",
        *(_rule(path, message, examples.get(message)) for path, message in _rules("spec", fields["spec"])),
        "",
        "### Status",
        "",
        "| field | type | description |",
        "|---|---|---|",
        *_fields("status", fields["status"], required=False),
        "",
    ]
    return "\n".join(lines)


def _fields(path: str, schema: Schema, *, required: bool) -> Iterator[str]:
    extras = [part for part in (_default(schema), _bounds(schema), "required" if required else "") if part]
    described = f"{_type(schema)}, {', '.join(extras)}" if extras else _type(schema)
    yield f"| `{path}` | {_cell(described)} | {_cell(schema.get('description', ''))} |"
    for name, child, needed in _children(schema):
        yield from _fields(path + name, child, required=needed)


def _children(schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    """The fields below; the items of a list and the values of a map only where they have fields themselves."""
    for name, child in schema.get("properties", {}).items():
        yield f".{name}", child, name in schema.get("required", ())
    for holder, step in (("items", "[]"), ("additionalProperties", ".*")):
        for name, child in schema.get(holder, {}).get("properties", {}).items():
            yield f"{step}.{name}", child, name in schema[holder].get("required", ())


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "x-kubernetes-int-or-string" in schema:
        return "quantity"
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return str(schema["type"])


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or isinstance(default, Mapping):
        return ""
    values = default if isinstance(default, list) else [default]
    return f"default {', '.join(f'`{_plain(value)}`' for value in values)}"


def _bounds(schema: Schema) -> str:
    if schema["type"] not in ("integer", "number") if "type" in schema else True:
        return ""
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = [f"from {_plain(low)}"] if low is not None else []
    return " ".join([*bounds, f"to {_plain(high)}"] if high is not None else bounds)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rules(path: str, schema: Schema) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, child in schema.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", child)
    for holder, step in (("items", "[]"), ("additionalProperties", ".*")):
        if holder in schema:
            yield from _rules(path + step, schema[holder])


def _rule(path: str, message: str, example: str | None) -> str:
    return f"| `{path}` | {_cell(message)} | {f'`{_cell(example)}`' if example else ''} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
