"""when: what a request must be like, in the terms of the script."""

from typing import Any

from modelfleet.api.routingpolicy.decision import When
from modelfleet.api.scalars.numbers import Comparison

HEADER = "header:"


def plan_condition(when: When | None) -> dict[str, Any]:
    """Everything that must hold, by the name of the field; nothing for every request."""
    if when is None:
        return {}
    conditions: dict[str, Any] = {
        "headers": when.headers and {name.lower(): value for name, value in when.headers.items()},
        "path": when.path and _path(when.path),
        "step": when.step,
        "feature": when.feature,
        "tenant": when.tenant,
        "class": when.class_,
        "promptBytes": when.prompt_bytes and _comparison(when.prompt_bytes),
        "maxTokens": when.max_tokens and _comparison(when.max_tokens),
        "tools": when.tools,
        "stream": when.stream,
        "missing": when.missing and [_item(item) for item in when.missing],
        "empty": when.empty and [_item(item) for item in when.empty],
    }
    return {name: condition for name, condition in conditions.items() if condition is not None}


def _path(path: str) -> dict[str, Any]:
    return {"text": path.removesuffix("*"), "prefix": path.endswith("*")}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {"sign": comparison.sign, "number": comparison.number}


def _item(item: str) -> dict[str, str]:
    return {"header": item.removeprefix(HEADER).lower()} if item.startswith(HEADER) else {"path": item}
