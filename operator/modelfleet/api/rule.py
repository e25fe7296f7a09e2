"""What a schema cannot say, said once.

One `Rule` is the CEL rule of the CRD, the check in the models, an example that breaks it and its line in the
reference. The API server and we judge with two engines, so the two halves stand side by side where the eye can compare
them, and the message is one string.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from modelfleet.findings import Path, Reason

HERE: tuple[Path, ...] = ((),)
"""What a check answers when the value it was given is itself what is wrong."""

Check = Callable[[Any], Iterable[Path]]
"""Given a value, the places in it (relative paths) that break a rule; none when it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sentence of the API that a schema cannot say.

    `at` are paths such as `spec.tiers[*].models`; a rule that sits on a type instead (a duration, say) has none.
    `reads` are the paths below `at` that the rule depends on; a rule is judged as long as these are well formed, so
    that a mistake elsewhere never hides its finding. Whether something is there is read at its own path; what is in a
    list or map, with `[*]`. Empty means everything below.
    `field` is where the API server reports it below `at`; we report the exact places that `broken` names.
    """

    name: str
    cel: str
    broken: Check
    message: str
    example: str
    at: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    field: str = ""
    reason: Reason = Reason.INCONSISTENT

    def as_cel(self) -> dict[str, str]:
        """The rule as the API server takes it."""
        path = {"fieldPath": self.field} if self.field else {}
        return {"rule": self.cel, "message": self.message, **path}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._enforce, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_rules(handler(schema), self)

    def _enforce(self, value: Any) -> Any:
        if places := tuple(self.broken(value)):
            raise self.error(places)
        return value

    def error(self, places: tuple[Path, ...] = HERE) -> PydanticCustomError:
        """The mistake as pydantic carries it; `fleet.parse` turns it into findings, one for each place."""
        return PydanticCustomError(self.reason.value, self.message, {"places": places})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRule(Rule):
    """A rule about the keys of a map. We hold each key against it by itself, so that a wrong value hides no key."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        keys = core_schema.no_info_after_validator_function(self._enforce_key, core_schema.str_schema(strict=True))
        return {**schema, "keys_schema": keys}

    def _enforce_key(self, key: str) -> str:
        if tuple(self.broken((key,))):
            raise self.error()
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A rule about a change: what an update may not do. It needs the old object, so no single document breaks it.

    `broken` is asked with the old value and the new one; `example` is a spec before and after, as changes to a valid
    one.
    """

    name: str
    at: str
    cel: str
    broken: Callable[[Any, Any], bool]
    message: str
    example: tuple[str, str]

    def as_cel(self) -> dict[str, str]:
        """The rule as the API server takes it."""
        return {"rule": self.cel, "message": self.message}


def with_rules(schema: JsonSchemaValue, *rules: Rule | Transition) -> JsonSchemaValue:
    """The schema, with the rules beside those that it has."""
    known = schema.get("x-kubernetes-validations", [])
    return {**schema, "x-kubernetes-validations": [*known, *(rule.as_cel() for rule in rules)]}


def unless(holds: Callable[[Any], bool]) -> Check:
    """A check from a predicate: the value as a whole is right or wrong."""
    return lambda value: () if holds(value) else HERE


def judge(rules: Sequence[Rule], value: BaseModel, malformed: Sequence[Path] = ()) -> Iterator[tuple[Rule, Path]]:
    """Every place in the value where a rule is broken; rules that depend on a malformed place are left out."""
    for rule in rules:
        for pattern in rule.at:
            for path, node in locate(value, split(pattern)):
                if not any(_depends(rule, path, place) for place in malformed):
                    yield from ((rule, path + place) for place in rule.broken(node))


def split(pattern: str) -> tuple[str, ...]:
    """Take a pattern apart: `spec.tiers[*].models` is spec, tiers, *, models."""
    return tuple(pattern.replace("[*]", ".*").removeprefix(".").split(".")) if pattern else ()


def locate(value: Any, pattern: tuple[str, ...], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The places that a pattern names in a value, and what stands there; what was left out is not a place."""
    if value is None:
        return
    if not pattern:
        yield path, value
        return
    for step, child in _children(value, pattern[0]):
        yield from locate(child, pattern[1:], (*path, step))


def _children(value: Any, step: str) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        # A value that was salvaged from a malformed object may lack attributes.
        yield step, getattr(value, attributes(type(value))[step], None)
    elif step == "*":
        yield from value.items() if isinstance(value, Mapping) else enumerate(value)


@cache
def attributes(model: type[BaseModel]) -> Mapping[str, str]:
    """The names of a model's fields as users write them, and as Python does."""
    return {field.alias or name: name for name, field in model.model_fields.items()}


def _depends(rule: Rule, path: Path, place: Path) -> bool:
    """Whether the rule, judged at `path`, needs what stands at the malformed `place`."""
    if not rule.reads:
        return place[: len(path)] == path or path[: len(place)] == place
    # What is malformed below a place that is read is nothing to a rule that asks only whether something is there.
    reads = [path + split(pattern) for pattern in rule.reads]
    return any(len(place) <= len(read) and _fits(read[: len(place)], place) for read in reads)


def _fits(pattern: Path, place: Path) -> bool:
    return all(want in ("*", have) for want, have in zip(pattern, place, strict=True))
