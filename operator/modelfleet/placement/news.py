"""Third step: replicas that are not there yet get a class, with room if there is one, else one to wait on."""

from modelfleet.findings import Reason
from modelfleet.placement.bounds import Bounds
from modelfleet.placement.cases import Option
from modelfleet.placement.draft import Draft
from modelfleet.placement.ledger import PLENTY
from modelfleet.placement.stock import Stock

CLOSED = frozenset({Reason.HARDWARE_CLASS_NOT_FOUND, Reason.REF_NOT_PERMITTED})
"""Refusals of classes on which nothing may even wait."""


def place_new(draft: Draft, bounds: Bounds, stock: Stock) -> None:
    """Gives replicas the first class that takes them, as many as find room there going by the pods with a node.

    Who of several models that want the last unit gets it is the scheduler's business, so those that wait for it too do
    not count; and a model with a priority is offered a full class, since the scheduler may clear it.
    """
    for index, option in enumerate(draft.case.options):
        if not draft.left:
            return
        if not option.place.refusal and not draft.case.is_blocked(option):
            room = PLENTY if draft.case.may_preempt else max(0, -lacking(draft, index, stock))
            bounds.give(draft, index, min(draft.left, room, bounds.afford(draft, index)))


def place_the_rest(draft: Draft, bounds: Bounds, stock: Stock) -> None:
    """Lets replicas without room wait somewhere: a cluster autoscaler acts on pods, and the scheduler says what it
    thinks of them.
    """
    if not draft.left:
        return
    options = draft.case.options
    for index in sorted(range(len(options)), key=lambda index: _rank(draft, options[index], stock)):
        refused = options[index].place.refusal
        if not (refused and refused.reason in CLOSED):
            bounds.give(draft, index, min(draft.left, bounds.afford(draft, index)))


def lacking(draft: Draft, index: int, stock: Stock) -> int:
    """How many replicas of the draft find no node on a class; negative where more would."""
    option = draft.case.options[index]
    if option.place.is_open:
        return -PLENTY
    coming = max(0, draft.counts[index] - option.lasting)
    return coming - option.fading - stock.fit(option.place.lot)


def _rank(draft: Draft, option: Option, stock: Stock) -> int:
    """How good a class is to wait on, the lowest first; the order of the list decides between equals."""
    if option.place.refusal:
        return 4
    if not draft.case.is_blocked(option):
        return 0
    if not option.here.late and stock.fit(option.place.lot):
        return 1  # nothing serves meanwhile, so it is asked again before its time
    return 2 if option.here.late else 3  # else they may as well wait where they are
