"""Second step: replicas come back to classes that are preferred to theirs, once these have had room for long enough."""

from modelfleet.findings import Reason
from modelfleet.placement.cases import Case, Option
from modelfleet.placement.draft import Draft
from modelfleet.placement.promises import Promises

NOT_REFUSED = frozenset({"", Reason.CHOSEN, Reason.NOT_NEEDED})
"""What is said of a class that took every replica that it was to take: only the order of the list can be new then."""
WAITED_OUT = frozenset({Reason.ROOM_AGAIN, Reason.UNSCHEDULABLE})
"""What is said of a class from which time alone is left to wait for."""


def come_back(draft: Draft, promises: Promises) -> None:
    """Moves replicas to better classes with room, or puts the room by until they may come."""
    for index, option in enumerate(draft.case.options):
        behind = draft.behind(index)
        if not behind:
            return
        if option.place.refusal or draft.case.is_blocked(option):
            continue
        replicas = min(behind, promises.spare(draft, index))
        if replicas and _may_come(draft.case, option):
            promises.bring(draft, index, replicas)
        elif replicas:
            promises.put_by(draft, index, replicas)
            draft.awaited[index] = replicas


def _may_come(case: Case, option: Option) -> bool:
    standing = option.standing
    return standing.reason in NOT_REFUSED or (standing.reason in WAITED_OUT and case.is_over(standing.since))
