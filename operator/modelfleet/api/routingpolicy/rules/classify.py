"""Choosing a tier by score: the names, the rising thresholds, floor and ceiling."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from modelfleet.api.routingpolicy.rules.tiers import no_tier, tier_names
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import Check, Rule
from modelfleet.api.scalars.numbers import Bound
from modelfleet.findings import Path, Reason

READS = ("tiers[*].name", "rules[*].classify[*]")
THREE = "tiers: [{name: s, models: [{name: a}]}, {name: m, models: [{name: b}]}, {name: l, models: [{name: c}]}]"
NAMED = "self.tiers.filter(t, t.name in r.classify)"


def _each(check: Callable[[RoutingPolicySpec, Mapping[str, Bound]], list[Path]]) -> Check:
    """The check of one classify, made on all of them."""

    def broken(spec: RoutingPolicySpec) -> Iterator[Path]:
        for index, rule in enumerate(spec.rules or ()):
            if rule.classify:
                yield from (("rules", index, "classify", *place) for place in check(spec, rule.classify))

    return broken


def _each_in_cel(check: str) -> str:
    return f"!has(self.rules) || self.rules.all(r, !has(r.classify) || {check})"


def _no_tiers(spec: RoutingPolicySpec, classify: Mapping[str, Bound]) -> list[Path]:
    return [(name,) for name in no_tier(spec, classify) if name != "unsure"]


def _doubt_leads_nowhere(spec: RoutingPolicySpec, classify: Mapping[str, Bound]) -> list[Path]:
    doubt = classify.get("unsure")
    return [("unsure",)] if doubt and no_tier(spec, [doubt.text]) else []


def _bounds(spec: RoutingPolicySpec, classify: Mapping[str, Bound]) -> list[tuple[str, Bound]]:
    return [(name, classify[name]) for name in tier_names(spec) if name in classify]


def _last_is_not_else(spec: RoutingPolicySpec, classify: Mapping[str, Bound]) -> list[Path]:
    bounds = _bounds(spec, classify)
    if not bounds:
        return [()]
    wrong: list[Path] = [(name,) for name, bound in bounds[:-1] if bound.below is None]
    name, bound = bounds[-1]
    return wrong if bound.text == "else" else [*wrong, (name,)]


def _not_rising(spec: RoutingPolicySpec, classify: Mapping[str, Bound]) -> list[Path]:
    bounds = [(name, bound.below) for name, bound in _bounds(spec, classify) if bound.below is not None]
    return [(name,) for (_, below), (name, above) in pairwise(bounds) if above <= below]


def _bounds_that_are_no_tier(spec: RoutingPolicySpec) -> list[Path]:
    ends = {"floor": spec.classifier and spec.classifier.floor, "ceiling": spec.classifier and spec.classifier.ceiling}
    return [("classifier", end) for end, name in ends.items() if name and no_tier(spec, [name])]


def _floor_above_ceiling(spec: RoutingPolicySpec) -> list[Path]:
    names, classifier = tier_names(spec), spec.classifier
    if classifier is None or classifier.floor not in names or classifier.ceiling not in names:
        return []
    return [("classifier", "floor")] if names.index(classifier.floor) > names.index(classifier.ceiling) else []


CLASSIFY = (
    Rule(
        name="classify-names-tiers",
        at=("spec",),
        reads=READS,
        cel=_each_in_cel("r.classify.all(name, name == 'unsure' || self.tiers.exists(t, t.name == name))"),
        field=".rules",
        broken=_each(_no_tiers),
        message="classify names a tier that is not in spec.tiers: correct the name, or add the tier",
        example="rules: [{name: a, classify: {huge: '<0.5', light: else}}]",
        reason=Reason.TIER_NOT_FOUND,
    ),
    Rule(
        name="unsure-names-a-tier",
        at=("spec",),
        reads=READS,
        cel=_each_in_cel("!('unsure' in r.classify) || self.tiers.exists(t, t.name == r.classify['unsure'])"),
        field=".rules",
        broken=_each(_doubt_leads_nowhere),
        message="behind unsure stands the tier that doubt goes to: name one of spec.tiers",
        example="rules: [{name: a, classify: {light: else, unsure: huge}}]",
        reason=Reason.TIER_NOT_FOUND,
    ),
    Rule(
        name="classify-ends-in-else",
        at=("spec",),
        reads=READS,
        cel=_each_in_cel(
            f"[{NAMED}].all(l, l.size() > 0 && r.classify[l[l.size() - 1].name] == 'else'"
            " && l.all(t, t.name == l[l.size() - 1].name || r.classify[t.name].startsWith('<')))"
        ),
        field=".rules",
        broken=_each(_last_is_not_else),
        message="classify ends in else: give the largest tier else, and each smaller one a score such as <0.35",
        example="rules: [{name: a, classify: {light: '<0.5'}}]",
    ),
    Rule(
        name="classify-rises",
        at=("spec",),
        reads=READS,
        cel=_each_in_cel(
            f"[{NAMED}.filter(t, r.classify[t.name].startsWith('<')).map(t, double(r.classify[t.name].substring(1)))]"
            ".all(l, l.isSorted() && l.all(x, l.exists_one(y, x == y)))"
        ),
        field=".rules",
        broken=_each(_not_rising),
        message="scores must rise in the order of spec.tiers: raise the later one, or lower the earlier",
        example=f"{{{THREE}, rules: [{{name: a, classify: {{s: '<0.5', m: '<0.5', l: else}}}}]}}",
    ),
    Rule(
        name="classifier-names-tiers",
        at=("spec",),
        reads=("tiers[*].name", "classifier.floor", "classifier.ceiling"),
        cel="!has(self.classifier)"
        " || ((!has(self.classifier.floor) || self.tiers.exists(t, t.name == self.classifier.floor))"
        " && (!has(self.classifier.ceiling) || self.tiers.exists(t, t.name == self.classifier.ceiling)))",
        field=".classifier",
        broken=_bounds_that_are_no_tier,
        message="floor and ceiling are tiers: name one of spec.tiers",
        example="classifier: {floor: huge}",
        reason=Reason.TIER_NOT_FOUND,
    ),
    Rule(
        name="floor-up-to-ceiling",
        at=("spec",),
        reads=("tiers[*].name", "classifier.floor", "classifier.ceiling"),
        cel="!has(self.classifier) || !has(self.classifier.floor) || !has(self.classifier.ceiling)"
        " || !self.tiers.exists(t, t.name == self.classifier.floor)"
        " || [self.tiers.map(t, t.name)].all(l, !(self.classifier.ceiling in l)"
        " || l.indexOf(self.classifier.floor) <= l.indexOf(self.classifier.ceiling))",
        field=".classifier",
        broken=_floor_above_ceiling,
        message="floor must not be a larger tier than ceiling: exchange them, or remove one",
        example=f"{{{THREE}, classifier: {{floor: l, ceiling: s}}}}",
    ),
)
