"""Durations as Gateway API writes them (GEP-2257): `30s`, `1h30m`, `250ms`."""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from modelfleet.api.rule import Rule, unless
from modelfleet.api.scalars.text import Text, cel_string, matcher
from modelfleet.findings import Reason

GRAMMAR = "([0-9]{1,5}(h|m|s|ms)){1,4}"
MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
SHORTEST_MS, LONGEST_MS = 1, 720 * MILLISECONDS["h"]

_matches = matcher(GRAMMAR)
_part = re.compile("([0-9]+)(ms|h|m|s)", re.ASCII)


def milliseconds(text: str) -> int:
    """The length of a well formed duration."""
    return sum(int(number) * MILLISECONDS[unit] for number, unit in _part.findall(text))


def _holds(text: str) -> bool:
    return _matches(text) and SHORTEST_MS <= milliseconds(text) <= LONGEST_MS


@dataclass(frozen=True, slots=True)
class Duration(Text):
    """A length of time, exact to the millisecond."""

    milliseconds: int

    LONGEST: ClassVar[int] = 32
    RULE: ClassVar[Rule] = Rule(
        name="duration",
        cel=f"self.matches({cel_string(f'^{GRAMMAR}$')}) && duration(self) >= duration('1ms')"
        " && duration(self) <= duration('720h')",
        broken=unless(_holds),
        message="must be a duration from 1ms to 720h, such as 30s or 1h30m: whole numbers with h, m, s or ms",
        example="30 seconds",
        reason=Reason.INVALID_VALUE,
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """The duration that the text names."""
        return cls(text, milliseconds(text))
