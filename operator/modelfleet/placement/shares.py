"""What each class has of a model in the end, with the reason why it has no more."""

from collections.abc import Iterator

from modelfleet.findings import Reason
from modelfleet.placement.cases import Case, Option
from modelfleet.placement.draft import Draft
from modelfleet.placement.news import lacking
from modelfleet.placement.result import Placement, Share
from modelfleet.placement.sentences import Sentences
from modelfleet.placement.stock import Stock
from modelfleet.placement.successors import leaving


def placement_of(draft: Draft, stock: Stock, sentences: Sentences) -> Placement:
    """The placement that a finished draft comes to."""
    case, shares = draft.case, tuple(_shares(draft, stock, sentences))
    stuck = frozenset(label for label, moment in case.stuck_at.items() if moment <= case.now)
    return Placement(shares, _wake_at(case, shares), stuck)


def _shares(draft: Draft, stock: Stock, sentences: Sentences) -> Iterator[Share]:
    case, (of_options, of_strays) = draft.case, leaving(draft)
    for index, option in enumerate(case.options):
        going, target = of_options[index], draft.counts[index]
        reason = _reason(draft, index, going, stock)
        message = sentences.of(draft, index, reason, going)
        yield Share(
            option.place.name, option.place.units, target + going, target, reason, message, _since(case, option, reason)
        )
    for option, going in zip(case.strays, of_strays, strict=True):
        if going:
            reason, message = Reason.LEAVING, sentences.stray(going)
            yield Share(option.place.name, option.place.units, going, 0, reason, message, _since(case, option, reason))


def _reason(draft: Draft, index: int, going: int, stock: Stock) -> Reason:
    case, option = draft.case, draft.case.options[index]
    if option.place.refusal:
        return Reason.LEAVING if going else option.place.refusal.reason
    if option.here.late:
        return Reason.UNSCHEDULABLE
    more_are_wanted = draft.behind(index) or draft.left
    if not (more_are_wanted or lacking(draft, index, stock) > 0):
        return Reason.CHOSEN if draft.counts[index] else Reason.NOT_NEEDED
    if case.is_blocked(option):
        return Reason.UNSCHEDULABLE
    return Reason.ROOM_AGAIN if draft.awaited[index] else Reason.FULL


def _since(case: Case, option: Option, reason: Reason) -> float:
    standing = option.standing
    # A pod that began to wait after that was another attempt, whose failure is news.
    anew = standing.reason != reason or (option.here.late and option.here.late_from > standing.since)
    return case.now if anew else standing.since or case.now


def _wake_at(case: Case, shares: tuple[Share, ...]) -> float | None:
    times = [share.since + case.return_after for share in shares if share.reason in TIMED]
    times += [case.late_at] if case.late_at is not None else []
    times += case.stuck_at.values()
    return min((time for time in times if time > case.now), default=None)


TIMED = frozenset({Reason.ROOM_AGAIN, Reason.UNSCHEDULABLE})
"""Reasons that are looked at again after `returnAfter`, whatever else happens."""
