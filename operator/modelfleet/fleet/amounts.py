"""Amounts that nodes have and pods ask for, as whole thousandths: added up by the thousand, they must be cheap."""

from functools import lru_cache

from modelfleet.api.scalars.quantity import GRAMMAR, amount
from modelfleet.api.scalars.text import matcher

_matches = matcher(GRAMMAR)


@lru_cache(maxsize=4096)
def thousandths(text: str, *, up: bool = False) -> int | None:
    """The thousandths of a quantity, rounded down as for what there is, or up as for what is asked; None for others."""
    if not _matches(text):
        return None
    exact = amount(text) * 1000
    return -(-exact.numerator // exact.denominator) if up else exact.numerator // exact.denominator
