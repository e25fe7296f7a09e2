"""What changed from one status to the next, for those who follow the events of an object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.findings import Condition, Reason
from modelfleet.statuses.conditions import FALSE, TRUE, UNKNOWN, UNWANTED
from modelfleet.statuses.times import conditions_of

TOLD = frozenset(
    {Condition.READY, Condition.ACCEPTED, Condition.RESOLVED_REFS, Condition.PLACED, Condition.AVAILABLE}
    | {Condition.PROGRAMMED, Condition.CONFLICTED, Condition.DEGRADED}
)
FIRST = frozenset({Condition.READY})
"""Of an object that is new to us only the sum is told: it names what keeps it."""
CALM = frozenset({Reason.PENDING, Reason.STARTING, Reason.SCALED_TO_ZERO, Reason.NO_GATEWAY, Reason.FALLS_TO_TIER})
"""Reasons that only mean that something takes its time, or was asked for."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One condition that is not what it was."""

    type: str
    status: str
    reason: str
    message: str
    warning: bool
    """Whether somebody should look at it."""


def transitions(before: Any, after: Mapping[str, Any]) -> tuple[Transition, ...]:
    """The conditions whose status or reason changed; `before` is the status that stands on the object, or None."""
    return tuple(_transitions(before, after))


def _transitions(before: Any, after: Mapping[str, Any]) -> Iterator[Transition]:
    known = conditions_of(before)
    told = TOLD if known else FIRST
    for type_, condition in conditions_of(after).items():
        status, reason = condition["status"], condition["reason"]
        was = known.get(type_)
        if type_ not in told or (was is None and status == UNKNOWN):
            continue
        if was is None or (was.get("status"), was.get("reason")) != (status, reason):
            wished = FALSE if type_ in UNWANTED else TRUE
            yield Transition(type_, status, reason, condition["message"], status != wished and reason not in CALM)
