"""How many tries one request can cause when everything fails, and the bound on that."""

from collections.abc import Collection
from dataclasses import dataclass

from modelfleet.api.routingpolicy.decision import RoutingRule
from modelfleet.api.routingpolicy.rules.tiers import tier_names
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.api.rule import Rule
from modelfleet.findings import Path

MOST = 12
"""A fleet that is down is asked once more with each try: what helps one request then keeps all others waiting."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most tries that one request can cause, and what they come from."""

    rungs: int
    """The tiers, or models of a rule, on the longest ladder; an answer at its end needs no try."""
    repeats: int
    """How often each of them is tried again."""
    climbs: int
    """How often an answer that is not sure of itself leads to a larger tier."""

    @property
    def tries(self) -> int:
        """All of them together."""
        return (self.repeats + 1) * self.rungs + self.climbs


def worst_case(spec: RoutingPolicySpec) -> WorstCase:
    """The worst case of a policy.

    It is of all that its rules name: that one rule hides another, or that floor and ceiling bound a score, is not
    looked at, so that the API server can count the same.
    """
    # An answer stands at the end, so no step is behind it: another rule sees to that.
    falls = [rung.tier for rung in spec.degrade or () if rung.tier]
    # A ladder has no tier twice: what is wanted comes on top only where it is no step of degrade.
    return WorstCase(len(falls) + _goes_beyond(spec, falls), repeats_of(spec), _climbs(spec))


def repeats_of(spec: RoutingPolicySpec) -> int:
    """How often a rung is tried again. With a ladder there is something better to do than to ask once more."""
    declared = spec.retries.attempts if spec.retries else None
    if declared is not None:
        return declared
    return 0 if spec.degrade else 1


def _climbs(spec: RoutingPolicySpec) -> int:
    if spec.escalate is None:
        return 0
    return 1 if spec.escalate.max is None else spec.escalate.max


def _goes_beyond(spec: RoutingPolicySpec, falls: Collection[str]) -> bool:
    """Whether some request can want what is not in degrade: by a rule, or the first tier, which is the default."""
    names = tier_names(spec)
    return names[0] not in falls or any(_leads_beyond(rule, names, falls) for rule in spec.rules or ())


def _leads_beyond(rule: RoutingRule, names: Collection[str], falls: Collection[str]) -> bool:
    return (
        rule.models is not None
        or (rule.tier is not None and rule.tier not in falls)
        or (rule.classify is not None and any(name not in falls for name in names))
    )


def _too_many(spec: RoutingPolicySpec) -> list[Path]:
    worst = worst_case(spec)
    if worst.tries <= MOST:
        return []
    # Repeats weigh most, for each rung has them. Without any, only climbs that were asked for lead this far.
    return [("retries", "attempts") if worst.repeats else ("escalate", "max")]


_FALLS = "has(self.degrade) ? self.degrade.map(d, has(d.tier), d.tier) : []"
_REPEATS = (
    "has(self.retries) && has(self.retries.attempts) ? self.retries.attempts"
    " : has(self.degrade) && self.degrade.size() > 0 ? 0 : 1"
)
_CLIMBS = "!has(self.escalate) ? 0 : has(self.escalate.max) ? self.escalate.max : 1"
_LEADS_BEYOND = (
    "has(r.models) || has(r.tier) && !(r.tier in falls) || has(r.classify) && self.tiers.exists(t, !(t.name in falls))"
)
_GOES_BEYOND = f"!(self.tiers[0].name in falls) || has(self.rules) && self.rules.exists(r, {_LEADS_BEYOND})"

TRIES = (
    Rule(
        name="tries-up-to-most",
        at=("spec",),
        reads=(
            *("tiers[*].name", "rules[*].tier", "rules[*].models", "rules[*].classify"),
            *("degrade[*].tier", "retries.attempts", "escalate.max"),
        ),
        cel=f"[{_FALLS}].all(falls,"
        f" (({_REPEATS}) + 1) * (falls.size() + ({_GOES_BEYOND} ? 1 : 0)) + ({_CLIMBS}) <= {MOST})",
        broken=_too_many,
        message=f"one request could cause more than {MOST} tries, (attempts + 1) x rungs + escalate.max:"
        " lower retries.attempts, shorten degrade, or lower escalate.max",
        example="{rules: [{name: a, models: [{name: m}]}], retries: {attempts: 6}, degrade: [{tier: light}]}",
    ),
)
