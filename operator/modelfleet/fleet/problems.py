"""From what pydantic says to what we say: one finding for each mistake, with the field and the fix."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from modelfleet.api.rule import attributes
from modelfleet.api.shape import field_at, type_at
from modelfleet.findings import Path, Reason, printable

Problem = tuple[Path, Reason, str]
"""A finding that does not know its subject yet."""

SHOWN = 40

TYPES = {
    "string_type": "a string",
    "string_sub_type": "a string",
    "string_unicode": "a text of whole Unicode characters",
    "invalid_key": "a string",
    "int_type": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of fields to values",
    "model_attributes_type": "a mapping of fields to values",
    "quantity_type": "a quantity such as 24Gi or 2",
}

SOMETHING_ELSE = "of the type that kubectl explain shows"
"""What is said of errors that this module has not met yet."""

RANGES = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "must have at least {}"),
    "string_too_long": ("max_length", "must have at most {}"),
    "too_short": ("min_length", "must have at least {}: add one"),
    "too_long": ("max_length", "must have at most {}: remove some"),
}

COUNTED: Mapping[type, tuple[str, str]] = {
    str: ("character", "characters"),
    list: ("item", "items"),
    dict: ("entry", "entries"),
}
"""What a length counts, by what has the length."""


SLIPS = {"on": "retryOn", "true": "retryOn"}
"""Names that people write and that are not near enough. YAML makes true of a bare on, so no field is called so."""
MANY = 4
"""More fields than these are not told by the way."""

REASONS = frozenset(Reason)


def problems(model: type[BaseModel], errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """What is wrong with an object of this model, from what its validation said."""
    for error in errors:
        yield from _problem(model, _place(model, error), error)


def _place(model: type[BaseModel], error: ErrorDetails) -> Path:
    path = error["loc"]
    # What is wrong with a key of a map is reported behind the key, as "[key]"; a field may be called so too.
    is_key = path[-1:] == ("[key]",) and error["type"] != "extra_forbidden"
    return path[:-1] if is_key and get_origin(type_at(model, path[:-2])) is dict else path


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
        yield from _out_of_range(model, path, error)
    else:
        wanted = TYPES.get(kind, SOMETHING_ELSE)
        hint = _fields(model, path) if kind.startswith("model") else _quotes(error)
        yield path, Reason.WRONG_TYPE, f"must be {wanted}, not {shown(error['input'])}{hint}"


def _quotes(error: ErrorDetails) -> str:
    # A bool is a number to Python, and nothing that a quantity could be meant by.
    lost = {"string_type": (bool, int, float), "quantity_type": (float,)}.get(error["type"], ())
    return ": put it in quotes" if isinstance(error["input"], lost) else ""


def _broken_rule(path: Path, error: ErrorDetails, context: Mapping[str, Any]) -> Iterator[Problem]:
    for place in context["places"]:
        yield path + place, Reason(error["type"]), error["msg"]


def _out_of_range(model: type[BaseModel], path: Path, error: ErrorDetails) -> Iterator[Problem]:
    name, sentence = RANGES[error["type"]]
    bound, is_short = error["ctx"][name], error["type"] == "too_short"
    if is_short and len(error["input"]) >= bound:
        return  # pydantic counts the items that are well formed; those that are not have findings of their own
    field = field_at(model, path)
    remedy = ", or remove the field" if is_short and field and not field.is_required() else ""
    yield path, Reason.OUT_OF_RANGE, sentence.format(_counted(bound, error["input"])) + remedy


def _counted(bound: Any, value: Any) -> str:
    number = int(bound) if bound == int(bound) else bound
    one, many = COUNTED.get(type(value), ("", ""))
    return f"{number} {one if number == 1 else many}".rstrip()


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
    if close := _nearest(SLIPS.get(str(path[-1]), str(path[-1])), known):
        return f'is not a field here: did you mean "{close}"?'
    return f"is not a field here: remove it, or use one of {', '.join(known)}"


def _not_supported(model: type[BaseModel], path: Path, error: ErrorDetails) -> str:
    owner = type_at(model, path)
    choices = [str(choice.value) for choice in owner]
    given = error["input"]
    close = _nearest(given, choices) if isinstance(given, str) else ""
    hint = f'; did you mean "{close}"?' if close else ""
    return f"must be one of {', '.join(choices)}, not {shown(given)}{hint}"


def _fields(model: type[BaseModel], path: Path) -> str:
    owner = type_at(model, path)
    known = attributes(owner) if isinstance(owner, type) and issubclass(owner, BaseModel) else ()
    return f": its fields are {', '.join(known)}" if 1 < len(known) <= MANY else ""


def _nearest(text: str, known: Iterable[str]) -> str:
    """The known word that was meant, capitals or not; empty where none is near."""
    words = {word.lower(): word for word in known}
    found = get_close_matches(text.lower(), words, n=1, cutoff=0.6)
    return words[found[0]] if found else ""


def shown(value: Any) -> str:
    """A value in a message: short, quoted where it is text, and on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value if len(value) <= SHOWN else value[: SHOWN - 3] + "..."
        return f'the text "{printable(text)}"'
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**SHOWN):
        return f"the number {value}"
    # Python itself refuses to write the longest whole numbers.
    names = {int: f"a number of more than {SHOWN} digits", dict: "a mapping", list: "a list", type(None): "null"}
    return names.get(type(value), "something that is not JSON")
