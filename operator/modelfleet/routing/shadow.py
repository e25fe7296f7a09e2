"""Rules that never apply, because an earlier one takes all of their requests."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelfleet.api.routingpolicy.decision import RoutingRule, When
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.scalars.numbers import Comparison
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot

LARGEST = 10**12
"""Above every number that a comparison can name."""


def check_shadows(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Rules of which every request fits an earlier rule."""
    for policy in snapshot.policies.values():
        yield from _check(policy)


def _check(policy: RoutingPolicy) -> Iterator[Finding]:
    rules = policy.spec.rules or ()
    for index, rule in enumerate(rules):
        if earlier := next((other for other in rules[:index] if covers(other.when, rule.when)), None):
            yield _shadowed(policy, index, earlier)


def _shadowed(policy: RoutingPolicy, index: int, earlier: RoutingRule) -> Finding:
    return Finding(
        policy.key,
        ("spec", "rules", index, "name"),
        Reason.SHADOWED,
        f'never applies: whatever fits it fits the earlier rule "{earlier.name}"; move it up, or narrow that one',
        Severity.WARNING,
    )


def covers(wide: When | None, narrow: When | None) -> bool:
    """Whether every request that fits `narrow` fits `wide`. Sure where it says yes; it may miss odd combinations."""
    if wide is None or narrow is None:
        return wide is None
    for name in When.model_fields:
        asked, given = getattr(wide, name), getattr(narrow, name)
        if asked is not None and (given is None or not COVERS.get(name, _equal)(asked, given)):
            return False
    return True


def _equal(wide: Any, narrow: Any) -> bool:
    return bool(wide == narrow)


def _path(wide: str, narrow: str) -> bool:
    if wide.endswith("*"):
        return narrow.removesuffix("*").startswith(wide[:-1])
    return wide == narrow


def _headers(wide: Mapping[str, str], narrow: Mapping[str, str]) -> bool:
    asked, given = ({(name.lower(), value) for name, value in side.items()} for side in (wide, narrow))
    return asked <= given


def _comparison(wide: Comparison, narrow: Comparison) -> bool:
    (low, high), (least, most) = _range(wide), _range(narrow)
    return low <= least and most <= high


def _range(comparison: Comparison) -> tuple[int, int]:
    below = {"<": (0, comparison.number - 1), "<=": (0, comparison.number)}
    above = {">": (comparison.number + 1, LARGEST), ">=": (comparison.number, LARGEST)}
    return (below | above)[comparison.sign]


def _any_of(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return set(narrow) <= set(wide)


COVERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "path": _path,
    "headers": _headers,
    "prompt_bytes": _comparison,
    "max_tokens": _comparison,
    "missing": _any_of,
    "empty": _any_of,
}
