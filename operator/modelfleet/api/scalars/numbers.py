"""Numbers that are written as text, because JSON would round them or because a sign goes with them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

from modelfleet.api.rule import Rule
from modelfleet.api.scalars.text import Text, pattern_rule


@dataclass(frozen=True, slots=True)
class Price(Text):
    """An amount of money, exact."""

    amount: Decimal

    LONGEST: ClassVar[int] = 19
    RULE: ClassVar[Rule] = pattern_rule(
        "price",
        r"[0-9]{1,9}(\.[0-9]{1,9})?",
        'must be a decimal number in quotes, such as "0.71": digits, and a point with digits if need be',
        "'0,71'",
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The price that the text names."""
        return cls(text, Decimal(text))


@dataclass(frozen=True, slots=True)
class Share(Text):
    """A part of a whole."""

    percent: int

    LONGEST: ClassVar[int] = 4
    RULE: ClassVar[Rule] = pattern_rule(
        "share", "([1-9][0-9]?|100)%", "must be a percentage from 1% to 100%, such as 20%", "'0.2'"
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The share that the text names."""
        return cls(text, int(text[:-1]))


@dataclass(frozen=True, slots=True)
class Overprovisioning(Text):
    """How much more than its fair share something is counted for."""

    percent: int

    LONGEST: ClassVar[int] = 5
    RULE: ClassVar[Rule] = pattern_rule(
        "overprovisioning", "([1-9][0-9]{2}|1000)%", "must be a percentage from 100% to 1000%, such as 140%", "90%"
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The factor that the text names, in percent."""
        return cls(text, int(text[:-1]))


_COMPARISON = "(<|<=|>|>=)[0-9]{1,12}"


@dataclass(frozen=True, slots=True)
class Comparison(Text):
    """A number and on which side of it to be."""

    sign: str
    number: int

    LONGEST: ClassVar[int] = 14
    RULE: ClassVar[Rule] = pattern_rule(
        "comparison",
        _COMPARISON,
        "must be a comparison with a whole number, such as >100000 or <=512",
        "'100000'",
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The comparison that the text names."""
        number = text.lstrip("<>=")
        return cls(text, text.removesuffix(number), int(number))


@dataclass(frozen=True, slots=True)
class Bound(Text):
    """What stands behind a name in `classify`: up to which score, everything else, or which tier in doubt."""

    below: Decimal | None
    """The score below which the tier is taken; None for `else` and for the name of a tier."""

    LONGEST: ClassVar[int] = 63
    RULE: ClassVar[Rule] = pattern_rule(
        "classify-bound",
        r"<(0|1|0\.[0-9]{1,6}|1\.0{1,6})|[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a score from 0 to 1 such as <0.35, or else, or behind unsure the name of a tier",
        "'>0.35'",
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The bound that the text names."""
        return cls(text, Decimal(text[1:]) if text.startswith("<") else None)
