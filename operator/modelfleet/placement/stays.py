"""First step: what is there stays there, within what is wanted and what maxUnits allows."""

from collections.abc import Sequence

from modelfleet.placement.bounds import Bounds
from modelfleet.placement.draft import Draft


def keep_what_is_there(drafts: Sequence[Draft], bounds: Bounds) -> None:
    """Fills the drafts with replicas that have a node, and with those that may still wait for one.

    Whoever has a node comes before whoever waits, over all models. Of one model a replica that waits on a class counts
    before one that runs on a less preferred class: it was made to take its place, and until it is ready that one runs
    on all the same.
    """
    bound = [_keep_bound(draft, bounds) for draft in drafts]
    for draft, kept in zip(drafts, bound, strict=True):
        _keep_waiting(draft, kept, bounds)
    bounds.settle()


def _keep_bound(draft: Draft, bounds: Bounds) -> list[int]:
    left, kept = draft.case.wanted, []
    for index, option in enumerate(draft.case.options):
        kept.append(bounds.keep(draft, index, min(left, option.lasting)))
        left -= kept[index]
    return kept


def _keep_waiting(draft: Draft, bound: Sequence[int], bounds: Bounds) -> None:
    left = draft.case.wanted
    for index, option in enumerate(draft.case.options):
        waiting = max(0, min(left - bound[index], option.pending))
        kept = bound[index] + (bounds.keep(draft, index, waiting) if waiting else 0)
        draft.counts[index] = min(left, kept)
        left -= draft.counts[index]
