"""The base of every part of a resource, and the types that Kubernetes reads in its own way."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from modelfleet.findings import Path, Reason

T = TypeVar("T")


class Model(BaseModel):
    """A part of a resource: frozen, in camel case for users, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
String = Annotated[str, Strict()]

Ordered = Annotated[tuple[T, ...], Field(json_schema_extra={"x-kubernetes-list-type": "atomic"})]
"""A list whose order means something. Atomic: merged, a second owner's items would go in front of the first's."""


def _distinct(field: str = "") -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """A validator of lists whose items must differ, by themselves or by one field of theirs."""

    def validate(raw: Any, read: ValidatorFunctionWrapHandler) -> Any:
        twice = _repeated(raw, field)
        try:
            items = read(raw)
        except ValidationError as error:
            raise _also(error, twice) if twice else error from None
        if twice:
            raise twice
        return items

    return validate


def _repeated(raw: Any, field: str) -> PydanticCustomError | None:
    items = raw if isinstance(raw, list) else []
    names = (_name(item, field) if field else item for item in items)
    seen: set[str] = set()
    places: list[Path] = []
    for index, name in enumerate(names):
        if isinstance(name, str):  # whatever else it is, it is wrong, and that is said
            if name in seen:
                places.append((index, field) if field else (index,))
            seen.add(name)
    if not places:
        return None
    return PydanticCustomError(Reason.INCONSISTENT.value, "is listed twice: remove one of the two", {"places": places})


def _name(item: Any, field: str) -> Any:
    return item.get(field) if isinstance(item, dict) else None


def _also(error: ValidationError, other: PydanticCustomError) -> ValidationError:
    """The error with one more in it: an item that is malformed must not hide one that is there twice."""
    known = [
        InitErrorDetails(
            type=PydanticCustomError(line["type"], line["msg"], line.get("ctx")),
            loc=line["loc"],
            input=line["input"],
        )
        for line in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, [*known, InitErrorDetails(type=other, loc=(), input=None)])


Distinct = Annotated[
    tuple[T, ...],
    WrapValidator(_distinct()),
    Field(json_schema_extra={"x-kubernetes-list-type": "set"}),
]
"""A list without an order and without repetition; several owners may each apply items of their own."""

ByName = Annotated[
    tuple[T, ...],
    WrapValidator(_distinct("name")),
    Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
]
"""A list of things with names, each there once; several owners may each apply things of their own."""
