"""Conditions and limits that ask for what the policy has no way to know."""

from collections.abc import Iterator

from modelfleet.api.routingpolicy.decision import When
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.sharing import Per
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.findings import Finding, Path, Reason, Severity
from modelfleet.fleet.snapshot import FleetSnapshot


def check_facts(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Conditions that never hold, and limits that cannot tell callers apart."""
    for policy in snapshot.policies.values():
        for path, when in conditions(policy):
            for field, message in _never(when, policy.spec):
                yield Finding(policy.key, (*path, field), Reason.NEVER_MATCHES, message, Severity.WARNING)
        yield from _limits(policy)


def conditions(policy: RoutingPolicy) -> Iterator[tuple[Path, When]]:
    """Everything that the policy asks of requests, and where."""
    for index, rule in enumerate(policy.spec.rules or ()):
        if rule.when:
            yield ("spec", "rules", index, "when"), rule.when
    for name, traffic in (policy.spec.classes or {}).items():
        if traffic.when:
            yield ("spec", "classes", name, "when"), traffic.when


def _never(when: When, spec: RoutingPolicySpec) -> Iterator[tuple[str, str]]:
    names = spec.identifiers
    if when.step and not (names and names.step):
        yield "step", "never holds, since nothing says which step a request is of: add identifiers.step"
    if when.feature and not (names and names.feature):
        yield "feature", "never holds, since nothing says which feature a request is of: add identifiers.feature"
    elif when.feature and when.feature not in ("other", *((names and names.features) or ())):
        declare = f'add "{when.feature}" to identifiers.features'
        yield "feature", f"never holds, since features that are not declared count as other: {declare}"
    if when.tenant and when.tenant != "anonymous" and not spec.access:
        yield "tenant", "never holds, since without access every caller is the tenant anonymous: add access"


def _limits(policy: RoutingPolicy) -> Iterator[Finding]:
    spec, names = policy.spec, policy.spec.identifiers
    unknown = {
        Per.TENANT: (not spec.access, "without access every caller is the tenant anonymous", "access"),
        Per.FEATURE: (not (names and names.features), "no feature is declared", "identifiers.features"),
        Per.STEP: (not (names and names.step), "nothing says which step it is", "identifiers.step"),
        Per.CLASS: (not spec.classes, "there are no classes", "classes"),
        Per.POLICY: (False, "", ""),
    }
    for index, limit in enumerate(spec.limits or ()):
        missing, why, what = unknown[limit.per]
        if missing:
            message = f"counts all requests as one, since {why}: add {what}, or count per policy"
            reason = Reason.NO_TENANTS if limit.per is Per.TENANT else Reason.INCOHERENT
            yield Finding(policy.key, ("spec", "limits", index, "per"), reason, message, Severity.WARNING)
