"""Tiers and the models in them."""

from collections.abc import Iterable, Sequence

from modelfleet.api.checks import repeated, unique_in_cel
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.routingpolicy.tiers import WeightedModel
from modelfleet.api.rule import Rule, unless

MODELS = ("spec.tiers[*].models", "spec.rules[*].models")
RESERVED = ("unsure", "else")


def weight(model: WeightedModel) -> int:
    """The weight that holds: 1 where none is given."""
    return 1 if model.weight is None else model.weight


def _some_weight(models: Sequence[WeightedModel]) -> bool:
    return any(weight(model) for model in models)


def tier_names(spec: RoutingPolicySpec) -> list[str]:
    """The names of the tiers, from small to large."""
    return [tier.name for tier in spec.tiers]


def no_tier(spec: RoutingPolicySpec, names: Iterable[str]) -> list[str]:
    """Those of the names that are no tier of the policy."""
    return [name for name in names if name not in tier_names(spec)]


TIERS = (
    Rule(
        name="tiers-unique",
        at=("spec.tiers",),
        reads=("[*].name",),
        cel=unique_in_cel("name"),
        broken=repeated(lambda tier: tier.name, "name"),
        message="each tier has a name of its own: rename one of them",
        example="tiers: [{name: a, models: [{name: m}]}, {name: a, models: [{name: n}]}]",
    ),
    Rule(
        name="tier-name-free",
        at=("spec.tiers[*].name",),
        cel="!(self in ['unsure', 'else'])",
        broken=unless(lambda name: name not in RESERVED),
        message="unsure and else are words of classify: give the tier another name",
        example="tiers: [{name: unsure, models: [{name: m}]}]",
    ),
    Rule(
        name="models-unique",
        at=MODELS,
        reads=("[*].name",),
        cel=unique_in_cel("name"),
        broken=repeated(lambda model: model.name, "name"),
        message="each model is named once: remove the repetition, or add up the weights",
        example="tiers: [{name: a, models: [{name: m}, {name: m}]}]",
    ),
    Rule(
        name="weights-above-zero",
        at=MODELS,
        reads=("[*].weight",),
        cel="self.exists(model, !has(model.weight) || model.weight > 0)",
        broken=unless(_some_weight),
        message="no model has a weight above 0, so none would get a request: raise one, or remove the weights",
        example="tiers: [{name: a, models: [{name: m, weight: 0}]}]",
    ),
)
