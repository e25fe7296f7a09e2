"""Last step: a replica that is to go stays until its successor is ready."""

from collections.abc import Sequence
from typing import NamedTuple

from modelfleet.placement.cases import Option
from modelfleet.placement.draft import Draft


class Leaving(NamedTuple):
    """Replicas that run on beyond what a class is to have."""

    options: Sequence[int]
    """In the order of the case's options."""
    strays: Sequence[int]
    """In the order of the case's strays."""


def leaving(draft: Draft) -> Leaving:
    """The replicas that stay for now: as many as are missing, those that serve first."""
    case = draft.case
    if not case.strays and all(
        option.here.bound <= count for option, count in zip(case.options, draft.counts, strict=True)
    ):
        return Leaving([0] * len(case.options), ())
    every: tuple[Option, ...] = (*case.options, *case.strays)
    counts = [*draft.counts, *([0] * len(case.strays))]
    met = sum(min(option.here.ready, count) for option, count in zip(every, counts, strict=True))
    missing = max(0, case.wanted - met)
    more = [0] * len(every)
    for serving in (True, False):
        for index, option in enumerate(every):
            there = (option.here.ready if serving else option.here.bound) - counts[index] - more[index]
            stays = min(missing, max(0, there))
            more[index] += stays
            missing -= stays
    return Leaving(more[: len(case.options)], more[len(case.options) :])
