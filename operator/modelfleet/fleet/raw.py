"""Reading objects of others, whose form is the API server's business: whatever is odd counts as not said."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.findings import Key

LARGEST = 2**31 - 1
WORDS = 1000
"""The longest text of somebody else's that goes into a sentence of ours."""

_BLANKS = re.compile(r"\s+")


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The items of a list that are mappings."""
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, Mapping):
            yield item


def text(value: Any) -> str:
    """The value where it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> dict[str, str]:
    """The entries of a mapping that are texts, or whole numbers, under names that are texts."""
    entries: Iterator[tuple[Any, Any]] = (
        (name, str(part) if _whole(part) else part) for name, part in mapping(value).items()
    )
    return {name: part for name, part in entries if isinstance(name, str) and isinstance(part, str)}


def count(value: Any, default: int = 0) -> int:
    """The value where it is a whole number from 0 on that Kubernetes could mean, else the default."""
    return value if _whole(value) else default


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def words(value: Any) -> str:
    """What somebody else says, on one line and of bounded length."""
    said = _BLANKS.sub(" ", text(value)[: 4 * WORDS]).strip()
    return said if len(said) <= WORDS else f"{said[: WORDS - 1]}…"


def identity(raw: Any, kind: str) -> tuple[Key, Mapping[str, Any]] | None:
    """Which object of others it is, and its metadata; None where that cannot be told."""
    metadata = mapping(mapping(raw).get("metadata"))
    name = text(metadata.get("name"))
    return (Key(kind, text(metadata.get("namespace")), name), metadata) if name else None


def condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """The condition of this type, empty where there is none."""
    return next((one for one in mappings(status.get("conditions")) if one.get("type") == type_), {})
