"""Which tiers a request can get to, and how."""

from collections.abc import Iterator, Sequence

from modelfleet.api.routingpolicy.decision import RoutingRule
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.rules.tiers import tier_names
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.findings import Finding, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_reach(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Tiers that nothing leads to, and falls that lead up."""
    for policy in snapshot.policies.values():
        yield from _unreached(policy)
        yield from _falls_up(policy)


def _unreached(policy: RoutingPolicy) -> Iterator[Finding]:
    names, reached = tier_names(policy.spec), reached_tiers(policy.spec)
    for index, name in enumerate(names):
        if name not in reached:
            yield Finding(
                policy.key,
                ("spec", "tiers", index, "name"),
                Reason.UNREACHABLE,
                "no rule, default, ladder or escalation leads to this tier: add a rule for it, or remove it",
                Severity.WARNING,
            )


def _falls_up(policy: RoutingPolicy) -> Iterator[Finding]:
    names = tier_names(policy.spec)
    # What a request may want is the step that the ladder begins on: the largest, for the others fall less far.
    before = max(wanted_tiers(policy.spec), key=names.index, default=names[-1])
    for index, rung in enumerate(policy.spec.degrade or ()):
        if rung.tier is None:
            continue
        if names.index(before) < names.index(rung.tier):
            yield Finding(
                policy.key,
                ("spec", "degrade", index, "tier"),
                Reason.FALLS_UP,
                f'leads up, from "{before}" to the larger tier "{rung.tier}": order the ladder from large to small',
                Severity.WARNING,
            )
        before = rung.tier


def reached_tiers(spec: RoutingPolicySpec) -> set[str]:
    """The tiers that some request can get to: wanted, climbed to, or fallen to."""
    names, wanted = tier_names(spec), wanted_tiers(spec)
    steps = (spec.escalate.max or 1) if spec.escalate else 0
    climbed = {name for start in wanted for name in names[names.index(start) : names.index(start) + steps + 1]}
    return climbed | {rung.tier for rung in spec.degrade or () if rung.tier}


def wanted_tiers(spec: RoutingPolicySpec) -> set[str]:
    """The tiers that a rule, a score or the default chooses."""
    wanted: set[str] = set()
    for rule in spec.rules or ():
        wanted |= _chosen(rule, spec)
        if rule.when is None:
            return wanted  # every request stops here
    return wanted | {spec.tiers[0].name}


def _chosen(rule: RoutingRule, spec: RoutingPolicySpec) -> set[str]:
    if rule.classify is None:
        return {rule.tier} if rule.tier else set()
    names = tier_names(spec)
    doubt = rule.classify.get("unsure")
    chosen = {name for name in rule.classify if name != "unsure"} | {doubt.text if doubt else names[-1]}
    return {_bounded(name, names, spec) for name in chosen}


def _bounded(name: str, names: Sequence[str], spec: RoutingPolicySpec) -> str:
    index, bounds = names.index(name), spec.classifier
    if bounds and bounds.floor:
        index = max(index, names.index(bounds.floor))
    if bounds and bounds.ceiling:
        index = min(index, names.index(bounds.ceiling))
    return names[index]
