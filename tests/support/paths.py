"""Where in a document something is."""

from collections.abc import Iterator
from typing import Any

from modelfleet.findings import Path


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a document, itself included."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in steps:
        yield from paths(child, (*path, step))
