"""The status of a policy: which of its names it serves, and what holds where it says nothing."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.ladder import DEFAULT_STREAM, DEFAULT_TOTAL
from modelfleet.api.routingpolicy.rules.tries import repeats_of, worst_case
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.findings import Condition, Finding, Key, Reason
from modelfleet.fleet.envoys import Reported
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.claims import Claim, owners_of
from modelfleet.routing.clauses.timeouts import DEFAULT_FIRST_TOKEN, DEFAULT_GAP, NONE
from modelfleet.statuses.conditions import FALSE, TRUE, Row, ready, told, unread, wire
from modelfleet.statuses.degraded import degraded
from modelfleet.statuses.inforce import in_force
from modelfleet.statuses.programmed import programmed
from modelfleet.statuses.supply import Supply
from modelfleet.statuses.verdict import Verdict, not_judged

MOST_LOST = 64


class Names:
    """Who serves each name."""

    def __init__(self, snapshot: FleetSnapshot) -> None:
        self._snapshot = snapshot

    @cached_property
    def owners(self) -> Mapping[Claim, Key]:
        """The policy that has each name; looked for only where somebody lost one."""
        return owners_of(self._snapshot.policies.values())

    @property
    def reported(self) -> Reported:
        """What gateways say of it."""
        return self._snapshot.reported


def policy_status(verdict: Verdict, names: Names, supply: Supply) -> dict[str, Any]:
    """The status of a RoutingPolicy."""
    resource = verdict.judged.resource
    accepted, resolved = verdict.accepted(Condition.RESOLVED_REFS, Condition.CONFLICTED), verdict.resolved()
    wrong = accepted.is_bad or resolved.is_bad
    conflicted = not_judged(Condition.CONFLICTED) if wrong else _conflicted(verdict)
    taken = programmed(verdict.judged, names.reported, wrong=wrong)
    fallen = degraded(verdict.judged, supply, wrong=wrong)
    rows = [accepted, resolved, conflicted, taken.row, fallen.row]
    status = {**wire([*rows, ready(rows, taken.row.message)], verdict.judged.generation), **in_force(verdict.judged)}
    status |= {**taken.more, **fallen.more}
    if isinstance(resource, RoutingPolicy):
        status["effective"] = effective(resource.spec)
        if conflicted.is_bad and (lost := list(_lost(resource, verdict.of(Condition.CONFLICTED), names))):
            status["lostNames"] = lost[:MOST_LOST]
    return status


def _conflicted(verdict: Verdict) -> Row:
    type_ = Condition.CONFLICTED
    if found := verdict.of(type_):
        return Row(type_, TRUE, found[0].reason, told(found))
    if "RoutingPolicy" in verdict.unknown:
        return unread(type_, "RoutingPolicy", verdict.unknown["RoutingPolicy"])
    return Row(type_, FALSE, Reason.NO_CONFLICT, "no other policy has a name of its own first")


def _lost(policy: RoutingPolicy, found: Sequence[Finding], names: Names) -> Iterator[dict[str, str]]:
    serves = policy.spec.serves
    indices = {one.path[-1] for one in found if one.reason is Reason.CONFLICTED}
    models = [model for index, model in enumerate(serves.models) if index in indices]
    for model, host in product(models, serves.hosts or ("",)):
        owners = (names.owners.get((gateway, host, model)) for gateway in serves.gateways)
        for owner in sorted({owner for owner in owners if owner and owner != policy.key}):
            yield {"model": model, **({"host": host} if host else {}), "to": f"{owner.namespace}/{owner.name}"}


def effective(spec: RoutingPolicySpec) -> dict[str, Any]:
    """What holds for a policy after defaults."""
    times = spec.timeouts or NONE
    total = times.total or DEFAULT_TOTAL
    return {
        "total": str(total),
        "firstToken": str(times.first_token or DEFAULT_FIRST_TOKEN),
        "answer": str(times.answer or total),
        "betweenTokens": str(times.between_tokens or DEFAULT_GAP),
        "stream": str(times.stream or DEFAULT_STREAM),
        "attempts": repeats_of(spec),
        "worstCaseTries": worst_case(spec).tries,
    }
