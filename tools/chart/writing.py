"""Writes the chart's files that come from the model of its values: schema, values.yaml and the page for readers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tools.chart.base import Part
from tools.chart.values import Values, defaults

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Which every Helm reads. A description beside a reference is then for people alone."""
NOTE = "Generated from tools/chart by `make generate`; edit that."
README = f"""<!-- {NOTE} -->
# The chart of modelfleet

```
helm install modelfleet charts/modelfleet --namespace modelfleet --create-namespace
```

It needs Kubernetes 1.30 and Helm 3.14 or newer. docs/install.md tells how to install, upgrade, harden and remove it,
docs/rights.md what each right is for. Until the first release no image is published: docs/install.md tells how to make
one and name it. One release serves a cluster, or the namespaces of `watchNamespaces`; two releases never share a
namespace.

## Values

What is not in this table is refused.
"""


def render_schema() -> str:
    """The schema that Helm holds values to."""
    schema = _tidy(Values.model_json_schema(by_alias=True))
    return json.dumps({"$schema": DIALECT, "$comment": NOTE, **schema}, indent=2, ensure_ascii=False) + "\n"


def render_values() -> str:
    """The values as they are where nobody says otherwise, each with what it is for."""
    lines = [f"# {NOTE}", "# Every field is described in README.md, too.", ""]
    for name, value, text, part in _fields(Values, defaults()):
        lines += [f"# {text}", *_lines(name, value, part, ""), ""]
    return "\n".join(lines)


def render_readme() -> str:
    """The page that goes with the chart: how to install it, and a row for each value."""
    return f"{README}\n{_table()}"


def _table() -> str:
    rows = [f"| `{path}` | {text} | {_shown(value)} |" for path, value, text in _leaves(Values, defaults(), "")]
    return "\n".join(["| value | what it is | default |", "|---|---|---|", *rows, ""])


def _tidy(node: Any) -> Any:
    """Without the titles that pydantic makes of names, and with no name that a pattern does not allow."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    named = ("properties", "$defs")
    tidied = {
        key: {name: _tidy(one) for name, one in value.items()} if key in named else _tidy(value)
        for key, value in node.items()
        if key not in ("title", "default")
    }
    if "patternProperties" in tidied:
        tidied["additionalProperties"] = False
    return _without_null(tidied)


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    choices = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return {**{key: value for key, value in node.items() if key != "anyOf"}, **choices[0]}
    return node


def _fields(part: type[Part], values: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, type[Part] | None]]:
    for field, info in part.model_fields.items():
        name = info.alias or field
        inner = info.annotation if isinstance(info.annotation, type) and issubclass(info.annotation, Part) else None
        if name in values:
            yield name, values[name], info.description or "", inner


def _lines(name: str, value: Any, part: type[Part] | None, indent: str) -> Iterator[str]:
    if part is None or not value:
        yield from (indent + line for line in _plain({name: value}))
        return
    yield f"{indent}{name}:"
    for inner, its, text, of in _fields(part, value):
        yield f"{indent}  # {text}"
        yield from _lines(inner, its, of, f"{indent}  ")


def _plain(value: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=False, width=110).splitlines()


def _leaves(part: type[Part], values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any, str]]:
    for name, value, text, inner in _fields(part, values):
        if inner is None or not value:
            yield above + name, value, text
        else:
            yield from _leaves(inner, value, f"{above}{name}.")


def _shown(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`" if value not in ("", None) else ""
