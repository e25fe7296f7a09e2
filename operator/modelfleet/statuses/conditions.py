"""One condition of a status, the sentences in it, and the one that sums up the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

from modelfleet.api.meta import ConditionStatus
from modelfleet.findings import Condition, Finding, Reason, dotted, printable

MOST_SENTENCES = 5
LONGEST = 32768
"""The most characters that the API server takes as the message of a condition."""

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

UNWANTED = frozenset({Condition.OVERLAPPING, Condition.MISPLACED, Condition.CONFLICTED, Condition.DEGRADED})
"""Conditions that it is good not to be in."""


@dataclass(frozen=True, slots=True)
class Row:
    """One condition, as it is said of one generation of an object."""

    type: Condition
    status: ConditionStatus
    reason: Reason
    message: str

    @property
    def is_bad(self) -> bool:
        """Whether it is known not to be as one would wish."""
        return self.status is (TRUE if self.type in UNWANTED else FALSE)


def wire(rows: Iterable[Row], generation: int) -> dict[str, Any]:
    """The part of a status that all kinds have, as it is written."""
    conditions = [
        {
            "type": row.type.value,
            "status": row.status.value,
            "observedGeneration": generation,
            "reason": row.reason.value,
            "message": shortened(row.message),
        }
        for row in rows
    ]
    return {"observedGeneration": generation, "conditions": conditions}


def shortened(message: str) -> str:
    """The message on one line, and as long as may be: the same text for all of the thousands of objects that say it."""
    message = str(printable(message))  # a reason is a text, and of a type of its own
    return intern(message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…")


def sentences(said: Iterable[str]) -> str:
    """Several sentences as one message: each once, and not more of them than anybody reads."""
    distinct = tuple(dict.fromkeys(said))
    rest = len(distinct) - MOST_SENTENCES
    shown = distinct[:MOST_SENTENCES]
    return "; ".join((*shown, f"and {rest} more") if rest > 0 else shown)


def told(findings: Iterable[Finding]) -> str:
    """What was found, each with the field that it is about."""
    return sentences(f"{dotted(one.path)}: {one.message}" if one.path else one.message for one in findings)


def counted(number: int, noun: str) -> str:
    """So many of something: 1 node, 2 nodes."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unread(type_: Condition, kind: str, why: str) -> Row:
    """A condition of which nothing is known, since objects of a kind could not be read."""
    return Row(type_, UNKNOWN, Reason.NOT_READABLE, f"objects of the kind {kind} could not be read: {why}")


def ready(rows: Sequence[Row], message: str) -> Row:
    """All of these conditions together, the most fundamental first; the message is for when nothing speaks against it.

    What is known to be wrong counts before what is not known.
    """
    against = next((row for row in rows if row.is_bad), None)
    if against:
        return Row(Condition.READY, FALSE, against.reason, against.message)
    open_ = next((row for row in rows if row.status is UNKNOWN), None)
    if open_:
        return Row(Condition.READY, UNKNOWN, open_.reason, open_.message)
    return Row(Condition.READY, TRUE, Reason.READY, message)
