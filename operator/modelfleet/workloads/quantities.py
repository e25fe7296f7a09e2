"""Amounts of resources as the API server writes them: what is stored is then, to the letter, what was sent."""

from fractions import Fraction
from math import ceil
from typing import Final

from modelfleet.api.scalars.quantity import Quantity

_MOST: Final = 2**63 - 1
"""No quantity is larger: the API server takes what is for this."""
_MILLI: Final = 1000
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = ("", "k", "M", "G", "T", "P", "E")


def times(quantity: Quantity, units: int) -> str:
    """So many times the quantity, in the form that it is stored in."""
    return canonical(quantity.amount * units, binary=quantity.text.endswith("i"))


def canonical(amount: Fraction, *, binary: bool) -> str:
    """The amount without a fraction and with the largest suffix; `binary` where it was given in powers of 1024."""
    # Finer than a thousandth is rounded up where a pod asks for it.
    milli = min(ceil(amount * _MILLI), _MOST * _MILLI)
    whole, rest = divmod(milli, _MILLI)
    if rest:
        return f"{milli}m"
    # A number without a suffix is read as a decimal one, whatever it comes from.
    if binary and whole % 1024 == 0:
        return _scaled(whole, 1024, _BINARY)
    return _scaled(whole, 1000, _DECIMAL)


def _scaled(number: int, base: int, suffixes: tuple[str, ...]) -> str:
    power = 0
    while power + 1 < len(suffixes) and number % base == 0:
        number //= base
        power += 1
    return f"{number}{suffixes[power]}"
