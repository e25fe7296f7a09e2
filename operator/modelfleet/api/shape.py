"""What a model looks like from outside: which field stands at a path, and what can be built of half a document."""

from collections.abc import Collection
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from modelfleet.api.rule import attributes
from modelfleet.findings import Path


def bare(annotation: Any) -> Any:
    """The type itself, without what is said about it and without None."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return bare(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field that the path ends in; None where it ends in an item, a map's entry, or nowhere."""
    owner = type_at(model, path[:-1]) if path else None
    if not (isinstance(owner, type) and issubclass(owner, BaseModel)):
        return None
    name = attributes(owner).get(str(path[-1]))
    return owner.model_fields[name] if name else None


def type_at(model: Any, path: Path) -> Any:
    """The bare type of what stands at a path; None where nothing can."""
    here = bare(model)
    for step in path:
        here = bare(_child(here, step))
    return here


def _child(here: Any, step: str | int) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        name = attributes(here).get(str(step))
        return here.model_fields[name].annotation if name else None
    if get_origin(here) is tuple:
        return get_args(here)[0]
    return get_args(here)[1] if get_origin(here) is dict else None


def as_served(annotation: Any, raw: Any) -> Any:
    """What the API server makes of a document: a null in a field or a map is as good as absent, and 2.0 is an integer.

    A null in a field that does not exist stays, for the field is what is wrong. Half a surrogate pair is U+FFFD. A
    quantity of 2.0 stays, being neither of the two things that a quantity may be.
    """
    here = bare(annotation)
    if isinstance(raw, dict) and isinstance(here, type) and issubclass(here, BaseModel):
        names = attributes(here)
        return {
            _whole(alias): as_served(here.model_fields[names[alias]].annotation if alias in names else None, value)
            for alias, value in raw.items()
            if value is not None or alias not in names
        }
    if isinstance(raw, dict) and get_origin(here) is dict:
        return {_whole(key): as_served(get_args(here)[1], value) for key, value in raw.items() if value is not None}
    if isinstance(raw, list) and get_origin(here) is tuple:
        return [as_served(get_args(here)[0], value) for value in raw]
    return int(raw) if here is int and isinstance(raw, float) and raw.is_integer() else _whole(raw)


def _whole(value: Any) -> Any:
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def salvage(annotation: Any, raw: Any, bad: Collection[Path], path: Path = ()) -> Any:
    """The value of a malformed document as far as it goes: what is bad is left out, an item of a list is None."""
    here = bare(annotation)
    if path in bad:
        return None
    if isinstance(here, type) and issubclass(here, BaseModel):
        return _salvage_model(here, raw, bad, path)
    if get_origin(here) is tuple:
        item = get_args(here)[0]
        return tuple(salvage(item, value, bad, (*path, index)) for index, value in enumerate(raw))
    if get_origin(here) is dict:
        entry = get_args(here)[1]
        return {key: salvage(entry, value, bad, (*path, key)) for key, value in raw.items()}
    return _adapter(here).validate_python(raw)


def _salvage_model(model: type[BaseModel], raw: Any, bad: Collection[Path], path: Path) -> BaseModel:
    values = {
        alias: salvage(model.model_fields[name].annotation, raw[alias], bad, (*path, alias))
        for alias, name in attributes(model).items()
        if alias in raw and (*path, alias) not in bad
    }
    return model.model_construct(**values)


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)
