"""The base of every part of a resource, and the types that Kubernetes reads in its own way."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from modelfleet.findings import Reason

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


def _distinct(raw: Any, read: ValidatorFunctionWrapHandler) -> Any:
    values = raw if isinstance(raw, list) else []
    places = tuple((index,) for index, value in enumerate(values) if value in values[:index])
    twice = PydanticCustomError(Reason.INCONSISTENT.value, "is listed twice: remove the repetition", {"places": places})
    try:
        items = read(raw)
    except ValidationError as error:
        raise _also(error, twice) if places else error from None
    if places:
        raise twice
    return items


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
    WrapValidator(_distinct),
    Field(json_schema_extra={"x-kubernetes-list-type": "set"}),
]
"""A list without an order and without repetition; several owners may each apply items of their own."""
