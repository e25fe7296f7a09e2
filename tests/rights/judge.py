"""Compares what was asked for with what the chart grants, and tells whatever is missing and whatever is extra."""

from collections.abc import Iterator, Mapping

from tests.rights.audit import Seen, Who
from tests.rights.granted import ROLES, Mode, Right, rights

EXTRA = "extra"
EVERYBODY = tuple(Who(role, mode) for role in ROLES for mode in Mode)


def judged(seen: Mapping[Who, Seen]) -> list[str]:
    """A line for each right that is missing, and for each that is extra; of each role in each mode."""
    return [line for who in EVERYBODY for line in compared(who, seen.get(who, Seen()), rights(who.role, who.mode))]


def compared(who: Who, seen: Seen, granted: set[Right]) -> Iterator[str]:
    """The same of one role in one mode."""
    for spot, times in sorted(seen.refused.items()):
        where = f"refused to {spot.user} in {spot.namespace or 'the whole cluster'}"
        yield f"missing: {who} {Right('', *spot.call)} (asked for {times} times, {where}, e.g. {seen.paths[spot]})"
    for right in sorted(seen.allowed.keys() - granted):
        how = f"asked for {seen.allowed[right]} times, by {right.part}"
        yield f"missing: {who} {right} ({how}, e.g. {seen.paths[right]})"
    for right in sorted(granted - seen.allowed.keys()):
        yield f"{EXTRA}: {who} {right} (granted by {right.part}, never used)"


def told(seen: Mapping[Who, Seen]) -> str:
    """What was compared, in a line."""
    sizes = (f"{who} {len(seen.get(who, Seen()).allowed)} rights" for who in EVERYBODY)
    asked = sum(sum(one.allowed.values()) for one in seen.values())
    late = sum(one.late for one in seen.values())
    return f"{asked:,} requests, and {late:,} refused that were served later: {', '.join(sizes)}"
