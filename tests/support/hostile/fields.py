"""Every field that a user can write, by walking the models; and those that are in a document."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from modelfleet.api.kinds import KINDS
from modelfleet.api.rule import attributes
from modelfleet.api.shape import bare

Place = tuple[str, ...]


def fields() -> set[Place]:
    """All of them, with `*` for an item of a list and for an entry of a map whose keys are the user's."""
    return {(kind, *place) for kind, model in KINDS.items() for place in _fields(model)}


def _fields(annotation: Any) -> Iterator[Place]:
    here = bare(annotation)
    if isinstance(here, type) and issubclass(here, BaseModel):
        for alias, name in attributes(here).items():
            yield (alias,)
            yield from ((alias, *place) for place in _fields(here.model_fields[name].annotation))
    elif get_origin(here) in (tuple, dict):
        yield from (("*", *place) for place in _fields(get_args(here)[-1 if get_origin(here) is dict else 0]))


def fields_in(raw: Any) -> set[Place]:
    """The fields that a valid document has."""
    return {(raw["kind"], *place) for place in _found(KINDS[raw["kind"]], raw)}


def _found(annotation: Any, raw: Any) -> Iterator[Place]:
    here = bare(annotation)
    if isinstance(here, type) and issubclass(here, BaseModel):
        names = attributes(here)
        for alias, value in raw.items():
            yield (alias,)
            yield from ((alias, *place) for place in _found(here.model_fields[names[alias]].annotation, value))
    elif get_origin(here) is tuple:
        yield from (("*", *place) for item in raw for place in _found(get_args(here)[0], item))
    elif get_origin(here) is dict:
        yield from (("*", *place) for item in raw.values() for place in _found(get_args(here)[1], item))
