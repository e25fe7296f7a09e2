"""How a text with a grammar becomes a type: one rule for the API server, one parser for us."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modelfleet.api.rule import HERE, KeysRule, Rule, unless, with_rules
from modelfleet.findings import Reason


def pattern_rule(name: str, pattern: str, message: str, example: str) -> Rule:
    """A rule that a text holds when it matches as a whole; the pattern is in the common part of RE2 and Python's."""
    return Rule(
        name=name,
        cel=f"self.matches({cel_string(f'^({pattern})$')})",
        broken=unless(matcher(pattern)),
        message=message,
        example=example,
        reason=Reason.INVALID_VALUE,
    )


def keys_rule(name: str, pattern: str, message: str, example: str) -> KeysRule:
    """A rule that a map holds when each of its keys matches as a whole; a schema has no word about keys."""
    matches = matcher(pattern)
    return KeysRule(
        name=name,
        cel=f"self.all(key, key.matches({cel_string(f'^({pattern})$')}))",
        broken=lambda keys: [(key,) for key in keys if not matches(key)],
        message=message,
        example=example,
        reason=Reason.INVALID_VALUE,
    )


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches. ASCII, as in RE2: else Python's classes know more letters and digits."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def cel_string(text: str) -> str:
    """A CEL literal. Raw, so that the backslashes of a pattern stay what they are."""
    return f"r'{text}'"


@dataclass(frozen=True, slots=True)
class Text(ABC):
    """A text that was parsed: what the user wrote, and below it what it means.

    A subclass names its rule and its longest text, and reads the text in `parse`, which is called for texts that hold
    the rule only.
    """

    text: str

    RULE: ClassVar[Rule]
    LONGEST: ClassVar[int]

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """The value of a text that holds the rule."""

    @classmethod
    def _read(cls, text: str) -> Self:
        # Who writes 20.5% is helped by the rule's words, and not by a count of characters.
        if len(text) > cls.LONGEST or tuple(cls.RULE.broken(text)):
            raise cls.RULE.error(HERE)
        return cls.parse(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls._read,
            core_schema.str_schema(strict=True),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_rules({**handler(schema), "maxLength": cls.LONGEST}, cls.RULE)

    def __str__(self) -> str:
        return self.text
