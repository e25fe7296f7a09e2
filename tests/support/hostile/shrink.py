"""The smallest part of a fleet that still goes wrong: objects, then fields and items, are taken away one at a time."""

import copy
from collections.abc import Callable
from typing import Any

from tests.support.paths import paths


def shrunk(documents: list[Any], fails: Callable[[list[Any]], bool], budget: int = 300) -> list[Any]:
    """What is left when nothing more can go, or when it was asked as often as the budget allows."""
    left = budget

    def still(candidate: list[Any]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(candidate)

    size = max(1, len(documents) // 2)
    while size:
        documents = _without_some(documents, size, still)
        size //= 2
    return _without_fields(documents, still)


def _without_some(documents: list[Any], size: int, still: Callable[[list[Any]], bool]) -> list[Any]:
    at = 0
    while at < len(documents):
        fewer = documents[:at] + documents[at + size :]
        if fewer and still(fewer):
            documents = fewer
        else:
            at += size
    return documents


def _without_fields(documents: list[Any], still: Callable[[list[Any]], bool]) -> list[Any]:
    """The largest places first: what goes with its parent need not be tried by itself."""
    tried = set()
    while True:
        places = [path for path in sorted(paths(documents), key=lambda path: (len(path), str(path))) if len(path) > 1]
        path = next((path for path in places if path not in tried), None)
        if path is None:
            return documents
        tried.add(path)
        fewer = copy.deepcopy(documents)
        holder: Any = fewer
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        if still(fewer):
            documents = fewer
