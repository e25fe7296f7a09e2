"""From what pydantic says to what we say: one finding for each mistake, with the field and the fix."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from modelfleet.api.rule import attributes
from modelfleet.api.shape import field_at, type_at
from modelfleet.findings import Path, Reason

Problem = tuple[Path, Reason, str]
"""A finding that does not know its subject yet."""

SHOWN = 40

TYPES = {
    "string_type": "a string",
    "string_sub_type": "a string",
    "int_type": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of fields to values",
    "model_attributes_type": "a mapping of fields to values",
    "quantity_type": "a quantity such as 24Gi or 2",
}

RANGES = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "must have at least {} character(s)"),
    "string_too_long": ("max_length", "must have at most {} characters"),
    "too_short": ("min_length", "must have at least {} item(s): add one, or remove the field"),
    "too_long": ("max_length", "must have at most {} items"),
}


REASONS = frozenset(Reason)


def problems(model: type[BaseModel], errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """What is wrong with an object of this model, from what its validation said."""
    for error in errors:
        # A key of a map is reported behind the map's path, as an element of its own.
        path = error["loc"][:-1] if error["loc"][-1:] == ("[key]",) else error["loc"]
        yield from _problem(model, path, error)


def _problem(model: type[BaseModel], path: Path, error: ErrorDetails) -> Iterator[Problem]:
    kind, context = error["type"], error.get("ctx", {})
    if kind in REASONS:
        yield from _broken_rule(path, error, context)
    elif kind == "missing":
        yield path, Reason.REQUIRED, _required(model, path)
    elif kind == "extra_forbidden":
        yield path, Reason.UNKNOWN_FIELD, _unknown(model, path)
    elif kind in ("enum", "literal_error"):
        yield path, Reason.NOT_SUPPORTED, _not_supported(model, path, error)
    elif kind == "says_nothing":
        yield path, Reason.OUT_OF_RANGE, "says nothing: add a condition, or leave it out to mean every request"
    elif kind in RANGES:
        yield from _out_of_range(path, error, context)
    else:
        yield path, Reason.WRONG_TYPE, f"must be {TYPES[kind]}, not {shown(error['input'])}{_quotes(error)}"


def _quotes(error: ErrorDetails) -> str:
    lost = error["type"].startswith("string") and isinstance(error["input"], bool | int | float)
    return ": put it in quotes" if lost else ""


def _broken_rule(path: Path, error: ErrorDetails, context: Mapping[str, Any]) -> Iterator[Problem]:
    for place in context["places"]:
        yield path + place, Reason(error["type"]), error["msg"]


def _out_of_range(path: Path, error: ErrorDetails, context: Mapping[str, Any]) -> Iterator[Problem]:
    name, sentence = RANGES[error["type"]]
    bound = context[name]
    if error["type"] == "too_short" and len(error["input"]) >= bound:
        return  # pydantic counts the items that are well formed; those that are not have findings of their own
    yield path, Reason.OUT_OF_RANGE, sentence.format(int(bound) if bound == int(bound) else bound)


def _required(model: type[BaseModel], path: Path) -> str:
    field = field_at(model, path)
    assert field, f"{path} is required, so it is a field"
    return f"is required: {_lower_first(field.description or '')}"


def _lower_first(sentence: str) -> str:
    first = sentence.split(". ", maxsplit=1)[0].rstrip(".")
    return first if first[:2].isupper() else first[:1].lower() + first[1:]


def _unknown(model: type[BaseModel], path: Path) -> str:
    owner = type_at(model, path[:-1])
    known = list(attributes(owner))
    close = get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    if close:
        return f'is not a field here: did you mean "{close[0]}"?'
    return f"is not a field here: remove it, or use one of {', '.join(known)}"


def _not_supported(model: type[BaseModel], path: Path, error: ErrorDetails) -> str:
    owner = type_at(model, path)
    choices = [str(choice.value) for choice in owner]
    close = get_close_matches(str(error["input"]), choices, n=1, cutoff=0.6)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f"must be one of {', '.join(choices)}, not {shown(error['input'])}{hint}"


def shown(value: Any) -> str:
    """A value in a message: short, quoted where it is text, and on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value if len(value) <= SHOWN else value[: SHOWN - 3] + "..."
        return f'the text "{text.encode("unicode_escape").decode()}"'
    names = {dict: "a mapping", list: "a list", type(None): "null"}
    return names.get(type(value), f"the number {value}"[: SHOWN * 2])
