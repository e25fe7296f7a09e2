"""Compares what was asked for with what the chart grants, and tells whatever is missing and whatever is extra."""

from collections.abc import Iterator, Mapping

from tests.rights.audit import Call, Seen, Who
from tests.rights.granted import ROLES, Mode, Right, rights

EVERYBODY = tuple(Who(role, mode) for role in ROLES for mode in Mode)


def judged(seen: Mapping[Who, Seen]) -> list[str]:
    """A line for each right that is missing, and for each that is extra; of each role in each mode."""
    return [line for who in EVERYBODY for line in compared(who, seen.get(who, Seen()), rights(who.role, who.mode))]


def compared(who: Who, seen: Seen, granted: set[Right]) -> Iterator[str]:
    """The same of one role in one mode."""
    known = {right[1:] for right in granted}
    # One that is granted, and refused all the same, is one that came a moment later than who uses it.
    asked: dict[Right | Call, int] = {call: times for call, times in seen.refused.items() if call not in known}
    asked |= {right: times for right, times in seen.allowed.items() if right not in granted}
    for call, times in sorted(asked.items()):
        right = call if isinstance(call, Right) else Right("", *call)
        how = f"by {right.part}" if isinstance(call, Right) else "refused"
        yield f"missing: {who} {right} (asked for {times} times, {how}, e.g. {seen.paths[call]})"
    for right in sorted(granted - seen.allowed.keys()):
        yield f"extra: {who} {right} (granted by {right.part}, never used)"


def told(seen: Mapping[Who, Seen]) -> str:
    """What was compared, in a line."""
    sizes = (f"{who} {len(seen.get(who, Seen()).allowed)} rights" for who in EVERYBODY)
    asked = sum(sum(one.allowed.values()) for one in seen.values())
    refused = sum(sum(one.refused.values()) for one in seen.values())
    return f"{asked:,} requests, and {refused:,} refused: {', '.join(sizes)}"
