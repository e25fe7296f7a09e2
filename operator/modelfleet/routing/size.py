"""How much a policy says: its gateways are sent all of it again with each change, and hold it twice."""

import json
from collections.abc import Iterator, Mapping, Sequence

from modelfleet.findings import Finding, Reason
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.clauses.rules import plan_rules
from modelfleet.routing.clauses.tiers import plan_targets

MOST = 320 * 1024
"""Bytes that the rules of a policy may come to; with all else that it can say they then fit into one resource."""
FEW = 10
"""So many rules are never too much, however long each of them is."""
ENTRY = 20
"""What stands around each value on its way, at most."""


def check_size(snapshot: FleetSnapshot) -> Iterator[Finding]:
    """Policies whose rules come to more than a gateway is sent in one piece."""
    for policy in snapshot.policies.values():
        rules = policy.spec.rules or ()
        # A rule that goes by a score is not planned yet, and keeps its policy out anyway.
        if len(rules) <= FEW or any(rule.classify for rule in rules):
            continue
        size = _size(plan_rules(policy.spec, plan_targets(policy, snapshot)))
        if size > MOST:
            message = (
                f"the rules come to {size // 1024} KiB, and {MOST // 1024} KiB are the most: shorten answers and"
                " headers, or make two policies"
            )
            yield Finding(policy.key, ("spec", "rules"), Reason.OUT_OF_RANGE, message)


def _size(value: object) -> int:
    if isinstance(value, str):
        # As it travels: in JSON a control character takes six bytes.
        return ENTRY + len(json.dumps(value, ensure_ascii=False).encode())
    if isinstance(value, Mapping):
        return ENTRY + sum(_size(key) + _size(inner) for key, inner in value.items())
    if isinstance(value, Sequence):
        return ENTRY + sum(map(_size, value))
    return ENTRY
