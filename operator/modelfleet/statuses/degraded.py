"""Whether requests have to fall, and how far: the ladders of a policy, walked with what is known of its models.

They are walked as gateways do it: which model of a tier gets a request is drawn before anybody knows whether it can be
asked, and where it cannot, the request goes on to the next rung. So where one of two models of a tier is gone, its
share of the requests falls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tiers import weight
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.routingpolicy.tiers import WeightedModel
from modelfleet.findings import Condition, Reason
from modelfleet.routing.reach import wanted_tiers
from modelfleet.statuses.conditions import FALSE, TRUE, UNKNOWN, Row, sentences
from modelfleet.statuses.judged import Judged
from modelfleet.statuses.supply import Blindness, Lack, Supply
from modelfleet.statuses.verdict import not_judged

TYPE = Condition.DEGRADED
WANTED, ANSWER, NOTHING = "wanted", "answer", "none"
"""What the rungs are called that are no tier to fall to."""


class Rung(NamedTuple):
    """One rung above the answer: a tier, or the models of a rule."""

    tier: str
    models: Sequence[WeightedModel]

    def lost(self, why: Mapping[str, str]) -> list[str]:
        """Those of its models with a share that cannot be asked."""
        return [model.name for model in self.models if model.name in why and weight(model)]

    def loses_all(self, why: Mapping[str, str]) -> bool:
        """Whether none of its requests can be answered here."""
        return all(model.name in why for model in self.models if weight(model))


@dataclass(frozen=True, slots=True)
class Fall:
    """How far down requests of one kind get."""

    reason: Reason
    index: int
    """The place on the ladder; behind its last rung where nothing is left."""
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Degraded:
    """The condition, and what stands beside it in the status."""

    row: Row
    more: dict[str, Any] = field(default_factory=dict)


def degraded(judged: Judged, supply: Supply, *, wrong: bool) -> Degraded:
    """Which rung requests take now, by the worst of the ways in which they begin.

    What is `wrong` is judged only where it is in force all the same, because it became wrong by something else.
    """
    policy, version = judged.resource, judged.in_force
    stays = version is not None and version.generation == judged.generation
    if not isinstance(policy, RoutingPolicy) or (wrong and not stays):
        return Degraded(not_judged(TYPE))
    lacks = supply.lacks(policy)
    if isinstance(lacks, Blindness):
        return Degraded(Row(TYPE, UNKNOWN, Reason.NOT_READABLE, f"{lacks.what} could not be read: {lacks.why}"))
    return supply.recall.of(("degraded", policy.key), _degraded, policy.spec, lacks)


def _degraded(spec: RoutingPolicySpec, lacks: tuple[Lack, ...]) -> Degraded:
    # All of them come to the same end, as they share what is below: one takes it a rung later than another.
    falls = sorted(falls_of(spec, lacks), key=lambda fall: fall.index, reverse=True)
    if not falls:
        row = Row(TYPE, FALSE, Reason.AS_WANTED, "whatever requests want has a ready replica")
        return Degraded(row, _rung(0, WANTED))
    worst = falls[0]
    row = Row(TYPE, TRUE, worst.reason, sentences(fall.said for fall in falls))
    return Degraded(row, _rung(worst.index, worst.name))


def _rung(index: int, name: str) -> dict[str, Any]:
    return {"rung": {"index": index, "name": name}}


def falls_of(spec: RoutingPolicySpec, lacks: Sequence[Lack]) -> Iterator[Fall]:
    """How far requests fall, for each way in which one may begin and has to."""
    why = dict(lacks)
    below = tuple(_below(spec)) if why else ()
    answers = any(rung.answer for rung in spec.degrade or ())
    for what, first in _beginnings(spec) if why else ():
        ladder = (first, *(rung for rung in below if rung.tier != first.tier))
        if first.lost(why):
            yield _fall(what, ladder, why, answers=answers)


def _beginnings(spec: RoutingPolicySpec) -> Iterator[tuple[str, Rung]]:
    """What a request may want, and how one calls that."""
    wanted = wanted_tiers(spec)
    for tier in spec.tiers:
        if tier.name in wanted:
            yield f'tier "{tier.name}"', Rung(tier.name, tier.models)
    for rule in spec.rules or ():
        if rule.models:
            yield f'rule "{rule.name}"', Rung("", rule.models)
        if rule.when is None:
            return  # no request gets to a later one


def _below(spec: RoutingPolicySpec) -> Iterator[Rung]:
    tiers = {tier.name: tier.models for tier in spec.tiers}
    return (Rung(rung.tier, tiers[rung.tier]) for rung in spec.degrade or () if rung.tier)


def _fall(what: str, ladder: Sequence[Rung], why: Mapping[str, str], *, answers: bool) -> Fall:
    """Where the unluckiest of these requests end."""
    passed = list(takewhile(lambda rung: rung.lost(why), ladder))
    index, part = len(passed), "" if all(rung.loses_all(why) for rung in passed) else "part of "
    missing = ", ".join(word for place, rung in enumerate(passed) for word in _missing(rung, why, is_first=not place))
    if index < len(ladder):
        name = ladder[index].tier
        said = f'{part}{what} falls to rung {index} "{name}": {missing}'
        return Fall(Reason.FALLS_TO_TIER, index, name, said)
    if answers:
        said = f"{part}{what} falls to the answer, rung {index}: {missing}"
        return Fall(Reason.FALLS_TO_ANSWER, index, ANSWER, said)
    said = f"{part}{what} is refused with 503: {missing}, and spec.degrade leads nowhere else"
    return Fall(Reason.NOTHING_LEFT, index, NOTHING, said)


def _missing(rung: Rung, why: Mapping[str, str], *, is_first: bool) -> Iterator[str]:
    total = sum(map(weight, rung.models))
    for model in rung.models:
        if model.name in rung.lost(why):
            share = "" if rung.loses_all(why) else f" (weight {weight(model)} of {total})"
            place = "" if is_first else f' of "{rung.tier}"'
            yield f"{model.name}{place}{share} {why[model.name]}"
