"""Rules of the policy: their names, and that each leads to one place that exists."""

from modelfleet.api.checks import repeated, unique_in_cel
from modelfleet.api.routingpolicy.decision import RoutingRule
from modelfleet.api.routingpolicy.rules.tiers import no_tier
from modelfleet.api.routingpolicy.serves import Identifiers
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import Rule, unless
from modelfleet.findings import Path, Reason

TARGETS = ("tier", "models", "answer", "classify")


def _one_target(rule: RoutingRule) -> bool:
    return sum(getattr(rule, target) is not None for target in TARGETS) == 1


def _rules_to_no_tier(spec: RoutingPolicySpec) -> list[Path]:
    rules = enumerate(spec.rules or ())
    return [("rules", index, "tier") for index, rule in rules if rule.tier and no_tier(spec, [rule.tier])]


def _features_have_a_header(identifiers: Identifiers) -> bool:
    return identifiers.features is None or identifiers.feature is not None


CHOICES = (
    Rule(
        name="rules-unique",
        at=("spec.rules",),
        reads=("[*].name",),
        cel=unique_in_cel("name"),
        broken=repeated(lambda rule: rule.name, "name"),
        message="each rule has a name of its own, which the evidence shows: rename one of them",
        example="rules: [{name: a, tier: light}, {name: a, tier: light}]",
    ),
    Rule(
        name="rule-name-free",
        at=("spec.rules[*].name",),
        cel="self != 'default'",
        broken=unless(lambda name: name != "default"),
        message="default is the name of what happens when no rule fits: give the rule another name",
        example="rules: [{name: default, tier: light}]",
    ),
    Rule(
        name="rule-has-one-target",
        at=("spec.rules[*]",),
        reads=TARGETS,
        cel=f"[{', '.join(f'has(self.{target})' for target in TARGETS)}].exists_one(given, given)",
        broken=unless(_one_target),
        message="a rule leads to one place: give exactly one of tier, models, answer and classify",
        example="rules: [{name: a, when: {stream: true}}]",
    ),
    Rule(
        name="rules-name-tiers",
        at=("spec",),
        reads=("tiers[*].name", "rules[*].tier"),
        cel="!has(self.rules) || self.rules.all(r, !has(r.tier) || self.tiers.exists(t, t.name == r.tier))",
        field=".rules",
        broken=_rules_to_no_tier,
        message="a rule names a tier that is not in spec.tiers: correct the name, or add the tier",
        example="rules: [{name: a, tier: huge}]",
        reason=Reason.TIER_NOT_FOUND,
    ),
    Rule(
        name="features-have-a-header",
        at=("spec.identifiers",),
        reads=("feature", "features"),
        cel="!has(self.features) || has(self.feature)",
        broken=unless(_features_have_a_header),
        message="features are told apart by a header: add feature with its name, or remove features",
        example="identifiers: {features: [search]}",
    ),
)
