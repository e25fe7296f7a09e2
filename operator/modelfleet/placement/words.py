"""Numbers and names as sentences about placement have them."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """So many of something: 1 node, 2 nodes."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """These one after the other: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
