"""What a pod asks of a node, reckoned as the scheduler does."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from modelfleet.fleet.amounts import thousandths
from modelfleet.fleet.raw import mapping, mappings, texts

Requests = tuple[tuple[str, int], ...]
"""Amounts in thousandths by the name of the resource, in the order of the names."""


def requests_of(spec: Mapping[str, Any]) -> Requests:
    """What a pod with this spec asks for. What is odd counts as not asked."""
    running: Counter[str] = Counter()
    most: dict[str, int] = {}
    for container in mappings(spec.get("initContainers")):
        asked = Counter(dict(_asked(container)))
        # One that is always restarted goes on running beside those that come after it; others come one at a time.
        if container.get("restartPolicy") == "Always":
            running += asked
            asked = Counter()
        most = _higher(most, running + asked)
    for container in mappings(spec.get("containers")):
        running += Counter(dict(_asked(container)))
    overhead = Counter(dict(_amounts(spec.get("overhead"))))
    every = Counter(_higher(most, running)) + overhead
    return _one(tuple(sorted({**every, **_of_pod(spec, overhead)}.items())))


def _of_pod(spec: Mapping[str, Any], overhead: Mapping[str, int]) -> dict[str, int]:
    """What is said of the pod as a whole, which counts before what its containers say."""
    return {name: number + overhead.get(name, 0) for name, number in _asked(spec)}


def _asked(container: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    return _amounts(mapping(container.get("resources")).get("requests"))


def _amounts(value: Any) -> Iterator[tuple[str, int]]:
    for name, text in texts(value).items():
        if number := thousandths(text, up=True):
            yield name, number


def _higher(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in (*one, *other)}


@lru_cache(maxsize=4096)
def _one(requests: Requests) -> Requests:
    """The same tuple for pods that ask for the same, as all replicas of a model do."""
    return requests
