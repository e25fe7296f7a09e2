"""Kubernetes quantities, exactly: `1.5Gi`, `500m`, `2e3`; and maps of them, as in a pod's resources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from modelfleet.api.rule import HERE, Rule, unless, with_rules
from modelfleet.api.scalars.names import QUALIFIED
from modelfleet.api.scalars.text import cel_string, keys_rule, matcher
from modelfleet.findings import Path, Reason

NUMBER = r"([0-9]{1,15}(\.[0-9]{0,9})?|\.[0-9]{1,9})"
SUFFIX = "([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
GRAMMAR = NUMBER + SUFFIX
LONGEST = 32
BEYOND = 10**15
"""The first whole number that has more digits than the grammar takes."""

SCALES = {suffix: Fraction(1000) ** power for power, suffix in enumerate("num", start=-3)}
SCALES |= {suffix: Fraction(1000) ** power for power, suffix in enumerate(["", *"kMGTPE"])}
SCALES |= {f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}

_taken_apart = re.compile(f"(?P<number>{NUMBER})(?P<suffix>{SUFFIX})", re.ASCII)


def amount(text: str) -> Fraction:
    """The exact amount that a well formed quantity names."""
    parts = _taken_apart.fullmatch(text)
    assert parts, f"{text} is no quantity: its rule comes first"
    # A dot may stand at either end of a number in Kubernetes, at neither in Python.
    number, suffix = Fraction(f"0{parts['number']}0" if "." in text else parts["number"]), parts["suffix"]
    if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei":
        return number * Fraction(10) ** int(suffix[1:])
    return number * SCALES[suffix]


_matches = matcher(GRAMMAR)


def _holds(value: "str | int | Quantity") -> bool:
    if isinstance(value, int):
        return 0 < value < BEYOND  # not through its text: Python refuses to write the longest numbers
    text = str(value)
    return _matches(text) and amount(text) > 0


QUANTITY = Rule(
    name="quantity",
    cel=f"string(self).matches({cel_string(f'^{GRAMMAR}$')}) && quantity(string(self)).isGreaterThan(quantity('0'))",
    broken=unless(_holds),
    message="must be a Kubernetes quantity above 0, such as 24Gi, 1.5 or 500m",
    example="24 GB",
    reason=Reason.INVALID_VALUE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of something, as the user wrote it and exactly."""

    text: str
    amount: Fraction

    @classmethod
    def read(cls, value: Any) -> "Quantity":
        """The quantity of a text or of a whole number; pydantic's error for anything else."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise PydanticCustomError("quantity_type", "Input should be a quantity")
        if isinstance(value, str) and len(value) > LONGEST:
            raise PydanticCustomError("string_too_long", "Too long", {"max_length": LONGEST})
        if not _holds(value):
            raise QUANTITY.error(HERE)
        return cls(str(value), amount(str(value)))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kinds = [{"type": "integer"}, {"type": "string"}]
        return with_rules({"x-kubernetes-int-or-string": True, "anyOf": kinds, "maxLength": LONGEST}, QUANTITY)

    def __str__(self) -> str:
        return self.text


def _fractions(value: Mapping[str, Quantity]) -> list[Path]:
    return [(name,) for name, quantity in value.items() if "/" in name and not quantity.text.isdecimal()]


RESOURCE_NAMES = keys_rule(
    "resource-names",
    QUALIFIED,
    "each key must be a resource name such as cpu, memory or nvidia.com/gpu",
    "{'a gpu': 1}",
)
WHOLE_DEVICES = Rule(
    name="whole-devices",
    cel=r"self.all(key, !key.contains('/') || string(self[key]).matches(r'^[0-9]+$'))",
    broken=_fractions,
    message="a resource with a domain, such as nvidia.com/gpu, comes in whole numbers only",
    example="{nvidia.com/gpu: 500m}",
    reason=Reason.INVALID_VALUE,
)

Resources = Annotated[
    dict[str, Quantity],
    RESOURCE_NAMES,
    Field(min_length=1, max_length=16),
    WHOLE_DEVICES,
]
"""Amounts by resource name, as in a pod's requests."""
