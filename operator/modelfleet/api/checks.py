"""Checks that several rules share, in both tongues."""

from collections.abc import Callable, Sequence
from typing import Any

from modelfleet.api.rule import Check
from modelfleet.findings import Path


def repeated(of: Callable[[Any], Any] = lambda item: item, *field: str) -> Check:
    """Finds the items of a list that repeat an earlier one, by themselves or by one field of theirs."""

    def places(items: Sequence[Any]) -> list[Path]:
        names = [of(item) for item in items]
        return [(index, *field) for index, name in enumerate(names) if name in names[:index]]

    return places


def unique_in_cel(field: str = "") -> str:
    """The same in CEL."""
    item, other = (f"{name}.{field}" if field else name for name in ("a", "b"))
    return f"self.all(a, self.exists_one(b, {item} == {other}))"
